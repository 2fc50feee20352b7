"""Why each ranked candidate stands where it does, in sentences with numbers.

The winner is told by what it offers, every other by what sets it behind the winner.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from selector.decision.figures import metric_of, show
from selector.decision.ranking import Criterion, Entry, Ranking, Span
from selector.metrics import MetricResult, MetricValue, label
from selector.requirements import Judgement

MOST_DIGITS = 6
"""Significant digits to which two figures are shown, at most, to tell them apart."""


class Reasons:
    """The sentences of one ranking.

    Args:
        ranking: In order, not empty.
        judgements: The winner's, by requirement key.
    """

    def __init__(self, ranking: Ranking, judgements: Mapping[str, Judgement]) -> None:
        self._ranking = ranking
        self._judgements = judgements
        self._criteria = ranking.criteria
        self._winner = ranking.entries[0]
        self._tied_with_winner = frozenset(ranking.ties[0])

    def of(self, place: int) -> tuple[str, ...]:
        """The sentences of the candidate at `place`, counted from 0."""
        return self.of_other(place) if place else self.of_winner()

    def of_winner(self) -> tuple[str, ...]:
        """Its objective's value, the headroom to each limit, the runner-up, ties and what broke them."""
        sentences = [self._claim(), *(judgement.sentence for judgement in self._judgements.values())]
        if len(self._ranking.ties[0]) > 1:
            sentences.append(self._tie())
        elif len(self._ranking.entries) > 1:
            runner_up = self._ranking.entries[1]
            sentences.append(f"runner-up {runner_up.id}: {'; '.join(self._behind(runner_up))}")
        return tuple(sentences)

    def of_other(self, place: int) -> tuple[str, ...]:
        """What sets it behind the winner, criterion after criterion, and with whom it is tied."""
        entry = self._ranking.entries[place]
        behind = "; ".join(self._behind(entry))
        if entry.id in self._tied_with_winner:
            return (f"tied with the winner: {behind}",)
        others = [one for one in self._ranking.ties[place] if one != entry.id]
        return (behind, f"tied with {listed(others)}") if others else (behind,)

    def _claim(self) -> str:
        """The winner's objective, and in which sense it is the best."""
        rule = self._criteria[0]
        shown = figure(rule.key, self._winner.metrics[rule.key])
        entries = self._ranking.entries
        if len(entries) == 1:
            return f"{shown}, of the only candidate that is proven feasible"
        own = _span(self._winner, rule).value
        values = [_span(entry, rule).value for entry in entries]
        if own > min(values) and rule.within:
            return f"{shown}, within the tolerance of the best of {len(entries):,} feasible candidates"
        if own > min(values):
            return f"{shown}, which none of the {len(entries):,} feasible candidates beats beyond the noise"
        superlative = "highest" if rule.better == "higher" else "lowest"
        equals = values.count(own) - 1
        shared = f", shared with {equals:,} other{'s' if equals > 1 else ''}" if equals else ""
        return f"{shown}, the {superlative} of {len(entries):,} feasible candidates{shared}"

    def _tie(self) -> str:
        second = self._ranking.entries[1]
        others = [one for one in self._ranking.ties[0] if one != self._winner.id]
        return f"tied with {listed(others)}; against {second.id}: {'; '.join(self._behind(second))}"

    def _behind(self, entry: Entry) -> Iterator[str]:
        """One clause for each criterion up to the one that sets `entry` behind the winner."""
        parted = _parting(entry, self._winner)
        for depth, rule in enumerate(self._criteria):
            mine, best = entry.metrics[rule.key], self._winner.metrics[rule.key]
            if depth == parted:
                yield self._parted(rule, depth, entry)
                return
            if isinstance(mine, MetricValue) and isinstance(best, MetricValue):
                yield _alike(rule, mine, best) + self._in_turn(rule, entry)
        yield "nothing else parts them, so they stand in order of their names"

    def _in_turn(self, rule: Criterion, entry: Entry) -> str:
        """What the run-off with the winner said, if they met: "; timed in turn: −0.3 % (−0.9 % to +0.2 %)"."""
        ratio = self._ranking.meetings.ratio(entry.identity, self._winner.identity, rule.key)
        if ratio is None or ratio.low is None or ratio.high is None:
            return ""
        low, high = _signed_percent(ratio.low - 1), _signed_percent(ratio.high - 1)
        return f"; timed in turn: {_signed_percent(ratio.value - 1)} ({low} to {high})"

    def _parted(self, rule: Criterion, depth: int, entry: Entry) -> str:
        """The clause of the criterion that sets a candidate behind the winner."""
        mine, best = entry.metrics[rule.key], self._winner.metrics[rule.key]
        if not (isinstance(mine, MetricValue) and isinstance(best, MetricValue)):
            return f"{label(rule.key)} not observed"
        in_turn = self._in_turn(rule, entry)
        if in_turn or rule.span(best).beats(rule.span(mine)):
            return difference(rule.key, mine.value, best.value) + in_turn
        first, second = apart(rule.key, mine.value, best.value)
        return (
            f"{label(rule.key)} {first} against {second}, within the noise of the winner's, "
            f"but beaten beyond it by {self._champions[depth]}"
        )

    @cached_property
    def _champions(self) -> tuple[str, ...]:
        """By criterion, who sets the bar: of the winner's group the one whose span ends first."""
        found, group = [], list(self._ranking.entries)
        for depth, rule in enumerate(self._criteria):
            group = [one for one in group if one.path[: depth + 1] == self._winner.path[: depth + 1]]
            found.append(min(group, key=lambda one: (_span(one, rule).high, one.id)).id)
        return tuple(found)


def figure(key: str, result: MetricResult) -> str:
    """A metric in a sentence: "top-1 79.1 % (published)", "p50 9.8 ms"."""
    if not isinstance(result, MetricValue):
        return f"{label(key)} not observed"
    origin = "" if result.evidence == "measured" or metric_of(key).kind == "count" else f" ({result.evidence})"
    return f"{label(key)} {show(key, result.value)}{origin}"


def difference(key: str, value: float, reference: float) -> str:
    """How a figure differs from another: "−0.5 points top-1", "p50 12.1 ms against 9.8 ms (+23 %)"."""
    if metric_of(key).kind == "fraction":
        points = 100 * (value - reference)
        number = f"{points:+.1f}" if abs(points) >= 0.05 else f"{points:+.1g}"
        return f"{number.replace('-', '−')} points {label(key)}"
    first, second = apart(key, value, reference)
    share = f" ({_signed_percent(value / reference - 1)})" if reference else ""
    return f"{label(key)} {first} against {second}{share}"


def apart(key: str, value: float, reference: float) -> tuple[str, str]:
    """Two figures with as many digits as tell them apart."""
    for digits in range(3, MOST_DIGITS):
        first, second = show(key, value, digits), show(key, reference, digits)
        if first != second:
            return first, second
    return show(key, value, MOST_DIGITS), show(key, reference, MOST_DIGITS)


def listed(names: Sequence[str], shown: int = 2) -> str:
    """Names in a sentence: "a", "a and b", "a, b and 3 others"."""
    if len(names) <= shown:
        return " and ".join(names)
    rest = len(names) - shown
    return f"{', '.join(names[:shown])} and {rest:,} other{'s' if rest > 1 else ''}"


def _alike(rule: Criterion, mine: MetricValue, best: MetricValue) -> str:
    """The clause of a criterion that does not part a candidate from the winner."""
    if mine.value == best.value:
        return f"{label(rule.key)} equal"
    first, second = apart(rule.key, mine.value, best.value)
    if rule.within:
        return f"{label(rule.key)} {first} against {second}, within the tolerance"
    return f"{label(rule.key)} {first} against {second}, within the noise"


def _parting(entry: Entry, winner: Entry) -> int | None:
    """The first criterion by which they fell into different groups, None when only the id orders them."""
    pairs = enumerate(zip(entry.path, winner.path, strict=False))
    return next((depth for depth, (mine, best) in pairs if mine != best), None)


def _span(entry: Entry, rule: Criterion) -> Span:
    return rule.span(entry.metrics[rule.key])


def _signed_percent(share: float) -> str:
    percent = 100 * share
    number = f"{percent:+,.0f}" if abs(percent) >= 9.5 else f"{percent:+.2g}"
    return f"{number.replace('-', '−')} %"
