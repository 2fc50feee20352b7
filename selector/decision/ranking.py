"""The order of feasible candidates, and who is tied with whom.

**Criteria.** The objective, then the tie-breakers, in the profile's order. A figure is a span: its interval, or its
value alone where it has none (published figures, static facts, single readings); where only one end is known, the
other is unbounded. A missing tie-breaker stands behind every figure.

**Groups.** Of some candidates, the best group by one criterion is everyone whom nobody beats beyond the noise: those
whose span reaches the nearest far end, i.e. (lower being better) ``low <= min(high of all)``. All spans of a group
share that point, so any two of its members overlap, which "overlaps with the leader" would not ensure: overlap is
not transitive. The next group is the best of those that remain, and so on. Each group is then ordered by the next
criterion in the same way, and finally by id. So nobody stands before a candidate that beats it beyond the noise on
the first criterion that parts them.

**Tolerances.** A criterion with a tolerance ("within 0.3 points") moves the far ends outwards by it: everyone who is
not proven to be further from the best than that stays in the group, and the next criterion decides. Being within a
tolerance is asked for, not noise: two exact figures within it are no tie. Run-offs say nothing there.

**Run-offs.** Two candidates that were timed in turn (`selector.decision.meetings`) are compared by that instead of
their spans: a group loses whom another of its members beat, and gains whom the spans alone had set behind members
that did not beat it. The few that met are taken one by one, everybody else in one sweep.

**Ties.** Candidates are tied with each other when they stay in one group to the end, so that only the id orders them;
or when noise had left an earlier criterion open between them (spans with a width, in one group) and what orders them
is an exact figure such as the number of parameters: a preference, not proof that the first is better. Equal exact
figures parted by a later criterion are not a tie: of two ways to run one model, with the same published accuracy, the
one that is faster beyond the noise has won.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import NamedTuple

from selector.decision.figures import metric_of
from selector.decision.meetings import Meetings
from selector.metrics import Direction, MetricResult, MetricValue
from selector.requirements import RequirementProfile

_INFINITE = float("inf")


@dataclass(frozen=True)
class Criterion:
    """One thing that candidates are ordered by.

    Attributes:
        key: The metric.
        better: Which direction is better.
        within: Candidates this near to the best stay together, in the base unit.
        relative: Whether `within` is a share of the best figure instead.
    """

    key: str
    better: Direction
    within: float = 0.0
    relative: bool = False

    def span(self, result: MetricResult) -> Span:
        """The figure as a loss, so that lower is better whatever the metric."""
        if not isinstance(result, MetricValue):
            return MISSING
        value, low, high = result.value, result.low, result.high
        if low is None and high is None:
            low = high = value
        else:
            low = -_INFINITE if low is None else min(value, low)
            high = _INFINITE if high is None else max(value, high)
        return Span(low, value, high) if self.better == "lower" else Span(-high, -value, -low)

    def reach(self, span: Span) -> Span:
        """The span with its bad end moved by the tolerance: whoever begins behind that is too far from it."""
        if not self.within or math.isinf(span.high):
            return span
        return span._replace(high=span.high + (self.within * abs(span.high) if self.relative else self.within))


class Span(NamedTuple):
    """A figure's range as a loss: lower is better.

    Attributes:
        low: Its good end.
        value: The estimate.
        high: Its bad end.
    """

    low: float
    value: float
    high: float

    @property
    def exact(self) -> bool:
        """Whether it is a value alone, without noise."""
        return self.low == self.high

    def beats(self, other: Span) -> bool:
        """Whether it is better beyond the noise."""
        return self.high < other.low


MISSING = Span(_INFINITE, _INFINITE, _INFINITE)


@dataclass(slots=True)
class Entry:
    """A feasible candidate on its way through the ranking.

    Attributes:
        id: The candidate's id.
        metrics: Its figures.
        identity: Its speed identity; None where nothing was measured.
        path: Number of the group it fell into, criterion after criterion, as far as it had company.
    """

    id: str
    metrics: Mapping[str, MetricResult]
    identity: str | None = None
    path: tuple[int, ...] = ()


@dataclass(frozen=True)
class Ranking:
    """Feasible candidates in order.

    Attributes:
        criteria: What ordered them.
        entries: Best first.
        ties: For every entry the ids of its tie group, in order and itself included; most are alone.
        meetings: What run-offs said.
    """

    criteria: tuple[Criterion, ...]
    entries: tuple[Entry, ...]
    ties: tuple[tuple[str, ...], ...]
    meetings: Meetings


def criteria_of(profile: RequirementProfile) -> tuple[Criterion, ...]:
    """The profile's objective, step after step, and its tie-breakers; a metric named twice counts once."""
    objective = profile.objective
    criteria = {}
    for step in objective.steps:
        wanted: Direction = "higher" if step.direction == "maximize" else "lower"
        criteria[step.metric] = Criterion(step.metric, wanted, step.within, step.relative)
    for key in objective.tie_breakers:
        criteria.setdefault(key, Criterion(key, metric_of(key).better))
    return tuple(criteria.values())


def rank(entries: Sequence[Entry], criteria: tuple[Criterion, ...], meetings: Meetings | None = None) -> Ranking:
    """Orders `entries`, in O(n log n) for each criterion; the order they come in does not matter.

    Args:
        entries: Of any number.
        criteria: What orders them.
        meetings: What run-offs said.
    """
    meetings = meetings or Meetings()
    groups = _order(list(entries), criteria, meetings, depth=0, left_open=False) if entries else []
    ties: list[tuple[str, ...]] = []
    for group in groups:
        ties += [tuple(entry.id for entry in group)] * len(group)
    return Ranking(criteria, tuple(entry for group in groups for entry in group), tuple(ties), meetings)


def group_sizes(spans: Sequence[Span]) -> list[int]:
    """How many of `spans`, which are in order of their good ends, are in each group.

    Within a group all spans share a point; each group is the best of what the ones before it leave.
    """
    nearest_end = [_INFINITE] * len(spans)
    end = _INFINITE
    for position in range(len(spans) - 1, -1, -1):
        end = min(end, spans[position].high)
        nearest_end[position] = end
    sizes: list[int] = []
    start = 0
    for position, span in enumerate(spans):
        parted = span.low > nearest_end[start] or (span.low == _INFINITE) != (spans[start].low == _INFINITE)
        if position > start and parted:
            sizes.append(position - start)
            start = position
    return [*sizes, len(spans) - start] if spans else []


def _order(
    entries: list[Entry], criteria: tuple[Criterion, ...], meetings: Meetings, *, depth: int, left_open: bool
) -> list[list[Entry]]:
    """Tie groups, best first, each in order.

    Args:
        entries: Who is left together so far.
        criteria: All criteria.
        meetings: What run-offs said.
        depth: Which of them is next.
        left_open: Whether noise left one of those before open.
    """
    if len(entries) == 1:
        return [entries]
    if depth == len(criteria):
        return [sorted(entries, key=_id)]
    rule = criteria[depth]
    pairs = sorted([(rule.span(entry.metrics[rule.key]), entry.id, entry) for entry in entries], key=_span_and_id)
    groups = _groups(pairs, rule, meetings)
    exact = all(span.exact for span, _, _ in pairs)
    ordered: list[list[Entry]] = []
    for number, group in enumerate(groups):
        open_now = left_open or (not exact and not all(span.exact for span, _, _ in group))
        members = [entry for _, _, entry in group]
        for entry in members:
            entry.path += (number,)
        if len(members) == 1:
            ordered.append(members)
        else:
            ordered += _order(members, criteria, meetings, depth=depth + 1, left_open=open_now)
    if left_open and exact and len(groups) > 1:
        return [[entry for group in ordered for entry in group]]
    return ordered


def _groups(pairs: list[_Pair], rule: Criterion, meetings: Meetings) -> list[list[_Pair]]:
    """The groups of entries in order of their good ends, as spans and run-offs part them."""
    groups: list[list[_Pair]] = []
    while not rule.within and any(entry.identity in meetings.identities for _, _, entry in pairs):
        group = _best(pairs, rule, meetings)
        chosen = {name for _, name, _ in group}
        groups.append(group)
        pairs = [pair for pair in pairs if pair[1] not in chosen]
    start = 0
    for size in group_sizes([rule.reach(span) for span, _, _ in pairs]):
        groups.append(pairs[start : start + size])
        start += size
    return groups


def _best(pairs: list[_Pair], rule: Criterion, meetings: Meetings) -> list[_Pair]:
    """The best group among entries of which some have met."""
    size = group_sizes([rule.reach(span) for span, _, _ in pairs])[0]
    group = pairs[:size]
    natural = metric_of(rule.key).better

    def beaten(entry: Entry, others: Sequence[_Pair]) -> bool:
        return any(
            meetings.beats(other.identity, entry.identity, rule.key, rule.better, natural) for _, _, other in others
        )

    for span, name, entry in pairs[size:]:
        ahead = [pair for pair in group if pair[0].beats(span)]
        met = all(meetings.ratio(other.identity, entry.identity, rule.key) is not None for _, _, other in ahead)
        if entry.identity in meetings.identities and met and not beaten(entry, ahead):
            group = [*group, (span, name, entry)]
    kept = [pair for pair in group if not beaten(pair[2], group)]
    # Three that beat each other in a circle, by different run-offs, are told apart by nothing better than the figure.
    return kept or [min(group, key=lambda pair: (pair[0].value, pair[1]))]


_Pair = tuple[Span, str, Entry]
_id = attrgetter("id")
_span_and_id = itemgetter(0, 1)
