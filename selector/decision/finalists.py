"""Who should meet in a run-off before a winner is called."""

from __future__ import annotations

from dataclasses import dataclass

from selector.decision.figures import metric_of
from selector.decision.meetings import Meetings
from selector.decision.ranking import Criterion, Span, criteria_of
from selector.decision.records import Assessment, Decision

FINALISTS = 4
"""Candidates, at most, that meet in a run-off."""
NEAR = 1.10
"""Whoever is not slower than this many times the winner meets it in a run-off."""


@dataclass(frozen=True)
class Finalists:
    """Candidates whose order time in turn would tell.

    Attributes:
        assessments: The one that is ahead first; each of another speed identity.
        statistic: By which they are ranked: "mean" or a percentile.
    """

    assessments: tuple[Assessment, ...]
    statistic: str


def finalists(decision: Decision) -> Finalists | None:
    """Who is so near to the winner, by the first criterion that latency decides, that only a run-off can tell.

    Beyond the noise of two independent intervals is not yet far: they were taken minutes apart, on a machine that
    has meanwhile become warmer or busier. Whoever is within `NEAR` of the winner meets it. Criteria before
    that one must leave them together. Together they must fit into the device's memory.

    Returns:
        None when nobody is near, or everybody near has met the winner already.
    """
    criteria = criteria_of(decision.profile)
    timed = next((place for place, rule in enumerate(criteria) if metric_of(rule.key).statistic is not None), None)
    if timed is None or not decision.ranked:
        return None
    winner = decision.ranked[0]
    near = [winner]
    room = decision.evidence.plan.environment.memory_total / 2 - _memory(winner)
    meetings = Meetings(decision.evidence.run_offs)
    unmet = False
    for one in decision.ranked[1:]:
        if len(near) == FINALISTS:
            break
        if _identity(one) in {_identity(other) for other in near} or not _is_near(one, winner, criteria[: timed + 1]):
            continue
        room -= _memory(one)
        if room < 0:
            break
        near.append(one)
        unmet |= meetings.ratio(_identity(one), _identity(winner), criteria[timed].key) is None
    statistic = metric_of(criteria[timed].key).statistic
    return Finalists(tuple(near), statistic) if unmet and statistic is not None else None


def _is_near(one: Assessment, winner: Assessment, criteria: tuple[Criterion, ...]) -> bool:
    for rule in criteria:
        mine, best = rule.span(one.metrics[rule.key]), rule.span(winner.metrics[rule.key])
        apart = mine.beats(best) or best.beats(mine)
        if apart and (rule is not criteria[-1] or not _within(mine, best)):
            return False
    return True


def _within(mine: Span, best: Span) -> bool:
    """Whether one figure is within the factor of the other; both are losses, of either sign."""
    near, far = sorted((abs(mine.value), abs(best.value)))
    return far <= NEAR * near


def _identity(one: Assessment) -> str | None:
    return None if one.measurement is None else one.measurement.identity


def _memory(one: Assessment) -> int:
    observation = None if one.measurement is None else one.measurement.observation
    return 0 if observation is None else observation.memory.get("peak", 0)
