"""What browsing asks of a decision: some candidates, figures relative to the best, parts of a score, rows."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import make_evidence, make_measurement, make_planned, make_profile
from support.sample_decisions import NAMES, sample_decision
from support.sample_store import CPU, fill

from selector.catalog import load_catalog
from selector.decision import decide
from selector.decision.sensitivity import each_sensitivity, sensitivities
from selector.reports import (
    browsing,
    catalogue,
    content,
    drawing,
    drawing_parts,
    drawing_times,
    figures,
    history,
    pictures,
    timings,
)
from selector.reports.limits import limit_ranges, shares, weights_of, with_weights
from selector.reports.ranges import rows_of, stay_ranges, strip
from selector.requirements import load_profile
from selector.requirements.objective import weighted
from selector.store import Store


def test_nothing_wanted_is_everything_and_each_wish_narrows() -> None:
    ranked = sample_decision("quickstart").ranked
    assert browsing.sift(ranked, browsing.Wanted()) == ranked
    offered = browsing.choices(ranked)
    assert offered.most_parameters is not None
    for wish in (
        browsing.Wanted(families=offered.families[:1]),
        browsing.Wanted(ways=offered.ways[:1]),
        browsing.Wanted(licenses=("mit",)),
        browsing.Wanted(max_parameters=offered.most_parameters / 2),
        browsing.Wanted(text="OPENVINO"),
        browsing.Wanted(ids={ranked[3].id}),
    ):
        found = browsing.sift(ranked, wish)
        assert 0 < len(found) < len(ranked)
        assert list(found) == [one for one in ranked if one in found], "in their order"


def test_a_range_on_the_figure_holds_the_points_within() -> None:
    data = figures.scatter(sample_decision("quickstart"))
    point = data.points[len(data.points) // 2]
    assert point.id in browsing.brushed(data, (point.x + 0.01, point.x - 0.01), (point.y - 1, point.y + 1))
    assert browsing.brushed(data, (), ()) == {one.id for one in data.points}
    assert browsing.brushed(data, (-2, -1), ()) == frozenset()


def test_relative_figures_are_multiples_of_the_best() -> None:
    decision = sample_decision("quickstart")
    table = content.ranking_table(decision, decision.ranked)
    found = browsing.relative(table)
    for place, column in enumerate(table.columns):
        numbers = [row[place].number for row in found.rows if row[place].number is not None]
        if column.key in ("rank", "model", "way", "limit"):
            assert [row[place] for row in found.rows] == [row[place] for row in table.rows]
        elif browsing.arrow(column) == "↓":
            assert min(numbers) == 1
        else:
            assert max(numbers) == 1


def test_the_parts_of_a_score_add_up_to_it() -> None:
    weights = {"latency_p50": 0.75, "parameters": 0.25}
    profile = make_profile({}).model_copy(update={"objective": weighted(weights, None, "single-stream")})
    rows = []
    for place, name in enumerate(("a_net.x", "b_net.x", "c_net.x")):
        planned = make_planned(name, parameters=int((5 - place) * 1e6))
        rows.append((planned, make_measurement(planned.candidate, p50=0.01 * (place + 1))))
    decision = decide(profile, make_evidence(rows))
    parts = browsing.score_parts(decision)
    assert {one.metric for one in parts} == {"p50", "parameters"}
    assert min(one.part for one in parts) == 0
    scores = {content.name(one): one.metrics["score"].value for one in decision.ranked}
    sums = {name: sum(one.part for one in parts if one.candidate == name) for name in scores}
    names = list(scores)
    for one, other in itertools.pairwise(names):
        assert sums[other] - sums[one] == pytest.approx(math.log(scores[other] / scores[one]))
    drawn = drawing_parts.draw_parts(parts).to_dict()
    assert json.loads(json.dumps(drawn)) == drawn


def test_without_weights_there_are_no_parts() -> None:
    assert browsing.score_parts(sample_decision("quickstart")) == ()


@pytest.mark.parametrize("name", NAMES)
def test_every_candidate_has_rows(name: str) -> None:
    for one in sample_decision(name).assessments[:40]:
        assert [row[0] for row in browsing.figure_rows(one)]
        assert all(len(row) == 4 and all("\n" not in cell for cell in row) for row in browsing.figure_rows(one))
        assert dict(browsing.fact_rows(one))["batch"] == str(one.planned.candidate.batch_size)


def test_warm_up_is_drawn_query_by_query() -> None:
    one = sample_decision("quickstart").ranked[0]
    data = timings.warm_up(one)
    assert data is not None
    assert one.measurement is not None
    assert one.measurement.observation is not None
    assert len(data.times) == len(one.measurement.observation.warmup)
    assert "warm up" in drawing_times.draw_warm_up(data).to_dict()["description"]
    assert timings.warm_up(sample_decision("quickstart").unavailable[0]) is None


def test_any_candidate_has_the_ladder_of_its_model() -> None:
    decision = sample_decision("quickstart")
    other = next(
        one for one in decision.ranked if one.planned.candidate.model != decision.ranked[0].planned.candidate.model
    )
    data = timings.ladder(decision, other)
    assert data is not None
    assert data.model == other.planned.candidate.model


def test_a_scatter_that_is_not_checked_is_the_same_figure() -> None:
    data = figures.scatter(sample_decision("cloud"))
    checked = drawing.draw_scatter(data).to_dict()
    quick = drawing.scatter_spec(data)
    assert [layer["mark"] for layer in quick["layer"]] == [layer["mark"] for layer in checked["layer"]]
    assert len(quick["datasets"]["points"]) == len(data.points)
    chosen = drawing.scatter_spec(data, picked="one", brushed="two")
    assert {one["name"] for one in chosen["params"]} >= {"one", "two"}


def test_the_catalog_against_what_is_measured() -> None:
    models = load_catalog().models
    known = next(facts for facts in models if facts.published and facts.gmacs)
    data = catalogue.published(models, {known.architecture: {"eager": 2, "openvino": 1}}, most=100)
    assert len(data.points) == 100
    assert data.left_out > 100
    here = [one for one in data.points if one.standing == "measured here"]
    assert known.name in {one.model for one in here}
    assert {one.ways for one in here} == {"eager, openvino"}
    assert data.points[-1].standing == "measured here", "drawn last, so on top"
    spec = drawing_parts.draw_catalogue(data)
    assert len(spec["datasets"]["points"]) == 100
    columns = catalogue.catalogue_columns(models[:50], {})
    assert {len(column) for column in columns.values()} == {50}


def test_strips_lie_within_their_sliders_and_say_what_the_rows_say() -> None:
    decision = sample_decision("quickstart")
    found = sensitivities(decision)
    assert tuple(each_sensitivity(decision)) == found
    assert rows_of(decision, found) == stay_ranges(decision)
    ranges = {one.key: one for one in limit_ranges(decision)}
    for one in found:
        data = strip(ranges[one.key], one)
        assert data.low <= data.left <= data.right <= data.high
        assert data.left <= ranges[one.key].value <= data.right
        assert all(data.low <= place <= data.high for place, _ in data.marks)
        assert drawing_times.draw_strip(data).to_dict()["description"] == data.description


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_weights_are_moved_as_shares(first: float, second: float) -> None:
    objective = weighted({"latency_p50": 0.5, "parameters": 0.5}, None, "single-stream")
    profile = make_profile({}).model_copy(update={"objective": objective})
    assert weights_of(profile) == {"latency_p50": 50, "parameters": 50}
    assert with_weights(profile, weights_of(profile)) is profile
    moved = with_weights(profile, {"latency_p50": first, "parameters": second}).objective.weights
    wanted = shares({"latency_p50": first, "parameters": second})
    assert moved == pytest.approx(wanted)
    assert sum(moved.values()) == pytest.approx(1)


def test_runs_and_measurements_are_rows() -> None:
    with Store("sqlite://") as store:
        fill(store, load_profile("quickstart"), samples=40)
        (run,) = store.runs()
        measured = store.measurements(run.id)
        columns = history.run_columns([run], store.outcomes([run.id]))
        assert columns["measured"][0] + columns["failed"][0] == len(measured)
        assert history.going_on([run]) == ()
        assert history.since(run, run.started.replace(tzinfo=dt.UTC) + dt.timedelta(seconds=90)) == "1 min 30 s"
        rows = history.measurement_columns(measured)
        assert {len(column) for column in rows.values()} == {len(measured)}
        assert store.measurements(run.id, last=3) == measured[-3:]
        ways = store.measured_ways()
        assert sum(sum(one.values()) for one in ways.values()) == len(measured)


def test_a_figure_is_a_picture_too() -> None:
    made = pictures.scatter_picture(sample_decision("quickstart"), "memory_peak", "accuracy_top1")
    assert made.startswith(b"\x89PNG")
    assert made != pictures.scatter_picture(sample_decision("quickstart"))


def test_runs_of_an_environment_that_is_gone_are_stale() -> None:
    later = replace(CPU, driver="6.9.0")
    with Store("sqlite://") as store:
        old = fill(store, load_profile("quickstart"), CPU, samples=40)
        new = fill(store, load_profile("quickstart"), later, samples=40)
        columns = history.run_columns(store.runs(), {}, store.environments())
    told = dict(zip(columns["run"], columns["evidence"], strict=True))
    assert told[new] == "in use"
    assert told[old].startswith("stale")
