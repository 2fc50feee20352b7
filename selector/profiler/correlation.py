"""How much queries that follow each other resemble each other: queries per independent one.

Independent queries are the exception: clocks, caches and neighbours change slowly. An interval that ignores it is
narrower than what it promises, so intervals count independent queries instead of queries.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_MOST_BATCHES = 1024
_FEWEST_BATCHES = 15
_STRONGEST = 0.97
"""A correlation of neighbours above this is not told from a random walk."""
_DOUBT = 110.0
"""Fitted to simulated streams (benchmarks/interval_coverage.py), so that intervals hold where the timing stops."""
_FEW = 60
"""Queries below which less evidence of correlation suffices: a wrong "independent" costs most there."""


def correlation_time(series: NDArray[np.float64]) -> float:
    """Queries per independent query: the variance of the mean × n / variance of one query, at least 1.

    Batch means at doubling batch sizes, each corrected by the first-order autocorrelation that is left between the
    batches, as in Skart (Tafazzoli, Wilson, Lada and Steiger 2011); the largest that is told from chance counts. A
    straight line is taken away first: what is estimated is the mean over the time measured, of which a drift is part.

    Args:
        series: One number per query in the order of queries, shape (n,).
    """
    count = len(series)
    if count < _FEWEST_BATCHES:
        return 1.0  # nothing can be told of so few
    length = -(-count // _MOST_BATCHES)
    mean, variance = float(series.mean()), float(series.var())
    if variance <= 1e-24 * mean**2:
        return 1.0
    batches = series[: count // length * length].reshape(-1, length).mean(axis=1) - mean
    batches -= batches.mean()
    steps = np.arange(len(batches)) - (len(batches) - 1) / 2
    slope = float(steps @ batches) / float(steps @ steps)
    batches -= slope * steps
    noise = variance - slope**2 * (count**2 - 1) / 12 / length**2
    if noise <= 1e-9 * variance:
        return 1.0  # nothing but drift
    longest = 1.0
    while len(batches) >= _FEWEST_BATCHES:
        longest = max(longest, _inflation(batches, length, noise, 1.0 if count < _FEW else 2.0))
        half = len(batches) // 2
        batches, length = (batches[: 2 * half : 2] + batches[1 : 2 * half : 2]) / 2, 2 * length
    return longest


def doubt(count: int) -> float:
    """Queries per independent query, beyond the estimate, that so few of them cannot rule out.

    A correlation over tens of queries shows in hundreds; what looks quiet sooner has only not been seen to move.
    """
    return _DOUBT / count if count >= _FEWEST_BATCHES else 0.0


def _inflation(batches: NDArray[np.float64], length: int, variance: float, errors: float) -> float:
    """What batches of `length` queries say, 1 where that is within so many standard errors of chance."""
    count = len(batches)
    square = float(batches @ batches)
    if square <= 0:
        return 1.0
    # Kendall (1954): after a fitted line a correlation reads too low by (2 + 4 rho) / n.
    lagged = float(batches[1:] @ batches[:-1]) / square
    correlation = min(_STRONGEST, (count * lagged + 2) / (count - 4))
    plain = length * square / count / variance
    if correlation > errors / math.sqrt(count):
        return plain * (1 + correlation) / (1 - correlation)
    return plain if plain > 1 + errors * math.sqrt(2 / count) else 1.0
