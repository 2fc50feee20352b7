"""How probable it is that a feasible candidate is really the best one.

A figure with an interval stands for what its truth may be: on the scale of logarithms (ratios are what differs from
run to run) a normal distribution about the figure, whose two halves reach as far as the ends of the interval say.
Exact figures are exact. Of two that met in a run-off not both intervals count but the interval of their ratio, which
is narrower and knows what disturbed both. Truths are drawn from these, each draw is decided by the profile's criteria
and tolerances, and the chance of a candidate is the share of draws that it wins; who is equal shares.

With no more than the readings to go by, this is the posterior under a flat prior. It says nothing of candidates that
are undecided or were never measured: it is the chance of being the best *of those that are proven feasible*.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from statistics import NormalDist

from selector.decision.figures import metric_of
from selector.decision.meetings import Meetings
from selector.decision.ranking import Criterion, Entry
from selector.metrics import MetricResult, MetricValue
from selector.types import Interval

DRAWS = 2000
"""The standard error of a chance is at most sqrt(0.25 / 2000), 1.1 points."""
CONTENDERS = 40
"""The first so many of a ranking may be the best; everyone behind them is taken to be none."""
_CONFIDENCE = 0.95
"""Of an interval that does not say."""


def chances(entries: Sequence[Entry], criteria: Sequence[Criterion], meetings: Meetings) -> dict[str, float]:
    """The chance of each of the first entries of a ranking; together 1.

    The draws of a candidate depend on its name and figures alone, so neither order nor company changes them.

    Args:
        entries: Best first.
        criteria: What orders them.
        meetings: What run-offs said.
    """
    contenders = sorted(entries[:CONTENDERS], key=lambda entry: entry.id)
    if not contenders:
        return {}
    drawn = _Drawn(contenders, meetings)
    won = dict.fromkeys((entry.id for entry in contenders), 0.0)
    left, rules = list(range(len(contenders))), list(criteria)
    while rules and len(left) > 1 and drawn.exact(rules[0], left):  # as in every draw
        rule = rules.pop(0)
        left = _nearest(left, [drawn.losses(rule, left)[number][0] for number in left], rule)
    for turn in range(DRAWS):
        best = left
        for rule in rules:
            if len(best) == 1:
                break
            losses = drawn.losses(rule, left)
            best = _nearest(best, [losses[number][turn] for number in best], rule)
        for number in best:
            won[contenders[number].id] += 1 / (DRAWS * len(best))
    return won


def _nearest(names: list[int], losses: Sequence[float], rule: Criterion) -> list[int]:
    least = min(losses)
    far = least + (rule.within * abs(least) if rule.relative else rule.within)
    return [name for name, loss in zip(names, losses, strict=True) if loss <= far]


class _Drawn:
    """Draws of losses, made for a criterion when it is first asked for."""

    def __init__(self, entries: Sequence[Entry], meetings: Meetings) -> None:
        self._entries = entries
        self._meetings = meetings
        self._known: dict[str, Mapping[int, Sequence[float]]] = {}

    def exact(self, rule: Criterion, numbers: Iterable[int]) -> bool:
        """Whether every draw of these entries is the figure itself."""
        fixed = all(_is_exact(self._entries[number].metrics[rule.key]) for number in numbers)
        return fixed and self._hub(rule.key) is None

    def losses(self, rule: Criterion, numbers: Sequence[int]) -> Mapping[int, Sequence[float]]:
        """By entry, the losses of all draws.

        Args:
            rule: The criterion.
            numbers: Of the entries; every call for one criterion asks for the same or for fewer.
        """
        known = self._known.get(rule.key)
        if known is None:
            sign = 1.0 if rule.better == "lower" else -1.0
            values = self._values(rule, numbers)
            known = self._known[rule.key] = {number: [sign * one for one in values[number]] for number in numbers}
        return known

    def _values(self, rule: Criterion, numbers: Sequence[int]) -> dict[int, Sequence[float]]:
        worst = math.inf if rule.better == "lower" else -math.inf
        hub = self._hub(rule.key)
        wanted = dict.fromkeys([*numbers, *([] if hub is None else [hub])])
        values = {number: _draws(self._entries[number], rule.key, worst) for number in wanted}
        if hub is None:
            return values
        power = 1.0 if metric_of(rule.key).better == "lower" else -1.0  # a rate falls as its time grows
        for number in numbers:
            entry = self._entries[number]
            ratio = self._meetings.ratio(entry.identity, self._entries[hub].identity, rule.key)
            if number != hub and ratio is not None and ratio.low and ratio.high:
                seed = f"{entry.id} against {self._entries[hub].id} by {rule.key}"
                drawn = _two_sided(seed, ratio.value, ratio.low, ratio.high, _CONFIDENCE)
                values[number] = [one * other**power for one, other in zip(values[hub], drawn, strict=True)]
        return values

    def _hub(self, key: str) -> int | None:
        """Who met most of the others, and whom they are therefore told by."""
        if "traffic" in metric_of(key).needs:
            return None  # whole devices do not follow from ratios of times
        met = [
            sum(self._met(entry, other, key) is not None for other in self._entries if other is not entry)
            for entry in self._entries
        ]
        most = max(met)
        return met.index(most) if most else None

    def _met(self, entry: Entry, other: Entry, key: str) -> Interval | None:
        return self._meetings.ratio(entry.identity, other.identity, key)


def _is_exact(result: MetricResult) -> bool:
    return not isinstance(result, MetricValue) or result.low == result.high


def _draws(entry: Entry, key: str, worst: float) -> Sequence[float]:
    result: MetricResult = entry.metrics[key]
    if not isinstance(result, MetricValue):
        return [worst] * DRAWS
    low, high, value = result.low, result.high, result.value
    if _is_exact(result):
        return [value] * DRAWS
    # An end that is not known is taken to be as far as the other one.
    low = min(value, 2 * value - high if low is None and high is not None else value if low is None else low)
    high = max(value, 2 * value - low if high is None else high)
    return _two_sided(f"{entry.id} by {key}", value, low, high, result.confidence or _CONFIDENCE)


def _two_sided(seed: str, value: float, low: float, high: float, confidence: float) -> list[float]:
    """Draws about `value` of which `confidence` lie between the ends; of ratios where all are positive."""
    reach = NormalDist().inv_cdf((1 + confidence) / 2)
    if value > 0 and low > 0:
        below, above = math.log(value / low) / reach, math.log(high / value) / reach
        return [value * math.exp(_half(one, below, above)) for one in _normals(seed)]
    below, above = (value - low) / reach, (high - value) / reach
    return [value + _half(one, below, above) for one in _normals(seed)]


@lru_cache(maxsize=4 * CONTENDERS)
def _normals(seed: str) -> Sequence[float]:
    """Draws of the standard normal distribution; kept, because moved limits leave most contenders in."""
    chance = random.Random(seed)
    return array("d", (chance.gauss(0, 1) for _ in range(DRAWS)))


def _half(normal: float, below: float, above: float) -> float:
    return normal * (below if normal < 0 else above)
