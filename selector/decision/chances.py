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
from collections.abc import Sequence
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
    for turn in range(DRAWS):
        best = list(range(len(contenders)))
        for rule in criteria:
            if len(best) == 1:
                break
            losses = drawn.losses(rule)
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
        self._known: dict[str, list[Sequence[float]]] = {}

    def losses(self, rule: Criterion) -> list[Sequence[float]]:
        """By entry, the losses of all draws."""
        known = self._known.get(rule.key)
        if known is None:
            sign = 1.0 if rule.better == "lower" else -1.0
            known = [[sign * one for one in values] for values in self._values(rule)]
            self._known[rule.key] = known
        return known

    def _values(self, rule: Criterion) -> list[Sequence[float]]:
        worst = math.inf if rule.better == "lower" else -math.inf
        values = [_draws(entry, rule.key, worst) for entry in self._entries]
        hub = self._hub(rule.key)
        if hub is None:
            return values
        power = 1.0 if metric_of(rule.key).better == "lower" else -1.0  # a rate falls as its time grows
        for number, entry in enumerate(self._entries):
            ratio = self._meetings.ratio(entry.identity, self._entries[hub].identity, rule.key)
            if number != hub and ratio is not None and ratio.low and ratio.high:
                seed = random.Random(f"{entry.id} against {self._entries[hub].id} by {rule.key}")
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


def _draws(entry: Entry, key: str, worst: float) -> Sequence[float]:
    result: MetricResult = entry.metrics[key]
    if not isinstance(result, MetricValue):
        return [worst] * DRAWS
    low, high, value = result.low, result.high, result.value
    if (low is None and high is None) or low == high:
        return [value] * DRAWS
    # An end that is not known is taken to be as far as the other one.
    low = min(value, 2 * value - high if low is None and high is not None else value if low is None else low)
    high = max(value, 2 * value - low if high is None else high)
    return _two_sided(random.Random(f"{entry.id} by {key}"), value, low, high, result.confidence or _CONFIDENCE)


def _two_sided(seed: random.Random, value: float, low: float, high: float, confidence: float) -> list[float]:
    """Draws about `value` of which `confidence` lie between the ends; of ratios where all are positive."""
    reach = NormalDist().inv_cdf((1 + confidence) / 2)
    if value > 0 and low > 0:
        below, above = math.log(value / low) / reach, math.log(high / value) / reach
        return [value * math.exp(_half(seed.gauss(0, 1), below, above)) for _ in range(DRAWS)]
    below, above = (value - low) / reach, (high - value) / reach
    return [value + _half(seed.gauss(0, 1), below, above) for _ in range(DRAWS)]


def _half(normal: float, below: float, above: float) -> float:
    return normal * (below if normal < 0 else above)
