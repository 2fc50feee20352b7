"""By how much two figures of one metric differ, with an interval, and whether that is more than noise.

**Scale.** Figures above zero are compared as the second's ratio to the first, on the scale of logarithms, where what
disturbs a measurement acts; shares, and figures of zero or less, by subtraction.

**Interval.** Of two independent figures the interval of their difference follows from both of theirs, side by side:
the variances of the sides that face each other add up (the method of variance estimates recovery: Zou and Donner,
Statistics in Medicine 27, 2008). Of two that were timed in turn (`selector.decision.meetings`) the interval of the
paired ratio counts instead, which is narrower and knows what disturbed both.

**Readings.** What was read once, such as the peak of memory, has no interval; `READINGS` says by how much such a
reading is taken to differ from one process to the next.

**Sessions.** Figures of two sessions differ by more than the interval of either says: another process, another layout
of memory, a warmer machine. `SESSIONS` is added to each where they are compared across sessions.

**Many comparisons.** Where twenty figures are compared, one lies outside its 95 % interval by chance. The intervals
here hold together: each is as wide as Bonferroni's correction for all that noise has a part in asks, so that with
95 % probability none of them misses. A difference is beyond the noise when its interval excludes "alike".
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Literal

from selector.decision.figures import metric_of
from selector.decision.meetings import Meetings
from selector.decision.visits import STEADY
from selector.metrics import MetricResult, MetricValue
from selector.types import Interval

CONFIDENCE = 0.95
"""Of all intervals of one comparison together."""
_NORMAL = NormalDist()
_TWO_SIDED = _NORMAL.inv_cdf((1 + CONFIDENCE) / 2)
SESSIONS = STEADY / _TWO_SIDED / math.sqrt(2)
"""One standard deviation, as a fraction, by which one session differs from others where nothing more is known:
with it two of them differ by more than `STEADY` in one case of twenty. That is what is asked of figures that are not
called unstable (``benchmarks/repeatability.py``)."""
READINGS: Mapping[str, float] = {"build_time": 0.25, "cold_start": 0.25, "energy_per_image": SESSIONS}
"""One standard deviation, as a fraction, of what is read once; `SESSIONS` for all others. Times that hang on the
disk's cache are taken to be off by so much that only a factor of two tells."""

_FAR = 700.0
"""Logarithms beyond which a figure is no number any more."""

Side = Literal["first", "second"]


class Basis(StrEnum):
    """What the interval of a difference stands on."""

    PAIRED = "paired"
    INTERVALS = "intervals"
    READINGS = "readings"
    EXACT = "exact"
    SAME = "same"
    MISSING = "missing"


@dataclass(frozen=True)
class Difference:
    """One metric of two.

    Attributes:
        key: The metric.
        first: The figure of the first, or why there is none.
        second: That of the second.
        basis: "paired" (timed in turn), "intervals" (two independent figures), "readings" (read once each), "exact"
            (no noise in either), "same" (one measurement speaks for both), "missing" (a figure is).
        ratio: The second relative to the first, with its interval; None where that has no meaning.
        gap: The second less the first, in the base unit; with an interval where there is no ratio. None without both
            figures.
        beyond_noise: Whether they differ by more than noise explains.
        better: Which is better beyond the noise, None for neither.
    """

    key: str
    first: MetricResult
    second: MetricResult
    basis: Basis
    ratio: Interval | None = None
    gap: Interval | None = None
    beyond_noise: bool = False
    better: Side | None = None

    @property
    def interval(self) -> Interval | None:
        """The one by which it is told from noise: that of the ratio, or else of the gap."""
        return self.ratio or self.gap

    @property
    def equal(self) -> bool:
        """Whether there is nothing to tell: the same figure, or none on both sides."""
        if isinstance(self.first, MetricValue) and isinstance(self.second, MetricValue):
            return self.basis is Basis.SAME or self.first.value == self.second.value
        return type(self.first) is type(self.second)


@dataclass(frozen=True)
class Estimate:
    """A difference before it is known how many are told at once.

    Attributes:
        key: The metric.
        first: The first's figure.
        second: The second's.
        basis: See `Difference`.
        centre: The difference: of logarithms, or of the figures; 0 where a figure is missing.
        below: One standard deviation downwards; infinite where no end is known.
        above: Upwards.
        logarithmic: Whether the centre is one of logarithms.
        family: What is counted once, however often it is told: two tags of one architecture share measurements.
    """

    key: str
    first: MetricResult
    second: MetricResult
    basis: Basis
    centre: float = 0.0
    below: float = 0.0
    above: float = 0.0
    logarithmic: bool = True
    family: Hashable = None

    @property
    def noisy(self) -> bool:
        """Whether noise has a part in it, so that it counts among the comparisons."""
        return self.basis in (Basis.PAIRED, Basis.INTERVALS, Basis.READINGS)

    def settle(self, reach: float) -> Difference:
        """The difference with intervals of so many standard deviations on each side."""
        if not (isinstance(self.first, MetricValue) and isinstance(self.second, MetricValue)):
            return Difference(self.key, self.first, self.second, Basis.MISSING)
        gap = self.second.value - self.first.value
        low, high = self.centre - reach * self.below, self.centre + reach * self.above
        beyond = not math.isnan(self.centre) and (low > 0 or high < 0)
        lower_is_better = metric_of(self.key).better == "lower"
        better: Side | None = None
        if beyond:
            better = "second" if (self.centre < 0) == lower_is_better else "first"
        ratio = None
        if self.logarithmic:
            ratio = Interval(math.exp(self.centre), _exp(low), _exp(high))
        ends = (None, None) if self.logarithmic else (_known(low), _known(high))
        return Difference(
            self.key,
            self.first,
            self.second,
            self.basis,
            ratio,
            Interval(gap, *ends),
            beyond_noise=beyond,
            better=better,
        )


def estimate(
    key: str,
    first: MetricResult,
    second: MetricResult,
    *,
    sessions: float = 0.0,
    same: bool = False,
    family: Hashable = None,
) -> Estimate:
    """The difference of two figures that were taken independently of each other.

    Args:
        key: The metric.
        first: The first's figure.
        second: The second's.
        sessions: One standard deviation by which figures of different sessions differ, as a fraction; 0 within one.
        same: Whether one measurement speaks for both.
        family: See `Estimate`.
    """
    if not (isinstance(first, MetricValue) and isinstance(second, MetricValue)):
        return Estimate(key, first, second, Basis.MISSING)
    logarithmic = _logarithmic(key, first, second)
    centre = math.log(second.value / first.value) if logarithmic else second.value - first.value
    # Two tags of one architecture share what was timed, and still have published accuracies of their own.
    if same and (first.value == second.value or first.evidence != "published"):
        return Estimate(key, first, second, Basis.SAME, centre, logarithmic=logarithmic)
    mine, others = (_spread(key, one, sessions, logarithmic=logarithmic) for one in (first, second))
    basis = max(_basis(key, first), _basis(key, second), key=_ORDER.index)
    return Estimate(
        key,
        first,
        second,
        basis,
        centre,
        below=math.hypot(others[0], mine[1]),
        above=math.hypot(others[1], mine[0]),
        logarithmic=logarithmic,
        family=family,
    )


def paired(
    key: str, first: MetricResult, second: MetricResult, identities: tuple[str | None, str | None], meetings: Meetings
) -> Estimate | None:
    """The difference of two candidates that were timed in turn; None where they were not, or it tells nothing.

    Args:
        key: The metric.
        first: The first's figure.
        second: The second's.
        identities: Their speed identities.
        meetings: What run-offs said.
    """
    metric = metric_of(key)
    met = meetings.ratio(identities[1], identities[0], key)
    known = isinstance(first, MetricValue) and isinstance(second, MetricValue)
    if met is None or not known or "traffic" in metric.needs:  # whole devices do not follow from ratios of times
        return None
    centre = math.log(met.value)
    below = math.inf if not met.low else (centre - math.log(met.low)) / _TWO_SIDED
    above = math.inf if met.high is None else (math.log(met.high) - centre) / _TWO_SIDED
    if metric.better == "higher":  # a rate falls as its time grows
        centre, below, above = -centre, above, below
    return Estimate(key, first, second, Basis.PAIRED, centre, below, above)


def settle(estimates: Iterable[Estimate]) -> tuple[tuple[Difference, ...], int]:
    """Differences whose intervals hold together, and how many comparisons that took into account."""
    known = list(estimates)
    comparisons = counted(known)
    reach = reach_for(comparisons)
    return tuple(one.settle(reach) for one in known), comparisons


def counted(estimates: Iterable[Estimate]) -> int:
    """How many comparisons noise has a part in; those of one family and metric count once."""
    noisy = [
        (one.family, one.key) if one.family is not None else place for place, one in enumerate(estimates) if one.noisy
    ]
    return len(set(noisy))


def reach_for(comparisons: int) -> float:
    """Standard deviations on each side with which so many intervals hold together (Bonferroni)."""
    return _NORMAL.inv_cdf(1 - (1 - CONFIDENCE) / (2 * max(1, comparisons)))


def spread_sessions(groups: Iterable[Iterable[float]], fewest: int = 3) -> float:
    """One standard deviation by which sessions differ: `SESSIONS`, or more where earlier ones say so.

    Args:
        groups: Of each candidate and environment the medians of its sessions, above zero.
        fewest: Sessions of a group below which it tells nothing.
    """
    squares, freedom = 0.0, 0
    for group in groups:
        logarithms = [math.log(one) for one in group]
        if len(logarithms) >= fewest:
            mean = sum(logarithms) / len(logarithms)
            squares += sum((one - mean) ** 2 for one in logarithms)
            freedom += len(logarithms) - 1
    return max(SESSIONS, math.sqrt(squares / freedom) if freedom else 0.0)


def widened_for(key: str, result: MetricValue, sessions: float, reach: float) -> MetricValue:
    """The figure with the interval that it has across sessions, of so many standard deviations on each side."""
    logarithmic = result.value > 0 and metric_of(key).kind != "fraction"
    below, above = _spread(key, result, sessions, logarithmic=logarithmic)
    if not below and not above:
        return result
    low: float | None
    high: float | None
    if logarithmic:
        middle = math.log(result.value)
        low, high = _exp(middle - reach * below), _exp(middle + reach * above)
    else:
        low, high = _known(result.value - reach * below), _known(result.value + reach * above)
    return MetricValue(result.value, low, high, CONFIDENCE, result.evidence, result.source, result.samples)


_ORDER = (Basis.EXACT, Basis.INTERVALS, Basis.READINGS)


def _basis(key: str, figure: MetricValue) -> Basis:
    if figure.low is not None or figure.high is not None:
        return Basis.INTERVALS
    read = figure.evidence == "measured" and (figure.samples == 1 or key in READINGS)
    return Basis.READINGS if read and figure.value else Basis.EXACT


def _logarithmic(key: str, first: MetricValue, second: MetricValue) -> bool:
    return metric_of(key).kind != "fraction" and first.value > 0 and second.value > 0


def _spread(key: str, figure: MetricValue, sessions: float, *, logarithmic: bool) -> tuple[float, float]:
    """One standard deviation downwards and upwards: of the logarithm, or in the base unit."""
    basis = _basis(key, figure)
    scale = 1.0 if logarithmic else abs(figure.value)
    if basis is Basis.EXACT:
        return 0.0, 0.0
    if basis is Basis.READINGS:
        one = READINGS.get(key, SESSIONS) * scale
        return one, one
    reach = _NORMAL.inv_cdf((1 + (figure.confidence or CONFIDENCE)) / 2)
    between = sessions * scale
    low, high = figure.low, figure.high
    if logarithmic:
        below = math.inf if low is None or low <= 0 else math.log(figure.value / min(low, figure.value))
        above = math.inf if high is None else math.log(max(high, figure.value) / figure.value)
    else:
        below = math.inf if low is None else figure.value - min(low, figure.value)
        above = math.inf if high is None else max(high, figure.value) - figure.value
    return math.hypot(below / reach, between), math.hypot(above / reach, between)


def _exp(place: float) -> float | None:
    """From a logarithm to the figure; None where it is not known."""
    return math.exp(place) if abs(place) < _FAR else 0.0 if place < 0 else None


def _known(place: float) -> float | None:
    return place if math.isfinite(place) else None
