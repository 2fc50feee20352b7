"""What one visit is worth on a machine whose speed changes, and what many visits say instead."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import ENVIRONMENT, make_evidence, make_measurement, make_planned, make_profile

from selector.decision import decide
from selector.decision.finalists import finalists
from selector.decision.visits import SPIN_SHARE, STEADY, is_steady, spin_spread, visits, widened
from selector.types import Evidence, Interval, LatencySummary, Measurement, Outcome, RunOff, speed_identity

FASTEST = make_profile({}, objective={"direction": "minimize", "metric": "latency_p50"})

ACCURATE = {"direction": "maximize", "metric": "accuracy_top1"}


def _measured(name: str, seconds: float, *, spread: float | None = None, noise: float = 0.01) -> Measurement:
    measurement = make_measurement(make_planned(name).candidate, seconds, noise=noise)
    if spread is None:
        return measurement
    observation = replace(measurement.observation, diagnostics={"spin_spread": spread})
    return replace(measurement, observation=observation)


def _evidence(*run_offs: RunOff, spread: float | None = None, **seconds: float) -> Evidence:
    pairs = [
        (make_planned(f"{name}.x"), _measured(f"{name}.x", value, spread=spread)) for name, value in seconds.items()
    ]
    return replace(make_evidence(pairs), run_offs=run_offs)


def _run_off(unevenness: float = 0.0, disturbed: tuple[str, ...] = (), rounds: int = 8, **seconds: float) -> RunOff:
    """A run-off in which each candidate's median was so many seconds, known to within 1 %."""
    summaries = {}
    for name, value in seconds.items():
        interval = Interval(value, 0.99 * value, 1.01 * value)
        shares = ("p50", "p90", "p95")
        percentiles = {**dict.fromkeys(shares, interval), "p99": Interval(value, None, None)}
        identity = speed_identity(make_planned(f"{name}.x").candidate, ENVIRONMENT)
        summaries[identity] = LatencySummary(120, 120 * value, interval, percentiles, 0.95)
    return RunOff(
        id="r",
        environment=ENVIRONMENT,
        run_id="run",
        created=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        candidates=tuple(f"{name}.x@eager" for name in seconds),
        identities=tuple(summaries),
        statistic="p50",
        rounds=rounds,
        queries=15,
        latencies={},
        duels=(),
        disturbed_by=disturbed,
        wall_seconds=1.0,
        summaries=summaries,
        unevenness=unevenness,
    )


def _p50(evidence: Evidence, name: str):
    return next(one for one in decide(FASTEST, evidence).assessments if one.id == f"{name}.x@eager").metrics[
        "latency_p50"
    ]


def test_many_visits_take_the_place_of_one():
    result = _p50(_evidence(_run_off(a=0.012), a=0.010), "a")
    assert (result.value, result.low, result.high) == (0.012, 0.99 * 0.012, 1.01 * 0.012)


def test_the_newest_visits_speak():
    assert _p50(_evidence(_run_off(a=0.012), _run_off(a=0.013), a=0.010), "a").value == 0.012


def test_disturbed_visits_say_nothing():
    evidence = _evidence(_run_off(0.2, ("noise",), a=0.012), a=0.010, b=0.02)
    assert _p50(evidence, "a").value == pytest.approx(0.010)
    assert _p50(evidence, "b") == _p50(_evidence(a=0.010, b=0.02), "b")


def test_a_percentile_that_the_visits_cannot_support_stays():
    evidence = _evidence(_run_off(a=0.012), a=0.010)
    settled = visits(evidence.run_offs).settle(evidence.measurements["a.x@eager"])
    before = evidence.measurements["a.x@eager"].observation.summary.percentiles["p99"]
    assert settled.observation.summary.percentiles["p99"] == before
    assert settled.observation.summary.percentiles["p95"].value == 0.012


def test_one_visit_is_worth_what_visits_differ_by():
    alone = _p50(_evidence(a=0.010, b=0.02), "b")
    widened_ = _p50(_evidence(_run_off(0.1, a=0.010), a=0.010, b=0.02), "b")
    assert widened_.value == alone.value
    assert math.log(widened_.high / widened_.value) == pytest.approx(
        math.hypot(math.log(alone.high / alone.value), 0.196), rel=1e-6
    )
    assert widened_.low < alone.low
    assert not is_steady(Interval(widened_.value, widened_.low, widened_.high))


def test_what_one_visit_seemed_to_prove_is_undecided():
    limit = make_profile({"latency_p95": "< 26 ms"}, objective={"direction": "minimize", "metric": "latency_p50"})
    even = decide(limit, _evidence(a=0.010, b=0.023))
    uneven = decide(limit, _evidence(_run_off(0.1, a=0.010), a=0.010, b=0.023))
    assert [one.id for one in even.ranked] == ["a.x@eager", "b.x@eager"]
    assert [one.id for one in uneven.ranked] == ["a.x@eager"]
    assert [one.id for one in uneven.undecided] == ["b.x@eager"]
    assert any("changes from one moment to the next by 10 %" in note for note in uneven.notes)
    assert not any("one moment to the next" in note for note in even.notes)


def test_deciding_again_from_a_decision_gives_the_same():
    decision = decide(FASTEST, _evidence(_run_off(0.1, a=0.010), a=0.010, b=0.02))
    again = decide(decision.profile, decision.evidence)
    assert [dict(one.metrics) for one in again.ranked] == [dict(one.metrics) for one in decision.ranked]


def test_run_offs_count_by_their_visits():
    few, many = _run_off(0.2, rounds=9, a=0.01), _run_off(0.0, rounds=65, a=0.01)
    assert visits((few, many)).unevenness == pytest.approx(math.sqrt(8 / 72) * 0.2)
    assert visits(()).unevenness == 0.0


def test_failures_are_left_alone():
    failed = replace(_measured("a.x", 0.01), outcome=Outcome.CRASHED, observation=None)
    assert visits((_run_off(0.3, b=0.01),)).settle(failed) is failed


class TestWhoIsVisited:
    def test_a_lone_winner_where_the_machine_is_uneven(self):
        decision = decide(FASTEST, _evidence(a=0.010, b=0.020, spread=0.2))
        found = finalists(decision)
        assert found is not None
        assert [one.id for one in found.assessments] == ["a.x@eager"]
        assert finalists(decide(FASTEST, _evidence(a=0.010, b=0.020, spread=0.01))) is None

    def test_once(self):
        assert finalists(decide(FASTEST, _evidence(_run_off(0.05, a=0.010), a=0.010, b=0.020, spread=0.2))) is None

    def test_whoever_would_be_ahead_but_for_its_latency(self):
        best = make_profile(
            {"latency_p95": "< 26 ms"}, objective={"direction": "maximize", "metric": "accuracy_top1"}
        )
        pairs = []
        for name, top1, seconds in (
            ("a.x", 0.80, 0.010),
            ("b.x", 0.82, 0.0247),
            ("c.x", 0.81, 0.0247),
            ("d.x", 0.7, 0.0247),
        ):
            pairs.append((make_planned(name, top1=top1), _measured(name, seconds, spread=0.2, noise=0.05)))
        decision = decide(best, make_evidence(pairs))
        assert decision.winner is not None
        assert decision.winner.id == "a.x@eager"
        assert {one.id for one in decision.undecided} == {"b.x@eager", "c.x@eager", "d.x@eager"}
        found = finalists(decision)
        assert found is not None
        assert found.statistic == "p95"
        assert [one.id for one in found.assessments] == ["b.x@eager", "c.x@eager", "a.x@eager"]

    def test_nobody_where_time_does_not_count(self):
        best = make_profile({}, objective={**ACCURATE, "tie_breakers": ("parameters",)})
        assert finalists(decide(best, _evidence(a=0.010, spread=0.2))) is None


def test_an_uneven_machine_is_told_by_its_spins():
    uneven = [_measured("a.x", 0.01, spread=0.2), _measured("b.x", 0.01, spread=0.1), _measured("c.x", 0.01)]
    assert spin_spread(uneven) == pytest.approx(0.15)
    assert spin_spread([]) == 0.0
    assert visits((), uneven).unevenness == pytest.approx(SPIN_SHARE * 0.15)
    assert visits((_run_off(0.3, a=0.01),), uneven).unevenness == 0.3
    assert visits((), [_measured("a.x", 0.01, spread=0.04)]).unevenness == 0.0


def test_visits_within_a_few_seconds_count_as_few():
    """What visits of one minute cannot know of the next is not left out either."""
    visited = _run_off(0.1, a=0.012)
    hasty = _p50(_evidence(replace(visited, wall_seconds=3.0), a=0.010), "a")
    patient = _p50(_evidence(replace(visited, wall_seconds=300.0), a=0.010), "a")
    assert math.log(hasty.high / hasty.value) == pytest.approx(math.hypot(math.log(1.01), 0.196), rel=1e-6)
    assert math.log(patient.high / patient.value) == pytest.approx(math.hypot(math.log(1.01), 0.0196), rel=1e-6)


POSITIVE = st.floats(1e-5, 10.0)


@given(POSITIVE, st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_widening_widens_and_never_turns(value, below, above, less, more):
    interval = Interval(value, value * (1 - 0.9 * below), value * (1 + above))
    narrow, wide = (widened(interval, one) for one in sorted((less, less + more)))
    for inner, outer in ((interval, narrow), (narrow, wide)):
        assert outer.low <= inner.low * (1 + 1e-12)
        assert outer.high >= inner.high * (1 - 1e-12)
        assert 0 < outer.low <= outer.value <= outer.high


@given(POSITIVE, st.floats(0.0, 0.3))
def test_ends_that_are_not_known_stay_so(value, unevenness):
    assert widened(Interval(value, None, None), unevenness) == Interval(value, None, None)
    assert not is_steady(Interval(value, None, value))
    assert is_steady(Interval(value, value * (1 - 0.9 * STEADY), value))
