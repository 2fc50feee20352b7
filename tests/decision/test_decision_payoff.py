"""When a build pays off, and the smallest relaxations."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from support.drawn import evidences, profiles
from support.evidence import make_evidence, make_measurement, make_planned, make_profile

from selector.decision import Status, decide
from selector.decision.deciding import relaxations
from selector.decision.payoff import payoff


def decision(build: float, fast: float, *, noise: float = 0.001, count: int = 1):
    """An eager way of 40 ms and a built one."""
    pairs = []
    for way, latency, seconds in (("eager", 0.040, 0.0), ("openvino", fast, build)):
        planned = make_planned("net.x", way, top1=0.8)
        observed = {"build_seconds": seconds, "load_seconds": 1.0, "first_call": 0.1}
        pairs.append((planned, make_measurement(planned.candidate, latency, noise=noise, **observed)))
    return decide(make_profile({}, device={"count": count}), make_evidence(pairs))


@pytest.mark.parametrize("count", [1, 4])
def test_queries_are_what_is_spent_once_over_what_a_query_saves(count):
    made = decision(30.0, 0.010, count=count)
    found = payoff(made, made.find("net.x@openvino"))
    assert found.once == pytest.approx(30.0)
    assert found.saved == pytest.approx(0.030, rel=0.01)
    assert found.queries == math.ceil(found.once / found.saved)


def test_what_is_not_faster_beyond_the_noise_never_pays_off():
    made = decision(30.0, 0.039, noise=0.2)
    assert payoff(made, made.find("net.x@openvino")).queries is None


def test_what_costs_nothing_pays_at_once():
    made = decision(0.0, 0.010)
    assert payoff(made, made.find("net.x@openvino")).queries == 0


def test_the_reference_is_not_counted_against_itself():
    made = decision(30.0, 0.010)
    assert payoff(made, made.find("net.x@eager")) is None


@given(profiles(), evidences())
def test_every_smallest_relaxation_gives_a_feasible_candidate(profile, evidence):
    made = decide(profile, evidence)
    found = relaxations(made)
    sizes = [len(miss.limits) for miss in found]
    assert sizes == sorted(sizes)
    assert sizes.count(2) <= 1
    assert max(sizes, default=1) <= 2
    alone = [next(iter(miss.limits)) for miss in found if len(miss.limits) == 1]
    assert len(alone) == len(set(alone))
    for miss in found:
        relaxed = profile
        for key, limit in miss.limits.items():
            relaxed = relaxed.with_limit(key, limit)
        assert decide(relaxed, evidence).find(miss.assessment.id).status is Status.RANKED
