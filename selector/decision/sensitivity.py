"""What would change the answer: how far each limit and each weight may move before another candidate wins.

A limit is moved by itself, everything else staying as it is. Between two limits the feasible set changes only where
one of the candidates begins or ceases to hold, at the far end of its figure's interval; so the ranking is done again
at each of these, outwards from the asked limit, until another one wins. Whoever the winner beats beyond the noise on
the first criterion is left out of that as long as the winner is in: such a candidate changes neither the best group
nor the winner, wherever it comes in. What was never measured is not there to win; so every statement is one about
what is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selector.decision.deciding import Decider
from selector.decision.figures import Figures, metric_of, show
from selector.decision.meetings import Meetings
from selector.decision.ranking import Entry, criteria_of, rank
from selector.decision.reasons import difference
from selector.decision.records import Assessment, Decision
from selector.decision.relaxing import far_end
from selector.errors import UsageError
from selector.metrics import MetricResult, MetricValue, label
from selector.quantities import parse_quantity
from selector.requirements import Requirement, RequirementProfile, Verdict, judge
from selector.requirements.verdicts import BYTES_PER_PARAMETER

STEPS = 200
"""Candidates on each side of a limit, nearest first, that are looked at."""
GRID = 0.01
"""Weights are moved in steps of this share."""
_DIGITS = (3, 4, 6)


@dataclass(frozen=True)
class Edge:
    """Where the answer changes.

    Attributes:
        last: The winner stays up to this limit or weight, and there.
        first: Here it is another.
        winner: Id of whoever wins there, None when nobody is feasible any more.
        brings: What changes with it, in clauses: "+0.9 points top-1".
    """

    last: float
    first: float
    winner: str | None
    brings: tuple[str, ...]


@dataclass(frozen=True)
class Sensitivity:
    """How far one limit or weight may move.

    Attributes:
        key: The requirement, or the metric that is weighed.
        asked: As it is now: base units, or a share.
        tighter: Where a stricter limit, or a smaller weight, changes the answer; None where it never does.
        looser: Where a more generous limit, or a larger weight, does.
        weight: Whether it is a weight.
    """

    key: str
    asked: float
    tighter: Edge | None
    looser: Edge | None
    weight: bool = False

    @property
    def sentences(self) -> tuple[str, ...]:
        """For people: "p95: the choice stays from 31 ms to 61 ms; at 62 ms instead of 50 ms: swin, +0.9 points"."""
        name = f"weight of {label(self.key)}" if self.weight else label(self.key)
        if self.tighter is None and self.looser is None:
            return (f"{name}: no {'weight' if self.weight else 'limit'} changes the choice among what is measured",)
        return (f"{name}: the choice stays {self._range()}", *map(self._told, self._edges()))

    def _edges(self) -> Iterator[Edge]:
        yield from (edge for edge in (self.tighter, self.looser) if edge is not None)

    def _range(self) -> str:
        ends = sorted(edge.last for edge in self._edges())
        if len(ends) == 2:
            return f"from {self._show(ends[0])} to {self._show(ends[1])}"
        (edge,) = self._edges()
        shown = self._show(edge.last)
        return f"from {shown} on" if edge.first < edge.last else f"up to {shown}"

    def _told(self, edge: Edge) -> str:
        name = f"weight of {label(self.key)}" if self.weight else label(self.key)
        where = f"{name} at {self._show(edge.first)} instead of {self._show(self.asked)}"
        if edge.winner is None:
            return f"{where}: nothing that is measured is feasible"
        return f"{where}: {edge.winner}, {', '.join(edge.brings)}" if edge.brings else f"{where}: {edge.winner}"

    def _show(self, value: float) -> str:
        return f"{value:.2g}" if self.weight else show(self.key, value, 6)


def sensitivities(decision: Decision) -> tuple[Sensitivity, ...]:
    """Of every requirement and every weight, in the profile's order; empty without a winner.

    Args:
        decision: To look at.
    """
    return tuple(each_sensitivity(decision))


def each_sensitivity(decision: Decision) -> Iterator[Sensitivity]:
    """As `sensitivities`, one after the other: each takes as long as several decisions."""
    if decision.winner is None:
        return
    decider = Decider(decision.evidence)
    for requirement in decision.profile.requirements:
        yield _of_limit(decision, decider, requirement)
    for name in decision.profile.objective.weights:
        moved = _of_weight(decision, decider, name)
        if moved is not None:
            yield moved


def _of_limit(decision: Decision, decider: Decider, requirement: Requirement) -> Sensitivity:
    scene = _Scene(decision, decider, requirement)
    return Sensitivity(requirement.key, requirement.limit, scene.edge(tighter=True), scene.edge(tighter=False))


class _Scene:
    """Everyone who would be feasible without one requirement, by the limit that admits them."""

    def __init__(self, decision: Decision, decider: Decider, requirement: Requirement) -> None:
        self._requirement = self._moved = requirement
        self._criteria = criteria_of(decision.profile)
        self._meetings = Meetings(decision.evidence.run_offs)
        free = decider.decide(decision.profile.without(requirement.key))
        assert decision.winner is not None
        self._winner = next(one for one in free.ranked if one.id == decision.winner.id)
        self._sign = 1 if requirement.comparison.startswith("<") else -1
        self._all = {one.id: one for one in free.ranked}
        self._some = {name: one for name, one in self._all.items() if self._matters(one)}
        ends = {name: self._end(one) for name, one in self._some.items()}
        self._ends = {name: end for name, end in ends.items() if end is not None}

    def edge(self, *, tighter: bool) -> Edge | None:
        """The nearest limit in one direction at which another wins."""
        asked = self._sign * self._requirement.limit
        held = [name for name in self._ends if self._holds(name, self._requirement.limit)]
        if tighter:
            order = sorted((self._sign * self._ends[name] for name in held), reverse=True)
        else:
            order = sorted(self._sign * end for name, end in self._ends.items() if name not in held)
        last = asked
        for end in list(dict.fromkeys(order))[:STEPS]:
            limit = self._sign * end
            first = self._just(limit, inside=not tighter)
            if not self._possible(first):
                return None  # nobody can ask for a share above 1
            found = self._wins(first)
            if found != self._winner.id:
                return self._reported(self._sign * last, first, limit, found, tighter=tighter)
            last = self._sign * first
        return None

    def _reported(self, last: float, first: float, end: float, found: str | None, *, tighter: bool) -> Edge:
        """The same edge by numbers that people would write, where these are as true."""
        stays = self._just(end, inside=tighter)
        between = sorted((last, stays))
        for number in self._written(end, outwards=tighter):
            if between[0] <= number <= between[1] and self._wins(number) == self._winner.id:
                stays = number
                break
        for number in self._written(end, outwards=not tighter):
            if self._wins(number) == found:
                first = number
                break
        return Edge(stays, first, found, self._brings(found))

    def _written(self, end: float, *, outwards: bool) -> Iterator[float]:
        """Numbers near to an end, coarse ones first, on the generous side of it or on the strict one."""
        step = self._sign if outwards else -self._sign
        for digits in _DIGITS:
            for off in (0.0, 0.5, 1.0):
                moved = end * (1 + step * off * 10.0 ** (1 - digits))
                try:
                    number = parse_quantity(
                        show(self._requirement.key, moved, digits), metric_of(self._requirement.key).kind
                    )
                except UsageError:
                    continue
                if (number - end) * step >= 0 and self._possible(number):
                    yield number

    def _just(self, end: float, *, inside: bool) -> float:
        """A limit that a candidate with this far end meets, or the nearest that it does not meet."""
        strict = len(self._requirement.comparison) == 1
        if inside != strict:
            return end
        return math.nextafter(end, self._sign * math.inf * (1 if inside else -1))

    def _wins(self, limit: float) -> str | None:
        """Who wins at a limit; beside the winner only some have a say, without it all have."""
        among = self._some if self._holds(self._winner.id, limit) else self._all
        entries = [_entry(one) for name, one in among.items() if self._holds(name, limit)]
        ranking = rank(entries, self._criteria, self._meetings)
        return ranking.entries[0].id if ranking.entries else None

    def _possible(self, limit: float) -> bool:
        try:
            self._requirement.at(limit)
        except UsageError:
            return False
        return True

    def _holds(self, name: str, limit: float) -> bool:
        if limit != self._moved.limit:  # asked of thousands in a row at one limit
            self._moved = self._requirement.at(limit)
        moved, one = self._moved, self._all[name]
        weights = self._weights(one)
        if weights is not None and judge(moved, MetricValue(weights)).verdict is not Verdict.HOLDS:
            return False
        return judge(moved, self._figure(one)).verdict is Verdict.HOLDS

    def _end(self, one: Assessment) -> float | None:
        end = far_end(judge(self._requirement, self._figure(one)))
        weights = self._weights(one)
        return end if end is None or weights is None else max(end, weights)

    def _figure(self, one: Assessment) -> MetricResult:
        """What the requirement limits; nobody else in the profile need speak of that metric."""
        key, metrics = self._requirement.key, one.metrics
        return metrics.any(key) if isinstance(metrics, Figures) else metrics[key]

    def _weights(self, one: Assessment) -> float | None:
        """Bytes of the weights alone, by which a limit of memory excludes a candidate unmeasured."""
        parameters = one.planned.facts.parameters
        if self._requirement.metric != "memory_peak" or parameters is None:
            return None
        return float(parameters * BYTES_PER_PARAMETER[one.planned.candidate.precision])

    def _matters(self, one: Assessment) -> bool:
        """Whether it could have a say beside the winner."""
        rule = self._criteria[0]
        mine = rule.span(one.metrics[rule.key])
        best = rule.reach(rule.span(self._winner.metrics[rule.key]))
        identity = None if one.measurement is None else one.measurement.identity
        return one is self._winner or not best.beats(mine) or identity in self._meetings.identities

    def _brings(self, name: str | None) -> tuple[str, ...]:
        return () if name is None else _changes(self._winner, self._all[name], [rule.key for rule in self._criteria])


def _of_weight(decision: Decision, decider: Decider, name: str) -> Sensitivity | None:
    """How far one weight may move, the others keeping their proportions; None where there is no other."""
    weights = decision.profile.objective.weights
    if len(weights) < 2 or decision.winner is None:
        return None
    winner = decision.winner
    asked = weights[name]

    def wins(share: float) -> Assessment | None:
        # Nobody may be feasible there: a requirement on the score moves with the weights.
        return decider.decide(_weighed(decision.profile, name, share)).winner

    def edge(direction: int) -> Edge | None:
        last = asked
        while GRID / 2 < (share := round(last / GRID + 0.5001 * direction) * GRID) < 1 - GRID / 2:
            found = wins(share)
            if found is None:
                return Edge(last, share, None, ())
            if found.id != winner.id:
                return Edge(last, share, found.id, _changes(winner, found, list(weights)))
            last = share
        return None

    return Sensitivity(name, asked, edge(-1), edge(1), weight=True)


def _weighed(profile: RequirementProfile, name: str, share: float) -> RequirementProfile:
    """The profile with another weight; the others share the rest as before."""
    objective = profile.objective
    rest = 1 - objective.weights[name]
    moved = {key: share if key == name else one * (1 - share) / rest for key, one in objective.weights.items()}
    return profile.model_copy(update={"objective": objective.model_copy(update={"weights": moved})})


def brings(decision: Decision, old: Assessment, new: Assessment) -> tuple[str, ...]:
    """What another choice changes, by the metrics that rank or are weighed: "+0.9 points top-1"."""
    weights = decision.profile.objective.weights
    return _changes(old, new, list(weights) or [rule.key for rule in criteria_of(decision.profile)])


def _changes(old: Assessment, new: Assessment, keys: Sequence[str]) -> tuple[str, ...]:
    """What another choice changes, by the metrics that rank."""
    told = []
    for key in keys:
        mine, other = new.metrics[key], old.metrics[key]
        if isinstance(mine, MetricValue) and isinstance(other, MetricValue) and mine.value != other.value:
            told.append(difference(key, mine.value, other.value))
    return tuple(told)


def _entry(one: Assessment) -> Entry:
    return Entry(one.id, one.metrics, None if one.measurement is None else one.measurement.identity)
