"""Two candidates timed in turn: by how much one is faster, and how surely.

Rounds pair them: what makes a round slow, such as heat or a neighbour on the same host, slows both, and drops out of
their ratio. Independent intervals would charge it to each of them and call a difference of 2 % noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from selector.metrics import PERCENTILE_SAMPLES
from selector.profiler import protocol
from selector.profiler.statistics import PERCENTILES
from selector.types import Duel, Interval

Rounds = NDArray[np.float64]
"""Seconds per query of one candidate, shape (rounds, queries)."""

CONFIDENCE = 0.95
_RESAMPLES = 1500
_STATISTICS = ("mean", *PERCENTILES)


def duels(taken: Mapping[str, Rounds], statistics: Sequence[str] = _STATISTICS) -> tuple[Duel, ...]:
    """Every pair's ratio, by each statistic that so many queries support.

    The stated confidence is that of all pairs together, over all looks at which a run-off may have ended
    (Bonferroni).

    Args:
        taken: By identity; the same number of rounds for each.
        statistics: "mean" or percentiles.
    """
    pairs = list(combinations(taken, 2))
    if not pairs:
        return ()
    confidence = 1 - (1 - CONFIDENCE) / (len(pairs) * len(protocol.ROUND_LOOKS))
    made = []
    for name in statistics:
        if min(rounds.size for rounds in taken.values()) < PERCENTILE_SAMPLES.get(name, 1):
            continue
        made += [
            Duel(first, second, name, ratio(taken[first], taken[second], name, confidence)) for first, second in pairs
        ]
    return tuple(made)


def ratio(first: Rounds, second: Rounds, statistic: str, confidence: float) -> Interval:
    """The first's statistic relative to the second's, with a paired bootstrap interval over rounds.

    Rounds are resampled for both at once (Efron and Tibshirani, An Introduction to the Bootstrap, chapter 8), on the
    scale of logarithms; with few rounds Student's t widens what the bootstrap takes from the normal.

    Args:
        first: Shape (rounds, queries).
        second: Shape (rounds, queries), of the same rounds.
        statistic: "mean" or a percentile.
        confidence: Two-sided.
    """
    from scipy.special import ndtri, stdtrit

    count = len(first)
    value = float(np.log(_of(first[None], statistic)[0] / _of(second[None], statistic)[0]))
    random = np.random.default_rng(count)  # a fixed seed: the same rounds always give the same interval
    drawn = random.integers(0, count, size=(_RESAMPLES, count))
    ratios = np.log(_of(first[drawn], statistic) / _of(second[drawn], statistic))
    tail = (1 + confidence) / 2
    width = float(ratios.std()) * float(stdtrit(count - 1, tail)) * (count / (count - 1)) ** 0.5
    # Percentiles of few queries are coarse: where the resampled ratios reach further, they count.
    reach = float(ndtri(tail) / ndtri(0.975))
    low, high = np.quantile(ratios, [0.025, 0.975])
    below, above = max(width, reach * (value - float(low))), max(width, reach * (float(high) - value))
    return Interval(float(np.exp(value)), float(np.exp(value - below)), float(np.exp(value + above)))


def decided(duel: Duel) -> bool:
    """Whether one is faster beyond the noise, or both are proven alike."""
    low, high = duel.ratio.low or 0.0, duel.ratio.high or float("inf")
    return low > 1 or high < 1 or (low >= 1 - protocol.ALIKE and high <= 1 + protocol.ALIKE)


def unevenness(taken: Mapping[str, Rounds]) -> float:
    """One standard deviation, as a fraction, by which a candidate's median moves from round to round.

    Of the variance of the rounds' medians (as logarithms) that which a median of so few queries has anyway is taken
    away: π/2 times the variance of its mean, by the usual asymptotic formula, with the spread within rounds read
    from the quartiles. The mean over the candidates, as a variance.

    Args:
        taken: By identity, at least two rounds each.
    """
    left = []
    for rounds in taken.values():
        logarithms = np.log(rounds)
        quartiles = np.quantile(logarithms, (0.25, 0.75), axis=1)
        within = float(np.mean(((quartiles[1] - quartiles[0]) / 1.349) ** 2))
        between = float(np.median(logarithms, axis=1).var(ddof=1))
        left.append(max(0.0, between - np.pi / 2 * within / rounds.shape[1]))
    return float(np.sqrt(np.mean(left)))


def _of(rounds: NDArray[np.float64], statistic: str) -> NDArray[np.float64]:
    """The statistic of each sample: shape (samples, rounds, queries) to (samples,)."""
    pooled = rounds.reshape(len(rounds), -1)
    if statistic == "mean":
        means: NDArray[np.float64] = pooled.mean(axis=1)
        return means
    rank = min(pooled.shape[1] - 1, int(np.ceil(PERCENTILES[statistic] * pooled.shape[1])) - 1)
    ranked: NDArray[np.float64] = np.partition(pooled, rank, axis=1)[:, rank]
    return ranked
