"""How long a run still takes, as it goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import ENVIRONMENT, make_planned, make_profile

from selector.search import estimate_seconds
from selector.search.remaining import Remaining

PROFILE = make_profile({"latency_p95": "< 50 ms"})
PLANNED = [make_planned(f"net{number}.a", gmacs=1.0) for number in range(10)]
ESTIMATE = estimate_seconds(PROFILE, PLANNED[0], ENVIRONMENT)


def test_before_anything_is_seen_it_is_the_estimate() -> None:
    assert Remaining(PROFILE, PLANNED, ENVIRONMENT).seconds() == pytest.approx(10 * ESTIMATE)
    assert Remaining(PROFILE, [], ENVIRONMENT).seconds() == 0.0


@given(st.floats(0.01, 100.0))
def test_what_is_seen_corrects_the_estimate(factor: float) -> None:
    remaining = Remaining(PROFILE, PLANNED, ENVIRONMENT)
    for one in PLANNED[:8]:
        assert remaining.seen(one, factor * ESTIMATE) == 1
    # Eight took `factor` times as long, one is taken to have gone as estimated.
    assert remaining.seconds() == pytest.approx(2 * ESTIMATE * (8 * factor + 1) / 9)


def test_the_candidate_at_work_counts_as_far_as_it_is() -> None:
    remaining = Remaining(PROFILE, PLANNED, ENVIRONMENT)
    assert remaining.seconds(ESTIMATE) == pytest.approx(9 * ESTIMATE)
    assert remaining.seconds(1e6) == 0.0


def test_nothing_is_left_at_the_end() -> None:
    remaining = Remaining(PROFILE, PLANNED, ENVIRONMENT)
    for one in PLANNED:
        remaining.seen(one, 5.0)
    assert remaining.seconds() == 0.0


def test_tags_of_one_architecture_are_settled_together() -> None:
    planned = [make_planned("net.a", gmacs=1.0), make_planned("net.b", gmacs=1.0), make_planned("other.a", gmacs=1.0)]
    remaining = Remaining(PROFILE, planned, ENVIRONMENT)
    assert remaining.seconds() == pytest.approx(2 * ESTIMATE)
    assert remaining.seen(planned[1], ESTIMATE) == 2
    assert remaining.seen(planned[0], ESTIMATE) == 0
    assert remaining.seconds() == pytest.approx(ESTIMATE)


def test_the_time_budget_is_a_limit() -> None:
    profile = PROFILE.model_copy(
        update={"evaluation": PROFILE.evaluation.model_copy(update={"time_budget": 4 * ESTIMATE})}
    )
    remaining = Remaining(profile, PLANNED, ENVIRONMENT)
    assert remaining.seconds() == pytest.approx(4 * ESTIMATE)
    remaining.seen(PLANNED[0], 3 * ESTIMATE)
    assert remaining.seconds() == pytest.approx(ESTIMATE)
    remaining.seen(PLANNED[1], 3 * ESTIMATE)
    assert remaining.seconds() == 0.0
