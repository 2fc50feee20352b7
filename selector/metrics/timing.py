"""What is computed from the times of queries: latencies and throughput."""

from __future__ import annotations

from collections.abc import Callable

from selector.metrics.base import (
    PERCENTILE_SAMPLES,
    MetricResult,
    MetricValue,
    NotObserved,
    Reading,
    metric,
    observed,
)
from selector.types import Interval


def _latency(statistic: str) -> Callable[[Reading], MetricResult]:
    def compute(reading: Reading) -> MetricResult:
        observation = observed(reading)
        if isinstance(observation, NotObserved):
            return observation
        if reading.candidate.scenario == "offline":
            return NotObserved("the offline scenario has throughput only")
        summary = observation.summary
        needed = PERCENTILE_SAMPLES.get(statistic, 1)
        interval = summary.mean if statistic == "mean" else summary.percentiles.get(statistic)
        if interval is None or summary.samples < needed:
            low = None if interval is None else interval.low
            return NotObserved(f"not enough samples: {summary.samples} of the {needed} that {statistic} needs", low)
        return MetricValue(interval.value, interval.low, interval.high, summary.confidence, samples=summary.samples)

    return compute


for _name, _label, _text in (
    ("mean", "mean latency", "Mean time of a query"),
    ("p50", "p50", "Median time of a query"),
    ("p90", "p90", "Time that 90 % of the queries stay below"),
    ("p95", "p95", "Time that 95 % of the queries stay below"),
    ("p99", "p99", "Time that 99 % of the queries stay below"),
):
    _add = metric(
        f"latency_{_name}",
        unit="s",
        kind="time",
        better="lower",
        description=_text,
        label=_label,
        statistic=_name,
        per_query=lambda limit, _: limit,
    )
    _add(_latency(_name))


@metric(
    "throughput",
    unit="1/s",
    kind="rate",
    better="higher",
    description="Images per second, all devices together",
    heading="",
    statistic="mean",
    per_query=lambda limit, terms: terms.batch_size * terms.count / limit,
)
def throughput(reading: Reading) -> MetricResult:
    """Images per second: batch size / mean time of a query, back to back, × devices."""
    observation = observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    mean, images = observation.summary.mean, reading.candidate.batch_size * reading.count
    rate = _inverse(mean, images)
    return MetricValue(
        rate.value, rate.low, rate.high, observation.summary.confidence, samples=observation.summary.samples
    )


def _inverse(interval: Interval, numerator: float) -> Interval:
    """Numerator / interval; the ends change places."""
    low = numerator / interval.high if interval.high else None
    high = numerator / interval.low if interval.low else None
    return Interval(numerator / interval.value, low, high)
