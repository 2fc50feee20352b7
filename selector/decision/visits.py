"""What figures are worth that were taken at one time, on a machine whose speed changes by the second.

A measurement is one visit. Its interval speaks of the seconds of that visit; of a neighbour on the same host that
came a minute later it cannot know. Run-offs visit candidates at many times: for those who took part, the sketch of
all their visits takes the place of the single one. For everybody else the run-offs, and the fixed work that was timed
beside the queries, say by how much one visit may be off, and their intervals are widened by that.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from selector.types import Interval, LatencySummary, Measurement, Outcome, RunOff

UNEVEN = 0.05
"""Spread of the time that fixed work takes beyond which one visit alone is not trusted."""
STEADY = 0.05
"""Half-width of an interval, relative to its figure, beyond which the figure is called unstable."""
SPIN_SHARE = 0.5
"""What of the spread of fixed work a visit to a model shows, at least. On a two-core virtual machine with neighbours
fixed work of a third of a ms spread by 22 %, visits of 0.1 s to three models by 10 to 14 %."""
INDEPENDENT_SECONDS = 3.0
"""Visits so far apart count as independent. There the correlation of speed fell to a third within 1 to 1.5 s."""
_TWO_SIDED = 1.96
"""Standard deviations on each side that hold 95 %, as all intervals of measurements do."""


@dataclass(frozen=True)
class Visits:
    """What run-offs of one environment say of its figures.

    Attributes:
        summaries: By speed identity, the sketch of the visits in its newest undisturbed run-off.
        seconds: By speed identity, the time over which these visits were spread.
        unevenness: By how much a visit may be off, as a fraction (one standard deviation); 0 where nothing tells.
    """

    summaries: Mapping[str, LatencySummary]
    seconds: Mapping[str, float]
    unevenness: float

    def settle(self, measurement: Measurement) -> Measurement:
        """The measurement with the figures of many visits, or with intervals that allow for having been one."""
        observation = measurement.observation
        if measurement.outcome is not Outcome.OK or observation is None:
            return measurement
        many = self.summaries.get(measurement.identity)
        if many is None and not self.unevenness:
            return measurement
        alone = _widened(observation.summary, self.unevenness)
        summary = alone
        if many is not None:
            independent = max(1.0, self.seconds[measurement.identity] / INDEPENDENT_SECONDS)
            many = _widened(many, self.unevenness / math.sqrt(independent))
            # A percentile for which the visits had too few queries stays as the longer single visit has it.
            percentiles = {**alone.percentiles, **_known(many)}
            summary = replace(many, samples=max(many.samples, alone.samples), percentiles=percentiles)
        return replace(measurement, observation=replace(observation, summary=summary))


def visits(run_offs: Iterable[RunOff], measurements: Iterable[Measurement] = ()) -> Visits:
    """What run-offs say; the newest that took in a candidate speaks for it, a disturbed one for nobody.

    Args:
        run_offs: Of one environment, newest first.
        measurements: Of that environment; what fixed work took beside them counts too.
    """
    sound = [one for one in run_offs if not one.disturbed_by]
    summaries: dict[str, LatencySummary] = {}
    seconds: dict[str, float] = {}
    for run_off in sound:
        for identity, summary in run_off.summaries.items():
            summaries.setdefault(identity, summary)
            seconds.setdefault(identity, run_off.wall_seconds)
    weights = [len(one.candidates) * (one.rounds - 1) for one in sound]
    squares = sum(weight * one.unevenness**2 for weight, one in zip(weights, sound, strict=True))
    between = math.sqrt(squares / sum(weights)) if sum(weights) else 0.0
    spread = spin_spread(measurements)
    return Visits(summaries, seconds, max(between, SPIN_SHARE * spread if spread > UNEVEN else 0.0))


def widened(interval: Interval, unevenness: float) -> Interval:
    """The interval of one visit, with what visits differ by added to it: variances of logarithms add up.

    Args:
        interval: Of a positive figure.
        unevenness: One standard deviation, as a fraction.
    """
    more = _TWO_SIDED * unevenness
    if interval.value <= 0:
        return interval
    low = interval.low
    if low is not None and low > 0:
        low = interval.value / math.exp(math.hypot(math.log(interval.value / min(low, interval.value)), more))
    high = interval.high
    if high is not None:
        high = interval.value * math.exp(math.hypot(math.log(max(high, interval.value) / interval.value), more))
    return Interval(interval.value, low, high)


def spin_spread(measurements: Iterable[Measurement]) -> float:
    """By how much the time of fixed work varied while these were timed: the median, 0 where it was not recorded."""
    spreads = [
        spread
        for one in measurements
        if one.observation is not None and (spread := one.observation.diagnostics.get("spin_spread")) is not None
    ]
    return statistics.median(spreads) if spreads else 0.0


def is_steady(interval: Interval) -> bool:
    """Whether a figure would be met again to within `STEADY`, as far as its interval tells."""
    if interval.low is None or interval.high is None or interval.value <= 0:
        return False
    return (interval.high - interval.low) / 2 <= STEADY * interval.value


def _widened(summary: LatencySummary, unevenness: float) -> LatencySummary:
    if not unevenness:
        return summary
    return replace(
        summary,
        mean=widened(summary.mean, unevenness),
        percentiles={name: widened(one, unevenness) for name, one in summary.percentiles.items()},
    )


def _known(summary: LatencySummary) -> dict[str, Interval]:
    """Percentiles that enough queries support: those whose interval has both ends."""
    return {name: one for name, one in summary.percentiles.items() if one.low is not None and one.high is not None}
