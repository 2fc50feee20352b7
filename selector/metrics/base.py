"""What a metric is, what it is computed from, and where metrics are registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

from selector.registry import Registry
from selector.types import Candidate, Examined, Measurement, ModelFacts, Observation, Outcome, Protocol

Unit = Literal["s", "B", "J", "1", "USD", "1/s"]
Direction = Literal["lower", "higher"]
Kind = Literal["time", "memory", "energy", "fraction", "money", "rate", "count"]
Need = Literal["price", "traffic", "weights"]
"""What a profile has to say before a metric means anything: device.price, traffic, objective.weights."""

PERCENTILE_SAMPLES = {"p50": 7, "p90": 44, "p95": 90, "p99": 459}
"""Samples below which a percentile is not reported.

For p90 and above: the n at which the largest of n samples is at or above the percentile with 99 % confidence,
1 - q**n >= 0.99 (MLPerf LoadGen's early stopping with no over-latency allowed). For p50: a two-sided 95 % interval
of order statistics needs 6; 7 has a middle.
"""


@dataclass(frozen=True)
class Reading:
    """What a metric is computed from.

    Attributes:
        candidate: The candidate.
        facts: Its model.
        measurement: Its measurement, or None when only static facts are there.
        price: USD per second of one device, or None.
        count: Number of devices.
        traffic: Images per second that all devices together have to answer, or None.
        weights: What each metric counts in the score.
        dataset: The test set of an accuracy.
        test_set: The labelled images that accuracies are measured on, as the profile names them, or None.
        protocol: What answers them on the model's frozen features in place of its own classifier, or None.
        examined: How the candidate answered them, or None.
    """

    candidate: Candidate
    facts: ModelFacts
    measurement: Measurement | None = None
    price: float | None = None
    count: int = 1
    traffic: float | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    dataset: str = "imagenet-1k"
    test_set: str | None = None
    protocol: Protocol | None = None
    examined: Examined | None = None


@dataclass(frozen=True)
class MetricValue:
    """A figure with its interval and where it comes from.

    Attributes:
        value: In the metric's base unit.
        low: Lower end of the interval, None where the figure has none.
        high: Upper end.
        confidence: Of the interval, None where there is none.
        evidence: "measured", "published" or "predicted".
        source: Where it comes from, in words.
        samples: Number of readings behind it, or None.
    """

    value: float
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    evidence: Literal["measured", "published", "predicted"] = "measured"
    source: str = "measured here"
    samples: int | None = None


@dataclass(frozen=True)
class NotObserved:
    """There is no figure, and why.

    Attributes:
        reason: A clause.
        low: What the figure is certainly not below, where the readings prove that much; a limit below it is
            missed for certain, though nobody can say by how much.
    """

    reason: str
    low: float | None = None


MetricResult = MetricValue | NotObserved


@dataclass(frozen=True)
class Terms:
    """What, beside a limit, says how long a query may take.

    Attributes:
        batch_size: Images per query.
        price: USD per second of one device, or None.
        count: Number of devices.
        traffic: Images per second, or None.
    """

    batch_size: int
    price: float | None
    count: int
    traffic: float | None


@dataclass(frozen=True)
class Metric:
    """A registered metric.

    Attributes:
        name: As written in profiles.
        unit: Base unit of its values.
        kind: What people's units it is written in.
        better: Which direction is better.
        description: One sentence.
        label: What people call it in a sentence: "p95", "top-1", "memory peak".
        heading: Title of its columns, where it differs from the label; may be empty where the unit says it all.
        static: Known before anything is measured.
        compute: The function.
        statistic: The latency statistic that decides it alone, the rest being fixed by the profile: "mean" or a
            percentile. Timing then goes on until that one is narrow, and run-offs are read by it. None for metrics
            that no latency decides.
        needs: What the profile has to say before it means anything.
        per_query: From a limit of the metric to the same limit in seconds per query, None where it cannot be said;
            by default limits of latencies are just that, and others say nothing.
    """

    name: str
    unit: Unit
    kind: Kind
    better: Direction
    description: str
    label: str
    heading: str
    static: bool
    compute: Callable[[Reading], MetricResult]
    statistic: str | None = None
    needs: tuple[Need, ...] = ()
    per_query: PerQuery | None = None


PerQuery = Callable[[float, Terms], float | None]

METRICS: Registry[Metric] = Registry("metric", "selector.metrics")


def metric(
    name: str,
    *,
    unit: Unit,
    kind: Kind,
    better: Direction,
    description: str,
    label: str | None = None,
    heading: str | None = None,
    static: bool = False,
    statistic: str | None = None,
    needs: tuple[Need, ...] = (),
    per_query: PerQuery | None = None,
) -> Callable[[Callable[[Reading], MetricResult]], Callable[[Reading], MetricResult]]:
    """Registers the decorated function as metric `name`; the arguments are those of `Metric`.

    Without a label it is called by its name, with blanks; without a heading columns have the label as title.
    """

    def register(compute: Callable[[Reading], MetricResult]) -> Callable[[Reading], MetricResult]:
        called = name.replace("_", " ") if label is None else label
        title = called if heading is None else heading
        made = Metric(
            name, unit, kind, better, description, called, title, static, compute, statistic, needs, per_query
        )
        METRICS.register(name, made)
        return compute

    return register


@cache
def metric_of(key: str) -> Metric:
    """The registered metric that a key such as "accuracy_top1@imagenet-1k" names.

    Raises:
        UnknownNameError: No such metric.
    """
    return METRICS.get(key.partition("@")[0])


def evaluate_metric(key: str, reading: Reading) -> MetricResult:
    """The metric of a key for `reading`.

    Args:
        key: A metric's name, with "@" and a test set where another than the reading's is meant.
        reading: What it is computed from.

    Raises:
        UnknownNameError: No such metric.
    """
    dataset = key.partition("@")[2]
    return metric_of(key).compute(replace(reading, dataset=dataset) if dataset else reading)


def label(key: str) -> str:
    """What people call the metric of a key in a sentence: "p95", "memory peak", "top-1 on imagenet-1k".

    Args:
        key: A metric's name, with "@" and a data set where one is meant.

    Raises:
        UnknownNameError: No such metric.
    """
    name, _, dataset = key.partition("@")
    called = METRICS.get(name).label
    return f"{called} on {dataset}" if dataset else called


def observed(reading: Reading) -> Observation | NotObserved:
    """The readings of a candidate that came through, or why there are none."""
    measurement = reading.measurement
    if measurement is None:
        return NotObserved("not measured")
    if measurement.outcome is not Outcome.OK or measurement.observation is None:
        return NotObserved(f"measuring ended as {measurement.outcome.value}")
    return measurement.observation
