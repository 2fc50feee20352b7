"""The figures of time: shapes hold every query, the ladder is relative to eager."""

from __future__ import annotations

import json

import pytest
from support.evidence import make_evidence, make_measurement, make_observation, make_planned, make_profile
from support.sample_decisions import NAMES, sample_decision

from selector.decision import Decision, decide
from selector.profiler.statistics import decode, encode, summarize
from selector.reports.drawing_times import draw_ladder, draw_spreads
from selector.reports.timings import FEWEST, FINALISTS, ladder, spreads
from selector.types import Measurement, Planned


def timed(planned: Planned, samples: list[float], **changes: object) -> Measurement:
    data = encode(samples)
    observation = make_observation(latencies=data, summary=summarize(decode(data)))
    return make_measurement(planned.candidate, observation=observation, **changes)


def decided(*samples: list[float], limit: str = "< 50 ms") -> Decision:
    planned = [make_planned(f"net{place}.a1_in1k", top1=0.8 - 0.01 * place) for place in range(len(samples))]
    rows = [(one, timed(one, taken)) for one, taken in zip(planned, samples, strict=True)]
    return decide(make_profile({"latency_p50": limit}), make_evidence(rows))


def test_every_query_is_in_a_bin_or_beyond() -> None:
    data = spreads(sample_decision("cloud"))
    assert data is not None
    assert len(data.rows) == FINALISTS
    for row in data.rows:
        assert sum(share for _, _, share in row.bins) * row.queries + row.beyond == pytest.approx(row.queries)
        assert all(left < right for left, right, _ in row.bins)
        assert data.domain == pytest.approx((row.bins[0][0], row.bins[-1][1]))
        assert row.beyond <= 0.01 * row.queries


def test_bins_count_what_lies_between_their_borders() -> None:
    taken = [0.010 + 0.0001 * number for number in range(100)]
    data = spreads(decided(taken))
    assert data is not None
    (row,) = data.rows
    for left, right, share in row.bins:
        inside = sum(left < 1000 * one <= right for one in taken)
        assert share == pytest.approx(inside / 100, abs=0.011)
    assert (row.queries, row.beyond) == (100, 0)
    assert data.title == "time of a query (ms)"


def test_marks_are_the_figures_that_were_decided_on() -> None:
    decision = sample_decision("cloud")
    data = spreads(decision)
    assert data is not None
    assert decision.winner is not None
    assert decision.winner.measurement is not None
    assert decision.winner.measurement.observation is not None
    percentiles = decision.winner.measurement.observation.summary.percentiles
    marks = {mark.percentile: mark for mark in data.rows[0].marks}
    assert set(marks) == {"p50", "p95"}
    assert marks["p95"].value == pytest.approx(1000 * percentiles["p95"].value)
    assert marks["p95"].low <= marks["p95"].value <= marks["p95"].high
    assert marks["p95"].text == "p95 38.9 ms"
    assert data.limits == ((50.0, "p95 < 50 ms"),)
    assert "160 queries, p50 35.5 ms, p95 38.9 ms" in data.description


def test_stragglers_do_not_take_the_room() -> None:
    data = spreads(decided([0.010 + 0.00001 * number for number in range(199)] + [9.0]))
    assert data is not None
    assert data.domain[1] < 50
    assert data.rows[0].beyond == 1


def test_times_orders_of_magnitude_apart_stand_on_a_logarithmic_axis() -> None:
    near = [[0.010 + 0.0001 * number for number in range(40)], [0.011 + 0.0001 * number for number in range(40)]]
    far = [near[0], [0.2 + 0.001 * number for number in range(40)]]
    close, wide = spreads(decided(*near)), spreads(decided(*far, limit="< 500 ms"))
    assert close is not None
    assert wide is not None
    assert (close.logarithmic, wide.logarithmic) == (False, True)


def test_a_limit_far_away_is_not_drawn() -> None:
    data = spreads(decided([0.001 + 0.00001 * number for number in range(40)], limit="< 5 s"))
    assert data is not None
    assert data.limits == ()


def test_without_samples_there_is_no_figure() -> None:
    assert spreads(sample_decision("no_requirements")) is None  # a sketch alone
    assert spreads(sample_decision("nothing_measured")) is None
    assert spreads(decided([0.01] * (FEWEST - 1))) is None
    assert spreads(decided([0.01] * FEWEST)) is not None


def test_tags_that_share_a_measurement_are_shown_once() -> None:
    planned = [make_planned(f"net.{tag}") for tag in ("a_in1k", "b_in1k")]
    measurement = timed(planned[0], [0.01 + 0.0001 * number for number in range(40)])
    data = spreads(decide(make_profile(), make_evidence([(one, measurement) for one in planned])))
    assert data is not None
    assert len(data.rows) == 1


def test_the_ladder_is_relative_to_eager_and_leaves_out_what_cannot_run_here() -> None:
    data = ladder(sample_decision("cloud"))
    assert data is not None
    assert data.model == "convnext_base.fb_in22k_ft_in1k"
    rungs = {rung.way: rung for rung in data.rungs}
    assert rungs["eager"].factor == 1.0
    assert rungs["amp-bf16+compile"].factor == pytest.approx(2.41, abs=0.005)
    assert rungs["amp-bf16+compile"].standing == "chosen"
    factors = [rung.factor for rung in data.rungs if rung.factor is not None]
    assert factors == sorted(factors)
    assert "openvino" not in rungs
    assert data.unavailable == 3
    for rung in data.rungs:
        if rung.low is not None and rung.factor is not None and rung.high is not None:
            assert rung.low <= rung.factor <= rung.high


def test_intervals_of_both_bound_the_factor() -> None:
    eager, fast = make_planned(), make_planned(optimization="openvino")
    rows = [
        (eager, make_measurement(eager.candidate, p50=0.02, noise=0.1)),
        (fast, make_measurement(fast.candidate, p50=0.01, noise=0.1)),
    ]
    data = ladder(decide(make_profile({"latency_p50": "< 1 s"}), make_evidence(rows)))
    assert data is not None
    rung = data.rungs[-1]
    assert (rung.factor, rung.low, rung.high) == pytest.approx((2.0, 18 / 11, 22 / 9))


def test_throughput_makes_the_ladder_of_an_offline_decision() -> None:
    rows = []
    for way, p50 in (("eager", 0.04), ("openvino", 0.01)):
        planned = make_planned(optimization=way, candidate={"scenario": "offline", "batch_size": 8})
        rows.append((planned, make_measurement(planned.candidate, p50=p50)))
    profile = make_profile({"throughput": ">= 100 img/s"}, workload={"scenario": "offline", "batch_size": 8})
    data = ladder(decide(profile, make_evidence(rows)))
    assert data is not None
    assert data.title == "throughput, times as fast as eager"
    assert [(rung.way, rung.factor) for rung in data.rungs] == [("eager", 1.0), ("openvino", pytest.approx(4.0))]


def test_without_eager_or_another_way_there_is_no_ladder() -> None:
    assert ladder(sample_decision("no_requirements")) is None
    assert ladder(sample_decision("no_choice")) is None
    fast = [make_planned(optimization=way) for way in ("openvino", "onnxruntime")]
    rows = [(one, make_measurement(one.candidate)) for one in fast]
    assert ladder(decide(make_profile(), make_evidence(rows))) is None


def test_a_failed_way_says_how_it_failed() -> None:
    ways = [make_planned(optimization=way) for way in ("eager", "openvino", "compile")]
    rows = [(one, make_measurement(one.candidate, p50=0.01 + 0.01 * place)) for place, one in enumerate(ways[:2])]
    failed = make_measurement(ways[2].candidate, outcome="build_failed", message="no compiler")
    data = ladder(decide(make_profile(), make_evidence([*rows, (ways[2], failed)])))
    assert data is not None
    assert (data.rungs[-1].way, data.rungs[-1].text) == ("compile", "build failed")
    assert "no figure of compile (build failed)" in data.description


@pytest.mark.parametrize("name", NAMES)
def test_the_drawings_are_valid_charts(name: str) -> None:
    decision = sample_decision(name)
    times, rungs = spreads(decision), ladder(decision)
    for chart in (*([draw_spreads(times)] if times else []), *([draw_ladder(rungs)] if rungs else [])):
        made = chart.to_dict()
        assert json.loads(json.dumps(made, allow_nan=False)) == made
        assert made["description"]
