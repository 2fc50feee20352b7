"""Fronts over any metrics: nobody on one is beaten, everybody else is, noise parts nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import make_evidence, make_measurement, make_planned, make_profile
from support.sample_decisions import NAMES, sample_decision

from selector.decision import Assessment, decide
from selector.decision.deciding import relaxation
from selector.decision.dominance import axes, dominators, front
from selector.decision.figures import metric_of
from selector.errors import UnknownNameError, UsageError
from selector.metrics import MetricValue
from selector.requirements import Verdict

METRICS = ("latency_p50", "accuracy_top1", "parameters")


def _figure(key: str, value: float, noise: float) -> MetricValue:
    return MetricValue(value, value - noise, value + noise, evidence="measured", source="made up", samples=30)


@st.composite
def _assessments(draw: st.DrawFn) -> list[Assessment]:
    """Candidates with few distinct figures, so that some are equal and many dominated; noise of some size."""
    decision = sample_decision("cloud")
    pattern = decision.ranked[0]
    levels = st.integers(1, 5)
    found = []
    for number in range(draw(st.integers(0, 12))):
        planned = make_planned(f"model_{number}.a1_in1k")
        metrics = {key: _figure(key, draw(levels), draw(st.sampled_from((0.0, 0.6)))) for key in METRICS}
        if draw(st.integers(0, 9)) == 0:
            del metrics["parameters"]
        found.append(Assessment(planned, pattern.status, metrics, {}, (), rank=number + 1))
    return found


def _beats_everywhere(one: Assessment, other: Assessment) -> bool:
    """The definition, metric by metric."""
    better = False
    for key in METRICS:
        mine, theirs = one.metrics[key], other.metrics[key]
        assert isinstance(mine, MetricValue)
        assert isinstance(theirs, MetricValue)
        sign = -1 if metric_of(key).better == "higher" else 1
        if sign * mine.value > sign * theirs.value:
            return False
        ends = (mine.high, theirs.low) if sign == 1 else (theirs.high, mine.low)
        assert None not in ends
        better = better or ends[0] < ends[1]  # type: ignore[operator]
    return better


@given(_assessments())
def test_the_front_is_who_is_beaten_by_nobody(candidates: list[Assessment]) -> None:
    found = front(candidates, METRICS)
    known = [one for one in candidates if len(one.metrics) == len(METRICS)]
    expected = [one.id for one in known if not any(_beats_everywhere(other, one) for other in known)]
    assert [one.id for one in found.members] == expected
    assert (found.dominated, found.unknown) == (len(known) - len(expected), len(candidates) - len(known))
    assert found.lacking == (("parameters",) if found.unknown else ())
    assert bool(found.members) is bool(known), "dominance has no cycles, so somebody is always left"


@pytest.mark.parametrize("name", NAMES)
def test_whoever_is_dominated_in_a_decision_is_behind_somebody_who_is_not(name: str) -> None:
    decision = sample_decision(name)
    over = axes(decision.profile)
    on_front = {one.id for one in front(decision.ranked, over).members}
    known = {one.id for one in decision.ranked if all(isinstance(one.metrics[key], MetricValue) for key in over)}
    for one in decision.ranked:
        by = dominators(decision, one)
        assert bool(by) is (one.id in known - on_front)
        assert one.id not in {other.id for other in by}
    for one in decision.not_measured:
        assert not dominators(decision, one)


def test_noise_alone_dominates_nobody() -> None:
    pairs = []
    for name, mean in (("a.x", 0.0100), ("b.x", 0.01001)):
        planned = make_planned(name)
        pairs.append((planned, make_measurement(planned.candidate, mean)))
    decision = decide(make_profile(), make_evidence(pairs))
    assert len(decision.ranked) == 2
    assert not any(dominators(decision, one) for one in decision.ranked)


def test_any_metric_can_be_asked_also_one_that_the_profile_does_not_speak_of() -> None:
    decision = sample_decision("cloud")
    assert "latency_p90" not in decision.ranked[0].metrics
    (best,) = front(decision.ranked, ["latency_p90"]).members[:1]
    assert best in decision.ranked
    with pytest.raises(UnknownNameError, match="unknown metric 'latency_p96'"):
        front(decision.ranked, ["latency_p96"])
    with pytest.raises(UsageError, match="at least one metric"):
        front(decision.ranked, [])


@pytest.mark.parametrize("name", NAMES)
def test_what_would_admit_a_candidate_admits_it(name: str) -> None:
    decision = sample_decision(name)
    assert all(relaxation(decision, one) is None for one in (*decision.ranked, *decision.failed))
    for one in (*decision.rejected, *decision.undecided):
        miss = relaxation(decision, one)
        if miss is None:
            continue
        assert miss.assessment.id == one.id
        profile = decision.profile
        for key, limit in miss.limits.items():
            profile = profile.with_limit(key, limit)
        again = decide(profile, decision.evidence).find(one.id)
        assert all(again.judgements[key].verdict is Verdict.HOLDS for key in miss.limits)
        assert again.rank is not None or again.measurement is None
