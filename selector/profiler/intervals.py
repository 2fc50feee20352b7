"""Reading intervals; apart from making them, so that whoever only reads needs no numpy."""

from __future__ import annotations

import math

from selector.types import Interval, LatencySummary


def half_width(interval: Interval) -> float:
    """Half the width of an interval relative to its value; infinite where an end is missing."""
    if interval.low is None or interval.high is None or interval.value <= 0:
        return math.inf
    return (interval.high - interval.low) / 2 / interval.value


def statistic(summary: LatencySummary, name: str) -> Interval:
    """The interval called `name`: "mean" or a percentile."""
    return summary.mean if name == "mean" else summary.percentiles[name]
