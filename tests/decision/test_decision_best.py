"""The best so far, told measurement by measurement."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.drawn import evidences, profiles
from support.evidence import make_evidence, make_measurement, make_planned, make_profile

from selector.decision import decide
from selector.decision.assessing import Assessor
from selector.decision.best import Best
from selector.decision.ranking import criteria_of
from selector.requirements import RequirementProfile
from selector.types import Evidence, Measurement, Plan, Planned, speed_identity


def identified(planned: Planned, measurement: Measurement, plan: Plan) -> Measurement:
    return replace(measurement, identity=speed_identity(planned.candidate, plan.environment))


def expected(profile: RequirementProfile, evidence: Evidence) -> str:
    """By brute force: among all that `decide` finds feasible, the one with the best values."""
    criteria = criteria_of(profile)
    ranked = decide(profile, evidence).ranked
    losses = [(tuple(rule.span(one.metrics[rule.key]).value for rule in criteria), one.id) for one in ranked]
    return min(losses)[1] if losses else ""


@given(profiles(), evidences(), st.randoms(use_true_random=False), st.integers(0, 12))
def test_it_is_the_best_of_what_decide_finds_feasible(profile, evidence, random, beforehand):
    plan = evidence.plan
    measured = [
        (one, identified(one, evidence.measurements[one.candidate.id], plan))
        for one in plan.considered
        if one.candidate.id in evidence.measurements and one.unavailable is None
    ]
    random.shuffle(measured)
    known = {one.candidate.id: measurement for one, measurement in measured[:beforehand]}
    best = Best(profile, plan, known)
    assert best.id == expected(profile, Evidence(plan, known))
    for one, measurement in measured[beforehand:]:
        best.add(measurement)
        known[one.candidate.id] = measurement
        assert best.id == expected(profile, Evidence(plan, known))
        assert bool(best.figure) is bool(best.id)


def _race(*p50s: float) -> tuple[list[Planned], list[Measurement], Plan]:
    planned = [make_planned(f"net{number}.a") for number in range(len(p50s))]
    plan = make_evidence(planned).plan
    made = [
        identified(one, make_measurement(one.candidate, p50=p50), plan)
        for one, p50 in zip(planned, p50s, strict=True)
    ]
    return planned, made, plan


FASTEST = make_profile(
    {"latency_p95": "< 50 ms"}, objective={"direction": "minimize", "metric": "latency_p50", "tie_breakers": ()}
)


def test_only_the_feasible_count_and_the_objective_is_told():
    _, (slow, middling, fast), plan = _race(0.1, 0.03, 0.01)
    best = Best(FASTEST, plan)
    best.add(slow)
    assert (best.id, best.figure) == ("", "")
    best.add(middling)
    assert (best.id, best.figure) == ("net1.a@eager", "p50 30 ms")
    best.add(fast)
    assert (best.id, best.figure) == ("net2.a@eager", "p50 10 ms")


def test_a_best_that_is_measured_again_and_worse_gives_way():
    (_, second), (first_measured, second_measured), plan = _race(0.01, 0.02)
    best = Best(FASTEST, plan)
    best.add(first_measured)
    best.add(second_measured)
    assert best.id == "net0.a@eager"
    best.add(replace(make_measurement(second.candidate, p50=0.2), identity=first_measured.identity))
    assert (best.id, best.figure) == ("net1.a@eager", "p50 20 ms")


def test_a_measurement_speaks_for_every_tag_of_its_architecture():
    planned = [make_planned("net.good", top1=0.9), make_planned("net.bad", top1=0.7)]
    plan = make_evidence(planned).plan
    best = Best(make_profile({"accuracy_top1": "> 80 %"}), plan)
    best.add(identified(planned[1], make_measurement(planned[1].candidate), plan))
    assert best.id == "net.good@eager"


def test_a_measurement_of_nothing_that_is_considered_changes_nothing():
    _, (measurement,), plan = _race(0.01)
    best = Best(FASTEST, plan)
    best.add(replace(measurement, identity="another"))
    assert best.id == ""


def test_each_measurement_is_assessed_once_however_many_there_are(monkeypatch):
    _, made, plan = _race(*(0.01 + number / 1e4 for number in range(50)))
    best = Best(FASTEST, plan)
    assessed = []
    assess = Assessor.assess
    monkeypatch.setattr(Assessor, "assess", lambda self, planned: assessed.append(planned) or assess(self, planned))
    for measurement in made:
        best.add(measurement)
    assert len(assessed) == len(made)


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        (make_profile({"accuracy_top1": "> 50 %", "latency_p95": "< 1 s"}), "p95 "),
        (make_profile({"throughput": ">= 1 img/s"}), "throughput "),
        (make_profile({"accuracy_top1": "> 50 %"}), "p50 "),
    ],
)
def test_a_measurement_is_told_by_the_time_that_the_profile_speaks_of(profile, told):
    planned = make_planned()
    best = Best(profile, make_evidence([planned]).plan)
    assert best.told(planned, make_measurement(planned.candidate)).startswith(told)
    assert best.told(planned, make_measurement(planned.candidate, outcome="crashed")) == ""
