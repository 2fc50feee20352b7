"""One figure of several: what a profile with weights ranks by.

Every metric is first made a loss in a unit that people think in, lower being better: milliseconds, MiB, joules, USD,
millions of weights, milliseconds per image for a rate, and percent of wrong answers for a share that is better high
(an accuracy of 82 % is 18). The score is the geometric mean of the losses, each to the power of its weight (weights
sum to 1): ``exp(sum(w * log(loss)))``. So a weight says what a *relative* change is worth: at equal weights, half the
latency makes up for twice the error. Neither units nor other candidates change the order, which min-max and z-score
normalization cannot say: there a hopeless candidate, added or taken away, may turn the ranking around. This is the
weighted product model (Bridgman 1922; Triantaphyllou, Multi-Criteria Decision Making Methods, 2000, ch. 2).

The ends of the interval are the scores of all good and of all bad ends: exact where the figures depend on each other
as p95 and price do, wider than need be where they are independent.
"""

from __future__ import annotations

import math

from selector.metrics.base import (
    Metric,
    MetricResult,
    MetricValue,
    NotObserved,
    Reading,
    evaluate_metric,
    metric,
    metric_of,
)

_UNITS = {"time": 1e-3, "memory": 2.0**20, "energy": 1.0, "fraction": 0.01, "money": 1.0, "count": 1e6}
_ONE_OFF = 1.0
"""Seconds: what happens once, a build or a start, is counted in whole seconds; less counts as one."""
_LEAST = 1e-3
"""Losses below this many units count as this: nothing is worth infinitely much."""


@metric(
    "score",
    unit="1",
    kind="count",
    better="lower",
    description="Weighted geometric mean of the metrics that the profile weighs, each as a loss in people's units",
    needs=("weights",),
)
def score(reading: Reading) -> MetricResult:
    """See the module's docstring."""
    if not reading.weights:
        return NotObserved("the profile weighs no metrics (objective.weights)")
    value, low, high = 0.0, 0.0, 0.0
    readings = []
    for name, weight in reading.weights.items():
        rule = metric_of(name)
        result = evaluate_metric(name, reading)
        if isinstance(result, NotObserved):
            return NotObserved(f"{rule.label} is not observed: {result.reason}")
        good, bad = _ends(rule, result)
        value += weight * math.log(loss(rule, result.value))
        low += weight * math.log(good)
        high += weight * math.log(bad) if math.isfinite(bad) else math.inf
        readings.append(result)
    noisy = [one for one in readings if one.low is not None or one.high is not None]
    measured = [one for one in readings if one.evidence == "measured"]
    return MetricValue(
        math.exp(value),
        math.exp(min(low, value)) if noisy else None,
        math.exp(max(high, value)) if noisy and math.isfinite(high) else None,
        min((one.confidence for one in noisy if one.confidence is not None), default=None),
        evidence="measured" if measured else readings[0].evidence,
        source=f"of {', '.join(reading.weights)}",
        samples=min((one.samples for one in measured if one.samples is not None), default=None),
    )


def loss(rule: Metric, value: float) -> float:
    """A figure as a loss in people's units, lower being better; at least a thousandth.

    Args:
        rule: The metric.
        value: In its base unit.
    """
    if rule.kind == "rate":
        return max(1e3 / value if value > 0 else math.inf, _LEAST)
    if rule.kind == "time" and rule.statistic is None:
        return max(value, _ONE_OFF)
    if rule.better == "higher":
        value = 1 - value if rule.kind == "fraction" else 1 / max(value, 1e-300)
    return max(value / _UNITS[rule.kind], _LEAST)


def _ends(rule: Metric, result: MetricValue) -> tuple[float, float]:
    """The losses of the good and of the bad end; an end that is not known is the best or worst there can be."""
    if result.low is None and result.high is None:
        return (loss(rule, result.value),) * 2
    low = None if result.low is None else loss(rule, result.low)
    high = None if result.high is None else loss(rule, result.high)
    good, bad = (low, high) if rule.better == "lower" else (high, low)
    return (_LEAST if good is None else good, math.inf if bad is None else bad)
