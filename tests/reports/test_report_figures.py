"""Figures: their data is what the decision says, their drawing is a valid chart."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
from support.evidence import make_evidence, make_measurement, make_planned, make_profile
from support.sample_decisions import NAMES, sample_decision

from selector.decision import decide
from selector.reports.argument import differences
from selector.reports.drawing import draw_headroom, draw_scatter
from selector.reports.figures import axes_to_pick, default_axes, headroom_bars, scatter
from selector.reports.text import file_name
from selector.types import Observation


def test_points_are_the_candidates_that_have_both_figures() -> None:
    decision = sample_decision("cloud")
    data = scatter(decision)
    assert (data.x.key, data.y.key) == ("latency_p95", "accuracy_top1")
    standings = {point.id: point.standing for point in data.points}
    assert decision.winner is not None
    assert standings[decision.winner.id] == "chosen"
    assert {standings[one.id] for one in decision.ranked[1:]} == {"feasible"}
    assert {standings[one.id] for one in decision.undecided} == {"undecided"}
    measured = [one.id for one in decision.rejected if one.stage == "measured"]
    assert {standings[name] for name in measured} == {"rejected"}
    assert len(data.points) == len(decision.ranked) + len(decision.undecided) + len(measured)
    assert data.points[-1].standing == "chosen"
    assert data.left_out == 0


def test_coordinates_are_in_peoples_units_with_their_interval() -> None:
    planned = make_planned(top1=0.8)
    evidence = make_evidence([(planned, make_measurement(planned.candidate, p50=0.02, noise=0.1))])
    (point,) = scatter(decide(make_profile({"latency_p50": "< 50 ms"}), evidence)).points
    assert (point.x, point.x_low, point.x_high) == pytest.approx((20.0, 18.0, 22.0))
    assert (point.y, point.y_low, point.y_high) == pytest.approx((80.0, 80.0, 80.0))
    assert (point.x_text, point.y_text) == ("20 ms", "80.0 % (published)")


def test_the_region_is_where_every_limit_on_the_axes_holds() -> None:
    data = scatter(sample_decision("cloud"))
    assert data.region is not None
    (left, right), (bottom, top) = data.region
    assert (left, right) == (data.x.domain[0], 50.0)
    assert (bottom, top) == (85.0, data.y.domain[1])
    inside = {
        point.id
        for point in data.points
        if left <= point.x_low and point.x_high < right and bottom < point.y_low and point.y_high <= top
    }
    assert {one.id for one in sample_decision("cloud").ranked} <= inside
    assert data.description.startswith("top-1 (%) against p95 (ms) of ")
    assert "p95 < 50 ms and top-1 > 85 % holds" in data.description


def test_without_limits_there_is_no_region() -> None:
    assert scatter(sample_decision("no_requirements")).region is None
    assert scatter(sample_decision("cloud"), "artifact_size", "parameters").region is None


def test_everything_drawn_lies_in_the_domain() -> None:
    for name in NAMES:
        data = scatter(sample_decision(name))
        for point in data.points:
            assert data.x.domain[0] <= point.x_low <= point.x_high <= data.x.domain[1]
            assert data.y.domain[0] <= point.y <= data.y.domain[1]


def test_far_rejected_candidates_are_left_out_first() -> None:
    decision = sample_decision("cloud")
    data = scatter(decision, most=len(decision.ranked) + 5)
    assert {one.id for one in decision.ranked} <= {point.id for point in data.points}
    assert data.left_out == len(scatter(decision).points) - len(data.points) > 0


def test_names_stand_apart_and_the_chosen_is_among_them() -> None:
    data = scatter(sample_decision("cloud"))
    assert [tag.chosen for tag in data.names].count(True) == 1
    heights = sorted(tag.y for tag in data.names)
    room = 0.045 * (data.y.domain[1] - data.y.domain[0])
    assert all(high - low >= room for low, high in itertools.pairwise(heights))


def test_axes_follow_the_profile() -> None:
    assert default_axes(sample_decision("offline"))[0] == "throughput"
    assert default_axes(sample_decision("no_requirements")) == ("latency_p50", "accuracy_top1")
    assert axes_to_pick(sample_decision("no_candidates")) == ()
    pickable = axes_to_pick(sample_decision("cloud"))
    assert {"latency_p95", "accuracy_top1", "cost_per_million", "memory_peak", "parameters"} <= set(pickable)
    assert "energy_per_image" not in pickable


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_a_valid_chart(name: str) -> None:
    data = scatter(sample_decision(name))
    chart = draw_scatter(data).to_dict()
    assert chart["description"] == data.description
    assert json.loads(json.dumps(chart, allow_nan=False)) == chart


def test_axes_may_be_forced_linear_and_the_colours_are_fixed() -> None:
    data = scatter(sample_decision("cloud"))
    assert data.x.logarithmic
    linear = json.dumps(draw_scatter(data, logarithmic=False).to_dict())
    assert '"type": "log"' not in linear
    for colour in ("#D55E00", "#1B87C9", "#B58900", "#8C8C8C"):
        assert colour in linear


def test_the_front_is_what_no_other_point_beats() -> None:
    for name in NAMES:
        data = scatter(sample_decision(name))
        front = data.front
        for one in front:
            assert not [each for each in data.points if each.x < one.x and each.y > one.y]
            assert not [each for each in data.points if each.x <= one.x and each.y > one.y]
        kept = {(one.x, one.y) for one in front}
        for one in data.points:
            if (one.x, one.y) not in kept:
                assert [each for each in front if each.x <= one.x and each.y >= one.y]
        assert [one.x for one in front] == sorted(one.x for one in front)


def test_the_front_follows_the_direction_of_its_metrics() -> None:
    data = scatter(sample_decision("cloud"), "throughput", "latency_p95")
    for one in data.front:
        assert not [each for each in data.points if each.x > one.x and each.y < one.y]


def test_hostile_names_are_values_and_not_code() -> None:
    text = json.dumps(draw_scatter(scatter(sample_decision("hostile"))).to_dict(), ensure_ascii=False)
    assert "<script>" in text  # as a value in the data, which vega shows as text
    assert "\\u202e" not in text
    assert "\u202e" not in text


def test_bars_are_shares_of_the_limit() -> None:
    winner = sample_decision("cloud").winner
    assert winner is not None
    bars = headroom_bars(winner)
    assert [bar.requirement for bar in bars][:2] == ["p95 < 50 ms", "top-1 > 85 %"]
    assert all(0 < bar.share < 1 and bar.verdict == "holds" for bar in bars)
    assert all(bar.low <= bar.share <= bar.high for bar in bars)
    assert bars[0].low < bars[0].high, "a measured figure has an interval"
    assert bars[1].low == bars[1].high, "a published one has none"
    chart = draw_headroom(bars).to_dict()
    assert bars[0].text in chart["description"]


def test_bars_of_a_rejected_candidate_go_beyond_the_limit() -> None:
    planned = make_planned()
    decision = decide(
        make_profile({"latency_p50": "< 5 ms"}),
        make_evidence([(planned, make_measurement(planned.candidate, p50=0.01))]),
    )
    (bar,) = headroom_bars(decision.rejected[0])
    assert bar.share == pytest.approx(2.0)
    assert (bar.verdict, bar.text) == ("fails", "p50 10 ms, limit < 5 ms, 100 % over")


def test_where_all_are_as_accurate_memory_parts_them() -> None:
    ways = [make_planned(optimization=way) for way in ("eager", "openvino", "compile")]
    rows = [
        (one, make_measurement(one.candidate, p50=0.01 + 0.01 * place, memory={"peak": (place + 1) << 20}))
        for place, one in enumerate(ways)
    ]
    profile = make_profile({"latency_p50": "< 1 s"})
    assert default_axes(decide(profile, make_evidence(rows))) == ("latency_p50", "memory_peak")
    data = scatter(decide(profile, make_evidence(rows)))
    assert len({point.y for point in data.points}) == 3


def test_what_an_open_end_may_reach_is_within_the_noise() -> None:
    eager, fast = make_planned(), make_planned(optimization="openvino")
    slow, quick = make_measurement(eager.candidate, p50=0.02), make_measurement(fast.candidate, p50=0.01)
    assert quick.observation is not None
    summary = quick.observation.summary
    p50 = replace(summary.percentiles["p50"], high=None)
    open_end = replace(summary, percentiles={**summary.percentiles, "p50": p50})
    profile = make_profile({"latency_p50": "< 1 s"})

    def told(observation: Observation) -> str:
        decision = decide(profile, make_evidence([(eager, slow), (fast, replace(quick, observation=observation))]))
        first, second = (decision.find(one.candidate.id) for one in (eager, fast))
        return next(one.text for one in differences(decision, first, second) if one.key == "latency_p50")

    assert "within the noise" not in told(quick.observation)
    assert "within the noise" in told(replace(quick.observation, summary=open_end))


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("resnet18.a1_in1k @ eager", 64, "resnet18.a1_in1k @ eager"),
        ("runs/swin.pth", 64, "runs/swin.pth"),
        ("/home/me/models/runs/swin.pth @ openvino", 64, "…/runs/swin.pth @ openvino"),
        ("../a/very_long_name_of_a_file_of_weights.safetensors", 20, "…/a/very_l…fetensors"),
    ],
)
def test_own_weights_are_called_by_folder_and_file_where_room_is_short(text, width, shown):
    assert file_name(text, width) == shown
    assert len(shown) <= width
