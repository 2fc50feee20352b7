"""After how many queries what a faster way costs once is earned back."""

from __future__ import annotations

import math
from dataclasses import dataclass

from selector.decision.records import Assessment, Decision
from selector.metrics import MetricValue

REFERENCE = "eager"
"""The way that costs nothing to prepare, against which the others are counted."""


@dataclass(frozen=True)
class Payoff:
    """What a way of running costs once and saves with every query, against eager of the same model.

    Attributes:
        once: Seconds of build and cold start beyond those of the reference; below 0 where it starts faster.
        saved: Seconds saved by each query.
        queries: Queries after which it has paid off, rounded up; 0 where it costs nothing more, None where it never
            does or noise leaves that open.
    """

    once: float
    saved: float
    queries: int | None


def payoff(decision: Decision, assessment: Assessment) -> Payoff | None:
    """When a candidate pays off: (extra build time + extra cold start) / time saved by a query.

    Args:
        decision: In which the reference is looked for.
        assessment: The candidate.

    Returns:
        None for the reference itself, and where a figure of either is missing.
    """
    candidate = assessment.planned.candidate
    if candidate.optimization == REFERENCE:
        return None
    reference = next((one for one in decision.assessments if one.id == f"{candidate.model}@{REFERENCE}"), None)
    if reference is None:
        return None
    count = decision.profile.device.count
    mine, other = _costs(assessment, count), _costs(reference, count)
    if mine is None or other is None:
        return None
    once, saved = mine[0] - other[0], other[1].value - mine[1].value
    surely = (other[1].low or other[1].value) - (mine[1].high or mine[1].value)
    if once <= 0 and saved >= 0:
        return Payoff(once, saved, 0)
    return Payoff(once, saved, math.ceil(once / saved) if saved > 0 and surely > 0 else None)


def _costs(one: Assessment, count: int) -> tuple[float, MetricValue] | None:
    """Seconds spent once, and the mean time of a query on one of `count` devices."""
    build, start = one.metrics.get("build_time"), one.metrics.get("cold_start")
    rate = one.metrics.get("throughput")
    if not isinstance(build, MetricValue) or not isinstance(start, MetricValue) or not isinstance(rate, MetricValue):
        return None
    images = one.planned.candidate.batch_size * count
    low = images / rate.high if rate.high else None
    high = images / rate.low if rate.low else None
    return build.value + start.value, MetricValue(images / rate.value, low, high, rate.confidence)
