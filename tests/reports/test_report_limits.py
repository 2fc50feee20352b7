"""Limits that can be moved: ranges in people's units, and the edited profile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import make_evidence, make_measurement, make_planned, make_profile
from support.sample_decisions import NAMES, sample_decision

from selector.decision import decide
from selector.errors import UsageError
from selector.reports.limits import limit_ranges, with_limits
from selector.types import Evidence

LIMITS = {
    "latency_p95": ("<", "ms", st.floats(0.01, 100_000)),
    "accuracy_top1": (">", "%", st.floats(0.1, 99)),
    "memory_peak": ("<=", "MiB", st.floats(0.1, 1e6)),
    "cost_per_million": ("<", "USD", st.floats(0.001, 1e5)),
    "parameters": ("<", "M", st.floats(0.01, 1e4)),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_range_holds_the_limit_and_what_was_measured(name: str) -> None:
    decision = sample_decision(name)
    ranges = limit_ranges(decision)
    assert [one.key for one in ranges] == [one.key for one in decision.profile.requirements]
    for one in ranges:
        assert one.low <= one.value <= one.high
        assert one.smallest <= one.value
        assert 0 < one.step <= one.high - one.low


@pytest.mark.parametrize("name", NAMES)
def test_unmoved_limits_leave_the_profile_as_it_is(name: str) -> None:
    decision = sample_decision(name)
    unmoved = {one.key: one.value for one in limit_ranges(decision)}
    assert with_limits(decision.profile, unmoved) is decision.profile


@pytest.mark.parametrize("key", LIMITS)
def test_any_limit_has_a_range_around_it(key: str) -> None:
    comparison, unit, limits = LIMITS[key]

    planned = [make_planned(f"net{number}.a_in1k", top1=0.6 + number / 10) for number in range(3)]
    measured = [(one, make_measurement(one.candidate, p50=0.002 * 10**place)) for place, one in enumerate(planned)]

    @given(limits, st.sampled_from([make_evidence(), make_evidence(measured)]))
    def check(limit: float, evidence: Evidence) -> None:
        profile = make_profile({key: f"{comparison} {limit:.6g} {unit}"}, device={"price": 1.0})
        (one,) = limit_ranges(decide(profile, evidence))
        assert one.low <= one.value <= one.high
        assert 0 < one.smallest <= one.low
        assert one.step > 0
        assert with_limits(profile, {key: one.value}) is profile
        assert with_limits(profile, {key: one.high}).requirement(key).limit == pytest.approx(
            one.high * one.scale.factor
        )

    check()


def test_titles_name_metric_comparison_and_unit() -> None:
    titles = [one.title for one in limit_ranges(sample_decision("cloud"))]
    assert titles == [
        "p95 < (ms)",
        "top-1 > (%)",
        "throughput ≥ (img/s)",
        "cost per million ≤ (USD)",
        "memory peak ≤ (GiB)",
    ]


def test_a_moved_limit_is_exact_in_base_units() -> None:
    profile = with_limits(sample_decision("cloud").profile, {"latency_p95": 62.0, "accuracy_top1": 84.1})
    assert profile.requirement("latency_p95").limit == 0.062
    assert profile.requirement("accuracy_top1").limit == 0.841
    assert profile.requirement("throughput") == sample_decision("cloud").profile.requirement("throughput")


def test_a_limit_that_nothing_could_hold_is_refused() -> None:
    profile = sample_decision("cloud").profile
    with pytest.raises(UsageError):
        with_limits(profile, {"accuracy_top1": 101.0})
    with pytest.raises(UsageError, match="no requirement 'energy_per_image'"):
        with_limits(profile, {"energy_per_image": 1.0})
