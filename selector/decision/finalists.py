"""Who should meet in a run-off before a winner is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from selector.decision.figures import metric_of
from selector.decision.meetings import Meetings
from selector.decision.ranking import Criterion, Entry, Span, criteria_of, rank
from selector.decision.records import Assessment, Decision, Status
from selector.decision.visits import UNEVEN, spin_spread, visits
from selector.metrics import MetricValue
from selector.requirements import RequirementProfile, Verdict

FINALISTS = 4
"""Candidates, at most, that meet in a run-off."""
NEAR = 1.10
"""Whoever is not slower than this many times the winner meets it in a run-off."""


@dataclass(frozen=True)
class Finalists:
    """Candidates whose order, or whose feasibility, visits at other times would tell.

    Attributes:
        assessments: Each of another speed identity; the winner stands before those that are behind it.
        statistic: By which they are compared: "mean" or a percentile.
    """

    assessments: tuple[Assessment, ...]
    statistic: str


def finalists(decision: Decision) -> Finalists | None:
    """Who is so near to the winner, by the first criterion that latency decides, that only a run-off can tell.

    Beyond the noise of two independent intervals is not yet far: they were taken minutes apart, on a machine that
    has meanwhile become warmer or busier. Whoever is within `NEAR` of the winner meets it. Criteria before
    that one must leave them together. Together they must fit into the device's memory.

    Those who would be ahead of the winner but for a limit that their latency leaves undecided are visited again too:
    more of the same time would only say how it was then. On a machine whose speed changes by the second, where one
    visit proves little, so is the winner, even if nobody is near.

    Returns:
        None when nobody is near, or everybody near has met the winner already, and all figures that count were
        taken at several times where one is not enough.
    """
    profile = decision.profile
    criteria = criteria_of(profile)
    timed = next((place for place, rule in enumerate(criteria) if metric_of(rule.key).statistic is not None), None)
    statistic = _statistic(profile, criteria)
    if statistic is None:
        return None
    winner = decision.winner
    meetings = Meetings(decision.evidence.run_offs)
    visited = visits(decision.evidence.run_offs).summaries
    uneven = spin_spread(decision.evidence.measurements.values()) > UNEVEN
    room = decision.evidence.plan.environment.memory_total / 2
    chosen: list[Assessment] = []
    wanted = False
    for one in _by_promise(decision, criteria, timed, meetings):
        identity = _identity(one)
        if len(chosen) == FINALISTS or identity in {_identity(other) for other in chosen}:
            continue
        if one.status is Status.UNDECIDED:
            if identity in visited or (winner is not None and winner in chosen):
                continue
            new = True
        elif one is winner:
            new = uneven and identity not in visited
        elif timed is None or winner is None or not _is_near(one, winner, criteria[: timed + 1]):
            continue
        else:
            new = meetings.ratio(identity, _identity(winner), criteria[timed].key) is None
        if chosen and _memory(one) > room:
            break
        room -= _memory(one)
        chosen.append(one)
        wanted |= new
    return Finalists(tuple(chosen), statistic) if wanted else None


def _by_promise(
    decision: Decision, criteria: tuple[Criterion, ...], timed: int | None, meetings: Meetings
) -> Iterable[Assessment]:
    """Who would be ahead of the winner, the winner, whom it has not met, the best figure first, and whom it has.

    Where noise ties many, the tie-breakers order them: the slowest may stand in front. A run-off of these would tell
    nothing; against the one with the best figure most of them lose at once.
    """
    winner = decision.winner
    ordered = list(_in_order(decision, criteria))
    if timed is None or winner is None:
        return ordered
    rule = criteria[timed]

    def promise(one: Assessment) -> tuple[bool, float]:
        met = meetings.ratio(_identity(one), _identity(winner), rule.key) is not None
        return met, rule.span(one.metrics[rule.key]).value

    behind = ordered.index(winner) + 1
    return [*ordered[:behind], *sorted(ordered[behind:], key=promise)]


def _in_order(decision: Decision, criteria: tuple[Criterion, ...]) -> Sequence[Assessment]:
    """The ranked candidates, and those that would be among them but for what their latency leaves undecided."""
    open_ones = [one for one in decision.undecided if _only_time_is_open(one)]
    if not open_ones:
        return decision.ranked
    everyone = {one.id: one for one in (*decision.ranked, *open_ones)}
    entries = [Entry(name, one.metrics, _identity(one)) for name, one in everyone.items()]
    return [everyone[entry.id] for entry in rank(entries, criteria, Meetings(decision.evidence.run_offs)).entries]


def _only_time_is_open(one: Assessment) -> bool:
    open_ones = [judged for judged in one.judgements.values() if judged.verdict is Verdict.UNDECIDED]
    return bool(open_ones) and all(
        isinstance(judged.result, MetricValue) and metric_of(judged.requirement.metric).statistic is not None
        for judged in open_ones
    )


def _statistic(profile: RequirementProfile, criteria: tuple[Criterion, ...]) -> str | None:
    """The latency statistic that decides most: that of the first criterion that has one, else of a requirement."""
    keys = (*(rule.key for rule in criteria), *(one.metric for one in profile.requirements))
    return next((found for key in keys if (found := metric_of(key).statistic) is not None), None)


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
