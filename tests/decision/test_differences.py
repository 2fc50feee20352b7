"""By how much figures differ, and when that is more than noise."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import make_planned

from selector.decision.differences import (
    SESSIONS,
    Basis,
    Difference,
    counted,
    estimate,
    paired,
    reach_for,
    settle,
    spread_sessions,
    widened_for,
)
from selector.decision.meetings import Meetings
from selector.metrics import METRICS, MetricResult, MetricValue, NotObserved
from selector.types import Duel, Interval, RunOff

NAMES = METRICS.names()


def measured(value: float, noise: float = 0.02, **changes: object) -> MetricValue:
    return replace(MetricValue(value, value * (1 - noise), value * (1 + noise), 0.95, samples=500), **changes)


def told(key: str, first: MetricResult, second: MetricResult, **options: object) -> Difference:
    ((found,), _) = settle([estimate(key, first, second, **options)])
    return found


@st.composite
def figures(draw: st.DrawFn) -> MetricResult:
    """Figures of every sort: with both ends, with one, read once, exact, zero, none."""
    value = draw(st.one_of(st.just(0.0), st.floats(1e-6, 1e6)))
    below, above = draw(st.floats(0, 0.9)), draw(st.floats(0, 3))
    low = draw(st.sampled_from([None, value * (1 - below)]))
    high = draw(st.sampled_from([None, value * (1 + above)]))
    evidence = draw(st.sampled_from(["measured", "published"]))
    known = MetricValue(value, low, high, draw(st.sampled_from([None, 0.95, 0.99])), evidence, "here", 1)
    return draw(st.sampled_from([known, known, known, NotObserved("not measured")]))


def near(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def inverse(value: float | None) -> float | None:
    """An end that lies at zero is one that is not known, seen from the other side."""
    return None if not value else 1 / value


class TestOneDifference:
    def test_a_ratio_with_the_interval_that_both_give(self) -> None:
        """Both known to within 2 %: their ratio to within 2 % times the square root of two."""
        found = told("latency_p50", measured(0.010), measured(0.020))
        assert found.basis is Basis.INTERVALS
        assert found.ratio is not None
        assert found.ratio.value == pytest.approx(2)
        assert found.ratio.low == pytest.approx(2 * math.exp(-math.hypot(math.log(0.98), math.log(1.02))), rel=1e-6)
        assert (found.beyond_noise, found.better) == (True, "first")

    def test_a_rate_is_better_when_it_is_higher(self) -> None:
        assert told("throughput", measured(100), measured(200)).better == "second"

    def test_two_that_overlap_are_within_noise(self) -> None:
        found = told("latency_p50", measured(0.0100), measured(0.0102))
        assert (found.beyond_noise, found.better) == (False, None)

    def test_shares_are_told_in_points(self) -> None:
        exact = (MetricValue(0.80, evidence="published"), MetricValue(0.81, evidence="published"))
        found = told("accuracy_top1", *exact)
        assert (found.basis, found.ratio, found.better) == (Basis.EXACT, None, "second")
        assert found.gap is not None
        assert found.gap.value == pytest.approx(0.01)

    def test_what_was_read_once_differs_only_by_more_than_readings_do(self) -> None:
        def read(value: float) -> MetricValue:
            return MetricValue(value, samples=1)

        near_, far = told("memory_peak", read(1e9), read(1.04e9)), told("memory_peak", read(1e9), read(1.1e9))
        assert (near_.basis, near_.beyond_noise) == (Basis.READINGS, False)
        assert (far.beyond_noise, far.better) == (True, "first")
        assert not told("cold_start", read(1.0), read(1.8)).beyond_noise
        assert told("cold_start", read(1.0), read(2.5)).beyond_noise

    def test_a_missing_figure_is_no_difference(self) -> None:
        found = told("latency_p50", measured(0.01), NotObserved("not measured"))
        assert (found.basis, found.ratio, found.gap, found.beyond_noise) == (Basis.MISSING, None, None, False)
        assert not found.equal
        assert told("latency_p50", NotObserved("a"), NotObserved("b")).equal

    def test_an_end_that_is_not_known_leaves_that_side_open(self) -> None:
        open_above = replace(measured(0.020), high=None)
        found = told("latency_p50", measured(0.010), open_above)
        assert found.ratio is not None
        assert found.ratio.high is None
        assert found.better == "first"
        assert not told("latency_p50", open_above, measured(0.030)).beyond_noise

    def test_sessions_are_added(self) -> None:
        pair = measured(0.0100, 0.001), measured(0.0104, 0.001)
        assert told("latency_p50", *pair).beyond_noise
        assert not told("latency_p50", *pair, sessions=SESSIONS).beyond_noise
        assert told("latency_p50", measured(0.01, 0.001), measured(0.0106, 0.001), sessions=SESSIONS).beyond_noise

    def test_one_measurement_for_both_is_no_comparison(self) -> None:
        one = estimate("latency_p50", measured(0.01), measured(0.01), same=True)
        assert not one.noisy
        assert one.settle(2.0).equal


class TestPaired:
    @pytest.fixture
    def meetings(self) -> Meetings:
        duel = Duel("a", "b", "mean", Interval(1.02, 1.01, 1.03))
        names = {"candidates": ("a", "b"), "identities": ("a", "b"), "latencies": {}, "summaries": {}}
        environment = make_planned().candidate
        run_off = RunOff(
            **names, id="r", environment=environment, run_id="run", created=None, statistic="mean", rounds=8,  # type: ignore[arg-type]
            queries=5, duels=(duel,), disturbed_by=(), wall_seconds=1.0,
        )  # fmt: skip
        return Meetings([run_off])

    def test_the_run_off_tells_what_two_intervals_cannot(self, meetings: Meetings) -> None:
        one = paired("latency_mean", measured(0.0102), measured(0.0100), ("a", "b"), meetings)
        assert one is not None
        found = one.settle(reach_for(1))
        assert found.basis is Basis.PAIRED
        assert found.ratio is not None
        assert found.ratio.value == pytest.approx(1 / 1.02)
        assert found.ratio.low == pytest.approx(1 / 1.03, rel=1e-3)
        assert found.better == "second"
        assert told("latency_mean", measured(0.0102), measured(0.0100)).better is None

    def test_a_rate_is_the_inverse(self, meetings: Meetings) -> None:
        one = paired("throughput", measured(98), measured(100), ("a", "b"), meetings)
        assert one is not None
        found = one.settle(reach_for(1))
        assert found.ratio is not None
        assert found.ratio.value == pytest.approx(1.02)
        assert found.better == "second"

    def test_without_a_meeting_there_is_none(self, meetings: Meetings) -> None:
        assert paired("latency_mean", measured(1), measured(1), ("a", "c"), meetings) is None
        assert paired("latency_p50", measured(1), measured(1), ("a", "b"), meetings) is None
        assert paired("latency_mean", measured(1), NotObserved(""), ("a", "b"), meetings) is None


@given(st.sampled_from(NAMES), figures(), figures(), st.floats(0, 0.1))
def test_exchanging_the_two_mirrors_everything(
    key: str, first: MetricResult, second: MetricResult, sessions: float
) -> None:
    one, other = told(key, first, second, sessions=sessions), told(key, second, first, sessions=sessions)
    assert (one.basis, one.equal, one.beyond_noise) == (other.basis, other.equal, other.beyond_noise)
    assert one.better == {"first": "second", "second": "first", None: None}[other.better]
    assert (one.ratio is None) == (other.ratio is None)
    if one.ratio is not None and other.ratio is not None:
        assert near(one.ratio.value, inverse(other.ratio.value))
    if one.gap is not None and other.gap is not None:
        assert near(one.gap.value, -other.gap.value)
        if one.ratio is None and one.gap.low is not None:
            assert other.gap.high is not None
            assert near(one.gap.low, -other.gap.high)


@given(st.sampled_from(NAMES), figures(), st.booleans())
def test_the_same_figures_are_never_beyond_noise(key: str, figure: MetricResult, same: bool) -> None:
    found = told(key, figure, figure, same=same)
    assert (found.beyond_noise, found.better, found.equal) == (False, None, True)


class TestManyComparisons:
    def test_they_hold_together(self) -> None:
        """Of a hundred pairs without difference, all intervals hold in 95 of 100 experiments or more."""
        draw = random.Random(7)
        reach, alarms, experiments = reach_for(100), 0, 400
        for _ in range(experiments):
            ones = []
            for _ in range(100):
                values = [math.exp(draw.gauss(0, 0.01)) for _ in range(2)]
                figures_ = [MetricValue(one, one * math.exp(-0.0196), one * math.exp(0.0196), 0.95) for one in values]
                ones.append(estimate("latency_p50", *figures_))
            alarms += any(one.settle(reach).beyond_noise for one in ones)
        assert alarms / experiments <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / experiments)
        assert reach_for(1) == pytest.approx(1.96, abs=0.001)
        assert reach > 3

    def test_one_measurement_that_speaks_for_two_tags_counts_once(self) -> None:
        one = estimate("latency_p50", measured(1), measured(2), family=("m1", "m2"))
        other = estimate("latency_p95", measured(1), measured(2), family=("m1", "m2"))
        exact = estimate("parameters", MetricValue(1, evidence="published"), MetricValue(2, evidence="published"))
        assert counted([one, one, other, exact]) == 2


class TestSessions:
    def test_little_known_is_the_promise_of_steady_figures(self) -> None:
        assert spread_sessions([]) == SESSIONS
        assert spread_sessions([[1.0, 2.0]]) == SESSIONS
        assert 1.96 * math.sqrt(2) * SESSIONS == pytest.approx(0.05, rel=1e-3)

    def test_sessions_that_differ_more_count(self) -> None:
        assert spread_sessions([[1.0, 1.1, 0.9, 1.2], [5.0]]) == pytest.approx(0.124, abs=0.01)
        assert spread_sessions([[1.0, 1.001, 0.999]]) == SESSIONS

    def test_a_figure_gets_the_interval_that_it_has_across_sessions(self) -> None:
        wide = widened_for("latency_p50", measured(0.010, 0.001), SESSIONS, 1.96)
        assert wide.high == pytest.approx(0.010 * math.exp(1.96 * SESSIONS), rel=1e-3)
        exact = MetricValue(0.8, evidence="published")
        assert widened_for("accuracy_top1", exact, SESSIONS, 3.0) is exact
