"""What a latency sample says, without assuming a distribution.

Percentiles are order statistics with binomial intervals, means carry a moving-block bootstrap interval (queries
that follow each other are not independent, so single queries must not be resampled).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from selector.types import Interval, LatencySummary

Samples = NDArray[np.float64]

CONFIDENCE = 0.95
"""Of every interval that is reported."""

PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}

_RESAMPLES = 400
_BYTES = np.dtype("<f8")


def encode(samples: Samples | list[float]) -> bytes:
    """Samples as little-endian float64 bytes, the form in which they are stored."""
    return np.asarray(samples, dtype=_BYTES).tobytes()


def decode(data: bytes) -> Samples:
    """The inverse of `encode`."""
    return np.frombuffer(data, dtype=_BYTES).astype(np.float64)


def summarize(samples: Samples) -> LatencySummary:
    """The sketch that is stored beside the samples.

    Args:
        samples: Seconds per query in the order in which they were taken, at least one.

    Returns:
        Mean and percentiles with 95 % intervals. A percentile's upper end is None where so few samples give none;
        its lower end may still prove that a limit is missed.
    """
    ordered = np.sort(samples)
    return LatencySummary(
        samples=len(samples),
        seconds=float(samples.sum()),
        mean=mean_interval(samples),
        percentiles={name: percentile_interval(ordered, share) for name, share in PERCENTILES.items()},
        confidence=CONFIDENCE,
    )


def percentile_interval(ordered: Samples, share: float, confidence: float = CONFIDENCE) -> Interval:
    """The `share` quantile of sorted samples by nearest rank, with its order-statistic interval.

    The number of samples below the true quantile is binomial(n, share), so the k-th smallest sample is above the
    quantile with probability P(B <= k - 1). See Conover, Practical Nonparametric Statistics, section 3.2, and
    MLPerf inference rules, appendix on the number of queries.

    Args:
        ordered: Sorted seconds, shape (n,).
        share: Quantile, 0 < share < 1.
        confidence: Two-sided.
    """
    from scipy.special import bdtr

    count = len(ordered)
    tail = (1 - confidence) / 2
    below = bdtr(np.arange(count, dtype=np.float64), count, share)
    value = float(ordered[min(count - 1, math.ceil(share * count) - 1)])
    # below[k] = P(B <= k): sample number k+1 (0-based index k) is at or above the quantile when B <= k.
    low_rank = int(np.searchsorted(below, tail, side="right")) - 1
    high_rank = int(np.searchsorted(below, 1 - tail, side="left"))
    low = float(ordered[low_rank]) if low_rank >= 0 else None
    # P(B <= n) is 1 for any n: an upper end exists only when fewer than all samples suffice.
    high = float(ordered[high_rank]) if high_rank < count else None
    return Interval(value, low, high)


def mean_interval(samples: Samples, confidence: float = CONFIDENCE) -> Interval:
    """The mean with a moving-block bootstrap interval (Künsch 1989), blocks of about n^(1/3) queries."""
    from scipy.special import ndtri, stdtrit

    count = len(samples)
    mean = float(samples.mean())
    if count < 5:
        return Interval(mean, None, None)
    length = max(1, round(count ** (1 / 3)))
    sums = np.concatenate(([0.0], np.cumsum(samples)))
    blocks = (sums[length:] - sums[:-length]) / length
    random = np.random.default_rng(count)  # a fixed seed: the same samples always give the same interval
    drawn = blocks[random.integers(0, len(blocks), size=(_RESAMPLES, max(1, count // length)))]
    low, high = np.quantile(drawn.mean(axis=1), [(1 - confidence) / 2, (1 + confidence) / 2])
    # Few blocks vary less than what they are drawn from: Student's t over them in place of the normal.
    wider = float(stdtrit(max(1, count // length - 1), (1 + confidence) / 2) / ndtri((1 + confidence) / 2))
    # The resampled means centre on the mean of the blocks, which weighs the ends of the sample less.
    below, above = max(0.0, mean - float(low)), max(0.0, float(high) - mean)
    return Interval(mean, max(0.0, mean - wider * below), mean + wider * above)
