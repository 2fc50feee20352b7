"""The JSON report: valid by its published schema, every candidate once, base units, no NaN."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from support.evidence import make_evidence, make_measurement, make_observation, make_planned, make_profile
from support.sample_decisions import NAMES, sample_decision

from selector.decision import Decision, decide
from selector.reports import render
from selector.reports.json_report import LISTS, schema
from selector.requirements import RequirementProfile
from selector.types import Interval


def _object(decision: Decision) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render(decision, "json"), parse_constant=_refuse)
    return found


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_the_schema_is_a_schema_and_strict() -> None:
    published = schema()
    jsonschema.Draft202012Validator.check_schema(published)
    assert published["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert published["additionalProperties"] is False
    assert published["$defs"]["candidate"]["additionalProperties"] is False


@pytest.mark.parametrize("name", NAMES)
def test_every_report_is_valid(name: str) -> None:
    jsonschema.validate(_object(sample_decision(name)), schema(), jsonschema.Draft202012Validator)


def test_the_schema_notices_what_it_should() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    for spoil in (
        lambda data: data.pop("certificate"),
        lambda data: data.update(more=1),
        lambda data: data["ranked"][0].pop("outcome"),
        lambda data: data["ranked"][0].update(stage="measured"),
        lambda data: data["rejected"][0].update(stage="later"),
        lambda data: data["ranked"][0]["metrics"]["latency_p95"].update(unit="ms"),
        lambda data: data["ranked"][0]["metrics"]["latency_p95"].update(evidence="guessed"),
        lambda data: data["ranked"][0]["requirements"]["latency_p95"].update(verdict="maybe"),
        lambda data: data["ranked"][0].update(image_size=[1]),
        lambda data: data.update(schema_version="2.0"),
    ):
        data = _object(sample_decision("quickstart"))
        spoil(data)
        assert not validator.is_valid(data)


@pytest.mark.parametrize("name", NAMES)
def test_every_candidate_stands_in_one_list(name: str) -> None:
    decision = sample_decision(name)
    data = _object(decision)
    listed = [entry["id"] for key in LISTS for entry in data[key]]
    assert sorted(listed) == sorted(planned.candidate.id for planned in decision.evidence.plan.considered)
    assert data["winner"] == (data["ranked"][0] if data["ranked"] else None)


def test_the_fields_that_others_rely_on() -> None:
    decision = sample_decision("cloud")
    data = _object(decision)
    assert data["schema_version"] == "1.3"
    assert data["run_id"] == decision.evidence.run_id
    assert RequirementProfile.from_dict(data["profile"]) == decision.profile
    assert data["device"]["kind"] == "cuda"
    assert data["device"]["memory"] == 24 * 2**30
    assert data["environment"]["id"] == decision.evidence.plan.environment.id
    assert data["environment"]["versions"]["torch"]
    assert data["timing"] == {"wall_seconds": 192.4, "measured_seconds": 171.0}
    assert data["certificate"]["stopped_because"] == "time_budget"
    assert {entry["stage"] for entry in data["rejected"]} == {"static", "measured"}
    assert all("stage" not in entry for key in LISTS if key != "rejected" for entry in data[key])
    assert {entry["outcome"] for entry in data["unavailable"]} == {"unavailable"}
    assert {entry["outcome"] for entry in data["not_measured"]} <= {None}
    assert {entry["outcome"] for entry in data["failed"]} == {"out_of_memory"}


def test_figures_are_in_base_units_with_their_interval() -> None:
    planned = make_planned(candidate={"image_size": (160, 224), "settings": (("threads", "4"),)}, top1=None)
    profile = make_profile({"latency_p95": "< 50 ms"}, objective={"direction": "minimize", "metric": "latency_p95"})
    data = _object(decide(profile, make_evidence([(planned, make_measurement(planned.candidate, p50=0.02))])))
    winner = data["winner"]
    assert winner["image_size"] == [160, 224]
    assert winner["settings"] == {"threads": "4"}
    assert winner["weights"] == {"tag": "a1_in1k", "sha256": "0" * 64, "source": "pretrained"}
    figure = winner["metrics"]["latency_p95"]
    assert figure["value"] == pytest.approx(0.022)
    assert (figure["unit"], figure["evidence"], figure["samples"]) == ("s", "measured", 500)
    assert figure["low"] < figure["value"] < figure["high"]
    assert winner["requirements"]["latency_p95"] == {
        "verdict": "holds",
        "comparison": "<",
        "limit": 0.05,
        "shortfall": 0.0,
    }
    assert "accuracy_top1" not in winner["metrics"]
    assert "published" in winner["not_observed"]["accuracy_top1"]


def test_square_images_are_one_number_and_unmeasured_weights_are_named() -> None:
    data = _object(sample_decision("nothing_measured"))
    (waiting,) = data["not_measured"]
    assert waiting["image_size"] == 224
    assert waiting["weights"] == {"tag": "a1_in1k", "sha256": None, "source": None}
    assert data["certificate"] == {
        "strategy": None,
        "candidates": 1,
        "measured": 0,
        "confidence": None,
        "stopped_because": None,
        "asked": None,
        "saved_seconds": None,
        "missed": [],
    }


def test_readings_that_are_no_numbers_are_not_observed() -> None:
    planned = make_planned()
    observation = make_observation()
    broken = replace(
        observation,
        first_call=math.nan,
        summary=replace(observation.summary, mean=Interval(0.01, -math.inf, math.inf)),
    )
    measurement = make_measurement(planned.candidate, observation=broken)
    data = _object(decide(make_profile({"latency_p95": "< 50 ms"}), make_evidence([(planned, measurement)])))
    (one,) = data["ranked"]
    assert "cold_start" in one["not_observed"]
    jsonschema.validate(data, schema(), jsonschema.Draft202012Validator)


def test_misses_name_candidates_that_are_listed() -> None:
    data = _object(sample_decision("no_choice"))
    assert data["winner"] is None
    assert data["nearest_misses"]
    listed = {entry["id"] for key in LISTS for entry in data[key]}
    for miss in data["nearest_misses"]:
        assert miss["candidate"] in listed
        assert miss["relaxation"].startswith("relax ")
