"""Whether queries have stopped getting faster: the end of warm-up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist, median

FEWEST = 20
"""Queries below which nothing is said."""
TOLERANCE = 0.01
"""Two parts whose medians differ by less than this share have the same speed, noise or not."""
CHANCE = 0.3
"""Probability with which a steady stream is taken for one that still falls, and warmed up for a little longer."""


def has_plateaued(trace: Sequence[float]) -> bool:
    """Whether a warm-up is no faster any more towards its end.

    The trace without its first quarter is parted in two, so what it compares grows with the trace: a slow fall that
    five queries cannot show is seen over fifty. It still falls where the last part's median is lower by more than the
    tolerance, or a rank test (Mann and Whitney 1947) says that its queries are the faster ones beyond chance.

    Args:
        trace: Seconds of each query so far, in order.
    """
    if len(trace) < FEWEST:
        return False
    recent = trace[len(trace) // 4 :]
    earlier, later = recent[: len(recent) // 2], recent[len(recent) // 2 :]
    if median(later) < (1 - TOLERANCE) * median(earlier):
        return False
    # Far below the tolerance a fall does not matter, however certain it is.
    if median(later) >= (1 - TOLERANCE / 5) * median(earlier):
        return True
    return _faster(earlier, later) <= NormalDist().inv_cdf(1 - CHANCE)


def _faster(earlier: Sequence[float], later: Sequence[float]) -> float:
    """By how many standard errors the later queries rank as faster ones."""
    wins = sum((one > other) + 0.5 * (one == other) for one in earlier for other in later)
    pairs = len(earlier) * len(later)
    return float((wins - pairs / 2) / (pairs * (len(earlier) + len(later) + 1) / 12) ** 0.5)
