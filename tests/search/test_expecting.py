"""What measuring is expected to take, as learned from what measuring took."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import make_environment, make_measurement, make_planned, make_profile

from selector.search import estimate_seconds, expecting
from selector.types import Measurement, Outcome, Planned

PROFILE = make_profile({"latency_p95": "< 50 ms"})
ENVIRONMENT = make_environment()


def took(planned: Planned, seconds: float, outcome: Outcome = Outcome.OK) -> Measurement:
    return replace(make_measurement(planned.candidate, outcome=outcome), wall_seconds=seconds)


def learned(*known: tuple[Planned, Measurement], asked: Planned) -> float:
    """Seconds expected of one candidate after others were measured."""
    measured = {planned.candidate.id: measurement for planned, measurement in known}
    found = expecting(PROFILE, ENVIRONMENT, [planned for planned, _ in known], measured)
    return found.seconds([asked])


def estimated(planned: Planned) -> float:
    return estimate_seconds(PROFILE, planned, ENVIRONMENT)


def test_before_anything_was_seen_it_is_the_estimate() -> None:
    one = make_planned("a.x", "compile")
    assert learned(asked=one) == pytest.approx(estimated(one))


def test_a_way_that_took_longer_is_expected_to_take_longer_again() -> None:
    known = [make_planned(f"m{number}.x", "compile", gmacs=1.0 + number) for number in range(6)]
    seen = [(one, took(one, 10 * estimated(one))) for one in known]
    same, other = make_planned("z.x", "compile"), make_planned("z.x", "eager")
    assert learned(*seen, asked=same) == pytest.approx(10 * estimated(same), rel=0.1)
    assert estimated(other) < learned(*seen, asked=other) < learned(*seen, asked=same), (
        "other ways believe it in part"
    )


def test_failures_and_zeros_teach_nothing() -> None:
    one, other = make_planned("a.x", "compile"), make_planned("b.x", "compile")
    assert learned((one, took(one, 9e9, Outcome.CRASHED)), asked=other) == pytest.approx(estimated(other))
    assert learned((one, took(one, 0.0)), asked=other) == pytest.approx(estimated(other))


def test_a_measurement_that_two_tags_share_is_learned_from_and_counted_once() -> None:
    first, second = make_planned("a.x", "eager"), make_planned("a.y", "eager")
    both = took(first, 5 * estimated(first))
    asked = make_planned("b.x", "eager")
    assert learned((first, both), (second, both), asked=asked) == pytest.approx(learned((first, both), asked=asked))
    found = expecting(PROFILE, ENVIRONMENT, [], {})
    assert found.seconds([first, second]) == pytest.approx(estimated(first))


@given(st.lists(st.floats(1e-3, 1e4), min_size=1, max_size=8))
def test_what_is_expected_lies_among_what_was_seen_and_estimated(ratios: list[float]) -> None:
    known = [make_planned(f"m{number}.x", "eager", gmacs=1.0 + number) for number in range(len(ratios))]
    seen = [(one, took(one, ratio * estimated(one))) for one, ratio in zip(known, ratios, strict=True)]
    asked = make_planned("z.x", "eager")
    factor = learned(*seen, asked=asked) / estimated(asked)
    assert min(1.0, *ratios) * (1 - 1e-9) <= factor <= max(1.0, *ratios) * (1 + 1e-9)
