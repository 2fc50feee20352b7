"""What a latency sample says, without assuming a distribution.

Percentiles are order statistics with binomial intervals, means carry Student's t corrected for skewness. Both count
independent queries (`correlation_time`), not queries. As timing stops when an interval is narrow, it stops where a
sample happens to look quiet: intervals therefore also allow for what so few queries cannot show, a correlation over
tens of queries (`doubt`) and rare slow queries that the mean has not met yet (`UNSEEN`).

What an interval speaks of is the mixture of all queries of the time measured, drift and disturbances included; of
what did not happen then no sample can tell.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

import numpy as np
from numpy.typing import NDArray

from selector.profiler.correlation import correlation_time, doubt
from selector.types import Interval, LatencySummary

Samples = NDArray[np.float64]

CONFIDENCE = 0.95
"""Of every interval that is reported."""

SPENT = 0.965
"""Confidence at which the intervals of means and tails are computed, so that `CONFIDENCE` is left where timing stops:
the difference is what looking again and again costs."""

UNSEEN = 3.7
"""What has not happened in n queries has a probability of at most 3.7 / n: -log(0.025), the upper end of a two-sided
95 % interval (the "rule of three" of Hanley and Lippman-Hand 1983 is the one-sided one)."""
UNSEEN_EXCESS = 0.3
"""By which part a slow query, none of which was seen yet, is thought to be slower than the median, at least."""

PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}

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
    order = np.argsort(samples, kind="stable")
    ordered = samples[order]
    ranks = np.empty(len(samples))
    ranks[order] = np.arange(len(samples))
    together = correlation_time(ranks) if ordered[0] < ordered[-1] else 1.0
    return LatencySummary(
        samples=len(samples),
        seconds=float(samples.sum()),
        mean=mean_interval(samples, SPENT),
        percentiles={name: _percentile(samples, ordered, share, together) for name, share in PERCENTILES.items()},
        confidence=CONFIDENCE,
    )


def _percentile(samples: Samples, ordered: Samples, share: float, together: float) -> Interval:
    """A percentile whose queries resemble each other as all do (`together`), or more where slow ones cluster."""
    value = _nearest_rank(ordered, share)
    if share <= 0.5:
        return percentile_interval(ordered, share, per_independent=together + doubt(len(samples)))
    clustered = correlation_time((samples <= value).astype(np.float64))
    return percentile_interval(ordered, share, SPENT, max(together, clustered))


def _nearest_rank(ordered: Samples, share: float) -> float:
    return float(ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)])


def percentile_interval(
    ordered: Samples, share: float, confidence: float = CONFIDENCE, per_independent: float = 1.0
) -> Interval:
    """The `share` quantile of sorted samples by nearest rank, with its order-statistic interval.

    The number of samples below the true quantile is binomial(n, share), so the k-th smallest sample is above the
    quantile with probability P(B <= k - 1). See Conover, Practical Nonparametric Statistics, section 3.2, and
    MLPerf inference rules, appendix on the number of queries. Where queries resemble each other, ranks and
    their number are divided by the queries per independent one.

    Args:
        ordered: Sorted seconds, shape (n,).
        share: Quantile, 0 < share < 1.
        confidence: Two-sided.
        per_independent: Queries per independent query, at least 1.
    """
    from scipy.special import bdtr, betainc

    count, scale = len(ordered), per_independent
    tail = (1 - confidence) / 2

    # P(B <= index), by the incomplete beta function. One rank is a whole one also among few independent queries: the
    # least of all is above the quantile with probability (1 - share)**(n / scale), all are below it with
    # share**(n / scale). The two agree where the scale is 1.
    def from_below(index: int) -> float:
        return float(betainc((count - index) / scale, index / scale + 1, 1 - share))

    def from_above(index: int) -> float:
        return float(betainc((count - index - 1) / scale + 1, (index + 1) / scale, 1 - share))

    # Sample number index+1 is at or above the quantile when B <= index.
    low_rank = bisect_right(range(count), tail, key=from_below) - 1
    # P(B <= n) is 1 for any n: an upper end exists only when fewer than all samples suffice.
    high_rank = bisect_left(range(count), 1 - tail, key=from_above)
    low = float(ordered[low_rank]) if low_rank >= 0 else None
    high = float(ordered[high_rank]) if high_rank < count else None
    if high is None and bdtr(count - 1, count, share) >= 1 - tail:
        high = _beyond(ordered)
    return Interval(_nearest_rank(ordered, share), low, high)


def _beyond(ordered: Samples) -> float:
    """An upper end where queries are many, but resemble each other so much that no rank bounds the quantile.

    The slowest query, and as far again beyond it as it lies from the median. On a shared host whole seconds are slow
    or fast together, and a few seconds of queries count as a dozen independent ones; that a percentile which stays
    within a third of its limit all the time should be undecided for that would help nobody.
    """
    slowest, middle = float(ordered[-1]), float(ordered[len(ordered) // 2])
    return slowest + (slowest - middle)


def mean_interval(samples: Samples, confidence: float = CONFIDENCE) -> Interval:
    """The mean with Student's interval over independent queries, shifted for skewness.

    The shift is Johnson's (1978) in the monotone form of Hall (1992), as in Skart: slow queries are rare, so the
    truth is further above the mean of a sample than below it. The upper end allows for slow queries that were not
    seen at all, as slow as the slowest that was.
    """
    from scipy.special import stdtrit

    count, mean = len(samples), float(samples.mean())
    per_independent = correlation_time(samples) + doubt(count)
    if count < 5:
        return Interval(mean, None, None)
    independent = max(2.0, count / per_independent)  # Student's t of one degree of freedom is wide enough for any
    error = math.sqrt(float(samples.var()) / (independent - 1))
    quantile = float(stdtrit(independent - 1, (1 + confidence) / 2))
    shift = _skewness(samples, math.ceil(per_independent)) / 6
    above = max(0.0, -_adjusted(-quantile, shift)) * error
    below = max(0.0, _adjusted(quantile, shift)) * error
    if samples.min() == samples.max():
        return Interval(mean, mean, mean)  # a clock that stands still, or a simulated one
    middle = float(np.median(samples))
    unseen = UNSEEN / independent * max(UNSEEN_EXCESS * middle, float(samples.max()) - middle)
    return Interval(mean, max(0.0, mean - below), mean + math.hypot(above, unseen))


def _skewness(samples: Samples, length: int) -> float:
    """Skewness of batches of `length` queries / square root of their number; 0 where that cannot be told."""
    batches = len(samples) // length
    if batches < 5:
        return 0.0
    means = samples[: batches * length].reshape(batches, length).mean(axis=1)
    centred = means - means.mean()
    deviation = float(centred.std())
    if deviation <= 1e-12 * float(means.mean()):
        return 0.0
    unbiased = batches**2 / ((batches - 1) * (batches - 2))
    return unbiased * float((centred**3).mean()) / deviation**3 / math.sqrt(batches)


def _adjusted(quantile: float, shift: float) -> float:
    """Student's quantile for a mean whose distribution is skewed."""
    if abs(shift) < 1e-6:
        return quantile
    return (float(np.cbrt(1 + 6 * shift * (quantile - shift))) - 1) / (2 * shift)
