"""How often a model is right, and how often a way of running it agrees with fp32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from selector.metrics.base import MetricResult, MetricValue, NotObserved, Reading, metric, observed
from selector.metrics.proportions import confidence_of, mcnemar, paired_difference, wilson
from selector.types import Examined

_NO_CLASSES = NotObserved("a backbone answers with maps of features and names no class")


def _accuracy(top: Literal["top1", "top5"]) -> Callable[[Reading], MetricResult]:
    def compute(reading: Reading) -> MetricResult:
        if reading.candidate.task == "feature-extraction":
            return _NO_CLASSES
        if reading.dataset == reading.test_set:
            found = _examined(reading)
            if isinstance(found, NotObserved):
                return found
            share = _share(found.right if top == "top1" else found.among_five, found.images, found.total)
            return share if reading.protocol is None else _carried_over(reading, share)
        figure = _published(reading, top)
        if figure is None and reading.facts.checkpoint is not None:
            return NotObserved("these are own weights: what is published holds for others")
        if figure is None:
            return NotObserved(
                f"no figure published on {reading.dataset} for these weights at "
                f"{_size(reading.candidate.image_size)} pixels"
            )
        return _inherit(reading, figure)

    return compute


def _examined(reading: Reading) -> Examined | NotObserved:
    """The answers to the profile's labelled images, or why there are none."""
    found = reading.examined
    measured = observed(reading)
    if isinstance(measured, NotObserved):
        return NotObserved(f"not examined: {measured.reason}")
    if found is None:
        agreement = measured.agreement
        simulated = reading.measurement is not None and reading.measurement.environment.device_kind == "fake"
        if agreement is not None and agreement.weights.source == "random" and not simulated:
            return NotObserved("not examined on labelled images: the weights at hand were random")
        return NotObserved("not examined on labelled images yet")
    if found.failure:
        return NotObserved(f"its examination on labelled images failed: {found.failure}")
    return found


def _share(right: int, images: int, total: int) -> MetricValue:
    confidence = confidence_of(total)
    low, high = wilson(right, images, confidence)
    return MetricValue(
        right / images, low, high, confidence, source=f"measured on {_of_all(images, total)}", samples=images
    )


def _carried_over(reading: Reading, share: MetricValue) -> MetricResult:
    """What a probe on fp32 features says of a way of running: as much as a published figure would."""
    how = {"linear-probe": "a linear probe", "knn": "nearest neighbours", None: ""}[reading.protocol]
    on = f"cross-validated on {share.samples:,} labelled images"
    told = replace(share, source=f"{how} on frozen fp32 features, {on}")
    return _inherit(reading, told, "what a probe makes of fp32 features")


def _of_all(images: int, total: int) -> str:
    return f"{images:,} labelled images" if images == total else f"{images:,} of {total:,} labelled images"


def _published(reading: Reading, top: Literal["top1", "top5"]) -> MetricValue | None:
    """The published figure for exactly these weights at exactly this size."""
    for figure in reading.facts.published:
        value: float | None = getattr(figure, top)
        if (
            figure.dataset == reading.dataset
            and figure.image_size == reading.candidate.image_size
            and value is not None
        ):
            return MetricValue(value, evidence="published", source=figure.source)
    return None


_MEASURE = "measure it on labelled images"


def _inherit(reading: Reading, figure: MetricValue, what: str = "the published figure") -> MetricResult:
    """Whether a way of running may claim the figure published for fp32 weights.

    fp32 ways compute the same function. Half-precision ways may claim it once their output was compared with
    fp32 on the real weights. int8 never: what it loses is known only from labelled images.
    """
    precision = reading.candidate.precision
    if precision == "fp32":
        return figure
    if precision == "int8":
        return NotObserved(f"int8 does not inherit {what}; {_MEASURE}")
    half = replace(figure, source=f"{figure.source}; {figure.evidence} for fp32")
    if reading.measurement is None:
        return half
    observation = observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    agreement = observation.agreement
    if agreement is None or agreement.weights.source == "random":
        return NotObserved(
            f"{precision} inherits {what} only once its output was compared with fp32 on real "
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
    label="top-1",
)(_accuracy("top1"))
metric(
    "accuracy_top5",
    unit="1",
    kind="fraction",
    better="higher",
    static=True,
    description="Share of images whose class is among the first five",
    label="top-5",
)(_accuracy("top5"))


@metric(
    "agreement_top1",
    unit="1",
    kind="fraction",
    better="higher",
    description="Share of images on which the prepared model names the same first class as fp32 eager",
    label="top-1 agreement",
)
def agreement_top1(reading: Reading) -> MetricResult:
    """Top-1 agreement with the fp32 eager model, on labelled images where both answered some; needs real weights."""
    if reading.candidate.task == "feature-extraction":
        return _NO_CLASSES
    observation = observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    if reading.protocol is None and reading.examined is not None and reading.examined.compared:
        return _share(reading.examined.same, reading.examined.compared, reading.examined.total)
    agreement = observation.agreement
    if agreement is None or agreement.top1 is None:
        return NotObserved("agreement of classes needs real weights")
    return MetricValue(agreement.top1, samples=agreement.images)


@metric(
    "accuracy_drop",
    unit="1",
    kind="fraction",
    better="lower",
    description="Top-1 that a way of running loses against fp32 eager, on the same labelled images",
    label="top-1 lost against fp32",
)
def accuracy_drop(reading: Reading) -> MetricResult:
    """fp32 eager's top-1 less this way's, of the same weights on the same images, with a paired interval.

    An fp32 way that answers as eager does on every image has lost nothing, and no interval: that it computes the same
    function was verified within fp32's rounding.
    """
    if reading.candidate.task == "feature-extraction":
        return _NO_CLASSES
    if reading.test_set is None:
        return NotObserved("what a way loses shows on labelled images: name a folder of them in accuracy.dataset")
    if reading.protocol is not None:
        return NotObserved(
            "what a way loses shows with the model's own classifier; a probe is asked on fp32 features"
        )
    found = _examined(reading)
    if isinstance(found, NotObserved):
        return found
    if not found.compared:
        return NotObserved("fp32 eager has not answered these images, so there is nothing to compare with")
    if reading.candidate.precision == "fp32" and found.same == found.compared:
        return MetricValue(0.0, source="the same answers as fp32 eager", samples=found.compared)
    confidence = confidence_of(found.total)
    neither = found.compared - found.both - found.lost - found.won
    drop, low, high = paired_difference(found.both, found.lost, found.won, neither, confidence)
    source = (
        f"{found.lost:,} lost and {found.won:,} won against fp32 on {_of_all(found.compared, found.total)}, "
        f"McNemar p {mcnemar(found.lost, found.won):.2g}"
    )
    return MetricValue(drop, low, high, confidence, source=source, samples=found.compared)
