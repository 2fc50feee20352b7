"""What running a model costs: for a million images at full load, and for a month of a stated traffic."""

from __future__ import annotations

import math
from collections.abc import Callable

from selector.metrics.base import MetricResult, MetricValue, NotObserved, Reading, Terms, metric, observed
from selector.quantities import MONTH_SECONDS as MONTH
from selector.types import Interval


def _million_per_query(limit: float, terms: Terms) -> float | None:
    return limit * terms.batch_size / (1e6 * terms.price) if terms.price else None


def _devices_per_query(limit: float, terms: Terms) -> float | None:
    whole = math.floor(limit + 1e-9)
    return whole * terms.batch_size / terms.traffic if terms.traffic and whole >= 1 else None


def _month_per_query(limit: float, terms: Terms) -> float | None:
    return _devices_per_query(limit / (terms.price * MONTH), terms) if terms.price else None


@metric(
    "cost_per_million",
    unit="USD",
    kind="money",
    better="lower",
    description="Price of a million images at full load",
    heading="per million",
    statistic="mean",
    needs=("price",),
    per_query=_million_per_query,
)
def cost_per_million(reading: Reading) -> MetricResult:
    """1e6 × price of one device second / images per second of one device."""
    if reading.price is None:
        return NotObserved("the profile names no price of the device (device.price)")
    return _scaled(reading, lambda seconds: 1e6 * (reading.price or 0.0) * seconds / reading.candidate.batch_size)


@metric(
    "devices_needed",
    unit="1",
    kind="count",
    better="lower",
    description="Devices that answer the stated traffic, each back to back",
    label="devices",
    statistic="mean",
    needs=("traffic",),
    per_query=_devices_per_query,
)
def devices_needed(reading: Reading) -> MetricResult:
    """Traffic / images per second of one device, rounded up.

    The mean rate of a device that is never idle: no reserve for arrivals that bunch, nor for a device that fails.
    """
    if reading.traffic is None:
        return NotObserved("the profile names no traffic")
    return _scaled(reading, lambda seconds: _devices(reading, seconds))


@metric(
    "cost_per_month",
    unit="USD",
    kind="money",
    better="lower",
    description="Price of a month of the stated traffic, whole devices that run all the time",
    heading="per month",
    statistic="mean",
    needs=("price", "traffic"),
    per_query=_month_per_query,
)
def cost_per_month(reading: Reading) -> MetricResult:
    """Devices needed × price of one device × seconds of a month (365.25 / 12 days)."""
    if reading.price is None:
        return NotObserved("the profile names no price of the device (device.price)")
    if reading.traffic is None:
        return NotObserved("the profile names no traffic")
    price = reading.price
    return _scaled(reading, lambda seconds: _devices(reading, seconds) * price * MONTH)


def _devices(reading: Reading, seconds: float) -> int:
    """Whole devices, at least one; rounding errors do not ask for one more."""
    return max(1, math.ceil((reading.traffic or 0.0) * seconds / reading.candidate.batch_size * (1 - 1e-12)))


def _scaled(reading: Reading, figure: Callable[[float], float]) -> MetricResult:
    """A figure that grows with the mean seconds per query, its interval with it."""
    observation = observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    summary = observation.summary
    mean: Interval = summary.mean
    return MetricValue(
        figure(mean.value),
        None if mean.low is None else figure(mean.low),
        None if mean.high is None else figure(mean.high),
        summary.confidence,
        samples=summary.samples,
    )
