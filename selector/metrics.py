"""Named numbers with unit and direction, computed from an observation when it is read.

A metric is one decorated function. It takes a `Reading` and returns a `MetricValue`, or `NotObserved` with the
reason, which no requirement ever passes::

    @metric("build_time", unit="s", better="lower", description="Time to make what is deployed")
    def build_time(reading: Reading) -> MetricValue | NotObserved:
        ...

`throughput`, `cost_per_million` and the latencies follow MLPerf's words; formulas stand at the functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from selector.registry import Registry
from selector.types import Candidate, Interval, Measurement, ModelFacts, Observation, Outcome

Unit = Literal["s", "B", "J", "1", "USD", "1/s"]
Direction = Literal["lower", "higher"]
Kind = Literal["time", "memory", "energy", "fraction", "money", "rate", "count"]

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
    """

    candidate: Candidate
    facts: ModelFacts
    measurement: Measurement | None = None
    price: float | None = None
    count: int = 1


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
class Metric:
    """A registered metric.

    Attributes:
        name: As written in profiles.
        unit: Base unit of its values.
        kind: What people's units it is written in.
        better: Which direction is better.
        description: One sentence.
        static: Known before anything is measured.
        compute: The function.
    """

    name: str
    unit: Unit
    kind: Kind
    better: Direction
    description: str
    static: bool
    compute: Callable[[Reading], MetricResult]


METRICS: Registry[Metric] = Registry("metric")


def metric(
    name: str, *, unit: Unit, kind: Kind, better: Direction, description: str, static: bool = False
) -> Callable[[Callable[[Reading], MetricResult]], Callable[[Reading], MetricResult]]:
    """Registers the decorated function as metric `name`."""

    def register(compute: Callable[[Reading], MetricResult]) -> Callable[[Reading], MetricResult]:
        METRICS.register(name, Metric(name, unit, kind, better, description, static, compute))
        return compute

    return register


def evaluate_metric(name: str, reading: Reading) -> MetricResult:
    """The metric `name` for `reading`.

    Raises:
        UnknownNameError: No such metric.
    """
    return METRICS.get(name).compute(reading)


def _observed(reading: Reading) -> Observation | NotObserved:
    measurement = reading.measurement
    if measurement is None:
        return NotObserved("not measured")
    if measurement.outcome is not Outcome.OK or measurement.observation is None:
        return NotObserved(f"measuring ended as {measurement.outcome.value}")
    return measurement.observation


def _latency(statistic: str) -> Callable[[Reading], MetricResult]:
    def compute(reading: Reading) -> MetricResult:
        observation = _observed(reading)
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


for _name, _text in (
    ("mean", "Mean time of a query"),
    ("p50", "Median time of a query"),
    ("p90", "Time that 90 % of the queries stay below"),
    ("p95", "Time that 95 % of the queries stay below"),
    ("p99", "Time that 99 % of the queries stay below"),
):
    metric(f"latency_{_name}", unit="s", kind="time", better="lower", description=_text)(_latency(_name))


@metric(
    "throughput",
    unit="1/s",
    kind="rate",
    better="higher",
    description="Images per second, all devices together",
)
def throughput(reading: Reading) -> MetricResult:
    """Images per second: batch size / mean time of a query, back to back, × devices."""
    observation = _observed(reading)
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


@metric(
    "memory_peak",
    unit="B",
    kind="memory",
    better="lower",
    description="Most memory held by one device's process",
)
def memory_peak(reading: Reading) -> MetricResult:
    """Peak resident memory less that of the empty process (CPU), or memory reserved on the device (GPU)."""
    observation = _observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    peak = observation.memory.get("peak")
    return NotObserved("this device gives no memory reading") if peak is None else MetricValue(float(peak), samples=1)


def _accuracy(top: Literal["top1", "top5"]) -> Callable[[Reading], MetricResult]:
    def compute(reading: Reading) -> MetricResult:
        figure = _published(reading, top)
        if figure is None:
            return NotObserved(
                f"no figure published on imagenet-1k for these weights at "
                f"{_size(reading.candidate.image_size)} pixels"
            )
        return _inherit(reading, figure)

    return compute


def _published(reading: Reading, top: Literal["top1", "top5"]) -> MetricValue | None:
    """The published figure for exactly these weights at exactly this size."""
    for figure in reading.facts.published:
        value: float | None = getattr(figure, top)
        if (
            figure.dataset == "imagenet-1k"
            and figure.image_size == reading.candidate.image_size
            and value is not None
        ):
            return MetricValue(value, evidence="published", source=figure.source)
    return None


def _inherit(reading: Reading, figure: MetricValue) -> MetricResult:
    """Whether a way of running may claim the figure published for fp32 weights.

    fp32 ways compute the same function. Half-precision ways may claim it once their output was compared with
    fp32 on the real weights. int8 never: what it loses is known only from labelled images.
    """
    precision = reading.candidate.precision
    if precision == "fp32":
        return figure
    if precision == "int8":
        return NotObserved("int8 does not inherit the published figure; measure it on labelled images")
    half = replace(figure, source=f"{figure.source}; published for fp32")
    if reading.measurement is None:
        return half
    observation = _observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    agreement = observation.agreement
    if agreement is None or agreement.weights.source == "random":
        return NotObserved(
            f"{precision} inherits the published figure only once its output was compared with fp32 on real "
            "weights; these were random"
        )
    if agreement.weights.tag != reading.facts.tag:
        return NotObserved(
            f"{precision} was compared with fp32 on other weights ({agreement.weights.tag}), not on these"
        )
    return half


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"


metric(
    "accuracy_top1",
    unit="1",
    kind="fraction",
    better="higher",
    static=True,
    description="Share of images whose class is named first",
)(_accuracy("top1"))
metric(
    "accuracy_top5",
    unit="1",
    kind="fraction",
    better="higher",
    static=True,
    description="Share of images whose class is among the first five",
)(_accuracy("top5"))


@metric(
    "agreement_top1",
    unit="1",
    kind="fraction",
    better="higher",
    description="Share of images on which the prepared model names the same first class as fp32 eager",
)
def agreement_top1(reading: Reading) -> MetricResult:
    """Top-1 agreement with the fp32 eager model; needs real weights."""
    observation = _observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    agreement = observation.agreement
    if agreement is None or agreement.top1 is None:
        return NotObserved("agreement of classes needs real weights")
    return MetricValue(agreement.top1, samples=agreement.images)


@metric("energy_per_image", unit="J", kind="energy", better="lower", description="Energy of one image")
def energy_per_image(reading: Reading) -> MetricResult:
    """Energy counted over the timed queries / images in them."""
    observation = _observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    if observation.energy_joules is None:
        return NotObserved("this device has no energy counter")
    samples = observation.summary.samples
    return MetricValue(observation.energy_joules / (samples * reading.candidate.batch_size), samples=samples)


@metric(
    "cost_per_million",
    unit="USD",
    kind="money",
    better="lower",
    description="Price of a million images at full load",
)
def cost_per_million(reading: Reading) -> MetricResult:
    """1e6 × price of one device second / images per second of one device."""
    if reading.price is None:
        return NotObserved("the profile names no price of the device (device.price)")
    observation = _observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    summary = observation.summary
    factor = 1e6 * reading.price / reading.candidate.batch_size
    low, high = summary.mean.low, summary.mean.high
    return MetricValue(
        factor * summary.mean.value,
        None if low is None else factor * low,
        None if high is None else factor * high,
        summary.confidence,
        samples=summary.samples,
    )


@metric("build_time", unit="s", kind="time", better="lower", description="Time to make what is deployed, cold")
def build_time(reading: Reading) -> MetricResult:
    """Seconds of export, quantization and engine building; 0 where nothing is built."""
    observation = _observed(reading)
    return observation if isinstance(observation, NotObserved) else MetricValue(observation.build_seconds, samples=1)


@metric(
    "cold_start",
    unit="s",
    kind="time",
    better="lower",
    description="Time from the stored artifact to the first answer",
)
def cold_start(reading: Reading) -> MetricResult:
    """Seconds to load what was built, and of the first query."""
    observation = _observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    return MetricValue(observation.load_seconds + observation.first_call, samples=1)


@metric(
    "artifact_size",
    unit="B",
    kind="memory",
    better="lower",
    description="Size of the files that are deployed",
)
def artifact_size(reading: Reading) -> MetricResult:
    """Bytes of graph and weights."""
    observation = _observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    if observation.artifact_bytes is None:
        return NotObserved("this way leaves no file whose size could be read")
    return MetricValue(float(observation.artifact_bytes), samples=1)


@metric("parameters", unit="1", kind="count", better="lower", static=True, description="Number of weights")
def parameters(reading: Reading) -> MetricResult:
    """Number of weights of the architecture."""
    return _fact(reading.facts.parameters, "timm")


@metric(
    "gmacs",
    unit="1",
    kind="count",
    better="lower",
    static=True,
    description="Multiply-accumulates of one image at the native size, in 1e9",
)
def gmacs(reading: Reading) -> MetricResult:
    """Multiply-accumulates in 1e9, at the native image size only."""
    if reading.candidate.image_size != reading.facts.image_size:
        return NotObserved("counted at the native image size only")
    return _fact(reading.facts.gmacs, "counted by selector on timm's model")


def _fact(value: float | None, source: str) -> MetricResult:
    if value is None:
        return NotObserved("not known for this model")
    return MetricValue(float(value), evidence="published", source=source)
