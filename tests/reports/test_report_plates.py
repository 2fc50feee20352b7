"""The figures of a report: those that have data, each where it belongs, ready for any renderer."""

from __future__ import annotations

import json
import re

import pytest
from support.sample_decisions import NAMES, sample_decision

from selector.reports import Context
from selector.reports.plates import plates, vegalite_version, zoomed
from selector.reports.record import Section, decision_record

FOUND = {
    "cloud": ["front", "headroom", "ladder", "ranges", "spreads"],
    "quickstart": ["front", "headroom", "ladder", "ranges", "spreads"],
    "no_choice": ["front"],
    "nothing_measured": [],
    "no_candidates": [],
    "no_requirements": ["front"],
    "offline": [],
    "hostile": ["front", "headroom", "ranges"],
}


def keys(section: Section) -> set[str]:
    return {section.key}.union(*map(keys, section.parts))


@pytest.mark.parametrize("name", NAMES)
def test_figures_without_data_are_left_out_and_the_others_have_their_section(name: str) -> None:
    decision = sample_decision(name)
    found = plates(decision)
    assert [one.key for one in found] == FOUND[name]
    sections: set[str] = set().union(*map(keys, decision_record(decision, Context()).sections))
    assert {one.section for one in found} <= sections
    for one in found:
        assert one.title
        assert one.caption.endswith(".")
        assert one.description


def test_the_same_decision_gives_the_same_charts() -> None:
    first, second = plates(sample_decision("cloud")), plates(sample_decision("cloud"))
    assert json.dumps([one.spec for one in first]) == json.dumps([one.spec for one in second])


def test_rows_are_written_once() -> None:
    front = plates(sample_decision("cloud"))[0].spec
    assert all(set(layer["data"]) == {"name"} for layer in front["layer"])
    assert {layer["data"]["name"] for layer in front["layer"]} == set(front["datasets"])
    assert json.dumps(front).count('"p95 52.1 ms') <= 1


def test_zooming_moves_the_scales_of_the_chart() -> None:
    for one in plates(sample_decision("cloud")):
        made = zoomed(one.spec, one.zoom)
        bearers = [layer for layer in made["layer"] if "params" in layer]
        assert len(bearers) == bool(one.zoom)
        if one.zoom:
            assert all(layer["mark"]["clip"] for layer in made["layer"])
            assert bearers[0]["params"][0]["select"]["encodings"] == list(one.zoom)
        assert not any("params" in layer for layer in one.spec["layer"]), "the figure itself stays as it is"


def test_the_language_is_one_that_the_renderer_knows() -> None:
    import vl_convert

    assert re.fullmatch(r"\d+\.\d+", vegalite_version())
    assert vegalite_version() in vl_convert.get_vegalite_versions()
