"""What figures are worth that were taken at one time, on a machine whose speed changes by the second.

A measurement is one visit. Its interval speaks of the seconds of that visit; of a neighbour on the same host that
came a minute later it cannot know. Run-offs visit candidates at many times: for those who took part, the sketch of
all their visits takes the place of the single one. For everybody else the run-offs say by how much one visit may be
off, and their intervals are widened by that.
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
_TWO_SIDED = 1.96
"""Standard deviations on each side that hold 95 %, as all intervals of measurements do."""


@dataclass(frozen=True)
class Visits:
    """What run-offs of one environment say of its figures.

    Attributes:
        summaries: By speed identity, the sketch of the visits in its newest undisturbed run-off.
        unevenness: By how much a visit may be off, as a fraction (one standard deviation); 0 without a run-off.
    """

    summaries: Mapping[str, LatencySummary]
    unevenness: float

    def settle(self, measurement: Measurement) -> Measurement:
        """The measurement with the figures of many visits, or with intervals that allow for having been one."""
        observation = measurement.observation
        if measurement.outcome is not Outcome.OK or observation is None:
            return measurement
        many = self.summaries.get(measurement.identity)
        if many is None and not self.unevenness:
            return measurement
        alone = self._widened(observation.summary)
        # A percentile for which the visits had too few queries stays as the longer single visit has it.
        summary = alone
        if many is not None:
            percentiles = {**alone.percentiles, **_known(many)}
            summary = replace(many, samples=max(many.samples, alone.samples), percentiles=percentiles)
        return replace(measurement, observation=replace(observation, summary=summary))

    def _widened(self, summary: LatencySummary) -> LatencySummary:
        if not self.unevenness:
            return summary
        return replace(
            summary,
            mean=widened(summary.mean, self.unevenness),
            percentiles={name: widened(one, self.unevenness) for name, one in summary.percentiles.items()},
        )


def visits(run_offs: Iterable[RunOff]) -> Visits:
    """What the run-offs say; the newest that took in a candidate speaks for it, a disturbed one for nobody.

    Args:
        run_offs: Of one environment, newest first.
    """
    sound = [one for one in run_offs if not one.disturbed_by]
    summaries: dict[str, LatencySummary] = {}
    for run_off in sound:
        for identity, summary in run_off.summaries.items():
            summaries.setdefault(identity, summary)
    weights = [len(one.candidates) * (one.rounds - 1) for one in sound]
    squares = sum(weight * one.unevenness**2 for weight, one in zip(weights, sound, strict=True))
    return Visits(summaries, math.sqrt(squares / sum(weights)) if sum(weights) else 0.0)


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


def is_uneven(measurements: Iterable[Measurement]) -> bool:
    """Whether fixed work took now more, now less time while these were timed."""
    spreads = [
        spread
        for one in measurements
        if one.observation is not None and (spread := one.observation.diagnostics.get("spin_spread")) is not None
    ]
    return bool(spreads) and statistics.median(spreads) > UNEVEN


def is_steady(interval: Interval) -> bool:
    """Whether a figure would be met again to within `STEADY`, as far as its interval tells."""
    if interval.low is None or interval.high is None or interval.value <= 0:
        return False
    return (interval.high - interval.low) / 2 <= STEADY * interval.value


def _known(summary: LatencySummary) -> dict[str, Interval]:
    """Percentiles that enough queries support: those whose interval has both ends."""
    return {name: one for name, one in summary.percentiles.items() if one.low is not None and one.high is not None}
