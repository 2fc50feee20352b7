"""Intervals of shares of images, alone and of two models on the same images. Pure Python, as deciding imports it."""

from __future__ import annotations

import math
from statistics import NormalDist

CONFIDENCE = 0.95
"""Of an interval over images that were looked at once; see `confidence_of`."""
FIRST_LOOK = 256
"""Images after which a sequence may first stop; each later look doubles them."""


def looks(total: int) -> int:
    """How often a set of `total` images is looked at: after 256, 512, … images and at its end."""
    return 1 if total <= FIRST_LOOK else 1 + math.ceil(math.log2(total / FIRST_LOOK))


def confidence_of(total: int) -> float:
    """Confidence of each look's interval, so that all looks together are right with `CONFIDENCE` (Bonferroni).

    Examining ends when an interval decides; without this, the luckiest of many looks would.
    """
    return 1 - (1 - CONFIDENCE) / looks(total)


def wilson(right: int, count: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927; Brown, Cai and DasGupta 2001 recommend it).

    Args:
        right: Successes.
        count: Trials, at least 1.
        confidence: Two-sided.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = right / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    low = 0.0 if right == 0 else max(0.0, middle - half)
    return low, 1.0 if right == count else min(1.0, middle + half)


def paired_difference(
    both: int, first_only: int, second_only: int, neither: int, confidence: float = CONFIDENCE
) -> tuple[float, float, float]:
    """How many more images, as a share, the first of two gets right than the second on the same images.

    Newcombe's method 10 (Statistics in Medicine 17, 2635-2650, 1998): Wilson intervals of both shares, joined by the
    correlation of the answers, with his continuity correction of it.

    Returns:
        The difference, and the lower and upper end of its interval.
    """
    count = both + first_only + second_only + neither
    first, second = (both + first_only) / count, (both + second_only) / count
    low_first, high_first = wilson(both + first_only, count, confidence)
    low_second, high_second = wilson(both + second_only, count, confidence)
    margins = (both + first_only) * (second_only + neither) * (both + second_only) * (first_only + neither)
    product = float(both * neither - first_only * second_only)
    product = max(product - count / 2, 0.0) if product > 0 else product
    phi = 0.0 if margins == 0 else product / math.sqrt(margins)

    def half(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))

    difference = first - second
    low = difference - half(first - low_first, high_second - second)
    high = difference + half(high_first - first, second - low_second)
    return difference, max(-1.0, low), min(1.0, high)


def mcnemar(first_only: int, second_only: int) -> float:
    """Two-sided exact p-value that two classifiers err alike (McNemar 1947): binomial over images one alone gets."""
    count, fewer = first_only + second_only, min(first_only, second_only)
    if count == 0:
        return 1.0
    if count > 1_000:  # the normal approximation with continuity correction; the sum would have huge terms
        return min(1.0, 2 * NormalDist().cdf((2 * fewer + 1 - count) / math.sqrt(count)))
    tail = sum(math.comb(count, number) for number in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**count))
