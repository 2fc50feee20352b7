"""Named numbers with unit and direction, computed from an observation when it is read.

A metric is one decorated function in a file of this package, or of an outside package that announces it as entry
point of the group ``selector.metric``. It takes a `Reading` and returns a `MetricValue`, or `NotObserved` with the
reason, which no requirement ever passes::

    @metric("build_time", unit="s", kind="time", better="lower", description="Time to make what is deployed")
    def build_time(reading: Reading) -> MetricResult:
        ...

All that the rest of the program knows of a metric, its label for people included, stands at that one place.
`throughput`, `cost_per_million` and the latencies follow MLPerf's words; formulas stand at the functions.
"""

from selector.metrics.base import (
    METRICS,
    PERCENTILE_SAMPLES,
    Direction,
    Kind,
    Metric,
    MetricResult,
    MetricValue,
    Need,
    NotObserved,
    Reading,
    Terms,
    Unit,
    evaluate_metric,
    label,
    metric,
    metric_of,
    observed,
)

__all__ = [
    "METRICS",
    "PERCENTILE_SAMPLES",
    "Direction",
    "Kind",
    "Metric",
    "MetricResult",
    "MetricValue",
    "Need",
    "NotObserved",
    "Reading",
    "Terms",
    "Unit",
    "evaluate_metric",
    "label",
    "metric",
    "metric_of",
    "observed",
]
