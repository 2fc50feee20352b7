"""Simulated latency streams whose true statistics are known, for judging intervals.

A stream is `level × noise`: the level is what the machine is like at each query (drift, bursts, interference), the
noise is drawn from a law whose distribution function is known. The truth of a sample is the statistic of what was
timed: of the mixture of the distributions of its queries, given their levels. Where nothing drifts or bursts that is
the one distribution of the process. A burst that did not happen while it was timed is not part of that truth, no
sample could tell of it; `process_levels` gives the truth of the process in the long run for comparison.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import ndtr, stdtr

Array = NDArray[np.float64]
Levels = Callable[[np.random.Generator, int], Array]

NOISE = 0.03
"""Standard deviation of the logarithm of the ordinary noise."""


@dataclass(frozen=True)
class Law:
    """A distribution of relative latencies.

    Attributes:
        draw: Independent draws.
        cdf: Distribution function.
        mean: Its mean.
    """

    draw: Callable[[np.random.Generator, int], Array]
    cdf: Callable[[Array], Array]
    mean: float


def lognormal(sigma: float = NOISE, median: float = 1.0) -> Law:
    """exp(N(log median, sigma²))."""
    return Law(
        lambda random, count: median * np.exp(sigma * random.standard_normal(count)),
        lambda x: ndtr(np.log(np.maximum(x, 1e-300) / median) / sigma),
        median * math.exp(sigma**2 / 2),
    )


def pareto(alpha: float, start: float) -> Law:
    """Pareto (type I) of index `alpha` > 1 from `start` on."""
    return Law(
        lambda random, count: start * (1 + random.pareto(alpha, count)),
        lambda x: 1 - (start / np.maximum(x, start)) ** alpha,
        start * alpha / (alpha - 1),
    )


def half_t3(scale: float) -> Law:
    """1 + scale × |t| with three degrees of freedom; E|t| is 2 sqrt(3) / pi."""
    return Law(
        lambda random, count: 1 + scale * np.abs(random.standard_t(3, count)),
        lambda x: np.where(x < 1, 0.0, 2 * stdtr(3, (np.maximum(x, 1) - 1) / scale) - 1),
        1 + scale * 2 * math.sqrt(3) / math.pi,
    )


def mixed(one: Law, other: Law, share: float) -> Law:
    """Each query from `other` with probability `share`, else from `one`."""
    return Law(
        lambda random, count: np.where(
            random.random(count) < share, other.draw(random, count), one.draw(random, count)
        ),
        lambda x: (1 - share) * one.cdf(x) + share * other.cdf(x),
        (1 - share) * one.mean + share * other.mean,
    )


def autocorrelated(rho: float, sigma: float = NOISE, white: float = 0.0) -> Law:
    """Log-normal queries of which each resembles the one before: a first-order autoregression of the logarithm.

    Args:
        rho: Correlation with the query before.
        sigma: Standard deviation of the logarithm.
        white: Share of its variance that is independent noise on top.
    """

    def draw(random: np.random.Generator, count: int) -> Array:
        shocks = math.sqrt(1 - rho**2) * random.standard_normal(count)
        shocks[0] = random.standard_normal()
        state = lfilter([1.0], [1.0, -rho], shocks)
        noise = math.sqrt(1 - white) * state + math.sqrt(white) * random.standard_normal(count)
        return np.exp(sigma * noise)

    still = lognormal(sigma)
    return Law(draw, still.cdf, still.mean)


def steady(_: np.random.Generator, count: int) -> Array:
    """Nothing changes."""
    return np.ones(count)


def rising(_: np.random.Generator, count: int, total: float, per: int) -> Array:
    """Grows by `total` within `per` queries, then goes on."""
    return 1 + total * np.arange(count) / per


def thermal(random: np.random.Generator, count: int, amplitude: float, period: int) -> Array:
    """A sine that begins anywhere in its period."""
    return 1 + amplitude * np.sin(2 * math.pi * (np.arange(count) / period + random.random()))


def interfered(random: np.random.Generator, count: int, every: int, factor: float) -> Array:
    """Each `every`-th query is slower."""
    return np.where((np.arange(count) + random.integers(every)) % every == 0, factor, 1.0)


def bursts(random: np.random.Generator, count: int, share: float, length: float, factor: float) -> Array:
    """A two-state Markov chain: a `share` of the queries in bursts of `length` queries on average."""
    calm = length * (1 - share) / share
    pieces, states, total, slow = [], [], 0, bool(random.random() < share)
    while total < count:
        pieces.append(int(random.geometric(1 / (length if slow else calm))))
        states.append(factor if slow else 1.0)
        total += pieces[-1]
        slow = not slow
    return np.repeat(states, pieces)[:count]


@dataclass(frozen=True)
class Stream:
    """A way in which latencies come.

    Attributes:
        name: As the table shows it.
        law: Of the noise, given the level.
        levels: What the machine is like at each query; 1 is undisturbed.
    """

    name: str
    law: Law
    levels: Levels = steady

    def draw(self, random: np.random.Generator, count: int) -> tuple[Array, Array]:
        """Relative latencies of `count` queries in order, and the level of each."""
        levels = self.levels(random, count)
        return levels * self.law.draw(random, count), levels

    def truth(self, statistic: str, levels: Array) -> float:
        """The mean or percentile ("p95") of the mixture of the distributions at these levels, relative."""
        if statistic == "mean":
            return self.law.mean * float(levels.mean())
        share = float(statistic.removeprefix("p")) / 100
        atoms, weights = _atoms(levels)
        low, high = float(levels.min()) * 0.3, float(levels.max()) * 1e3
        while high - low > 1e-9 * low:
            middle = (low + high) / 2 if high < 2 * low else math.sqrt(low * high)
            below = float(weights @ self.law.cdf(middle / atoms)) < share
            low, high = (middle, high) if below else (low, middle)
        return (low + high) / 2

    def process_levels(self, count: int = 1_000_000) -> Array:
        """The levels of a long time, whose truth is that of the process."""
        return self.levels(np.random.default_rng(0), count)


def _atoms(levels: Array, most: int = 200) -> tuple[Array, Array]:
    """Levels and their weights; many levels by as many of their quantiles."""
    values, counts = np.unique(levels, return_counts=True)
    if len(values) > most:
        values = np.quantile(levels, (np.arange(most) + 0.5) / most)
        counts = np.ones(most, dtype=np.intp)
    return values, counts / counts.sum()


def expected(law: Law, share: float) -> float:
    """Quantile of a law alone, by its distribution function."""
    return Stream("", law).truth(f"p{100 * share:g}", np.ones(1))


STREAMS = (
    Stream("log-normal, 3 %", lognormal()),
    Stream("log-normal, 30 %", lognormal(0.3)),
    Stream("half Student t3, 3 %", half_t3(0.03)),
    Stream("Pareto spikes, 5 %", mixed(lognormal(), pareto(3.0, 1.1), 0.05)),
    Stream("Pareto spikes, 1 %", mixed(lognormal(), pareto(3.0, 1.1), 0.01)),
    Stream("two levels, 30 % slower", mixed(lognormal(), lognormal(median=1.3), 0.4)),
    Stream("autocorrelated, 0.5", autocorrelated(0.5)),
    Stream("autocorrelated, 0.9", autocorrelated(0.9)),
    Stream("autocorrelated, 0.9, half white", autocorrelated(0.9, white=0.5)),
    Stream("drift, 5 % in 2000 queries", lognormal(), partial(rising, total=0.05, per=2000)),
    Stream("drift, 5 % in 100 queries", lognormal(), partial(rising, total=0.05, per=100)),
    Stream("thermal, ±3 % each 1000", lognormal(), partial(thermal, amplitude=0.03, period=1000)),
    Stream("thermal, ±3 % each 60", lognormal(), partial(thermal, amplitude=0.03, period=60)),
    Stream("bursts, 2 % of 10, 3 ×", lognormal(), partial(bursts, share=0.02, length=10, factor=3.0)),
    Stream("bursts, 5 % of 30, 1.5 ×", lognormal(), partial(bursts, share=0.05, length=30, factor=1.5)),
    Stream("interference each 7, 1.3 ×", lognormal(), partial(interfered, every=7, factor=1.3)),
    Stream("interference each 16, 2 ×", lognormal(), partial(interfered, every=16, factor=2.0)),
)
"""Every stream that intervals are judged by."""
