"""How often a model is right, and how often a way of running it agrees with fp32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from selector.metrics.base import MetricResult, MetricValue, NotObserved, Reading, metric, observed


def _accuracy(top: Literal["top1", "top5"]) -> Callable[[Reading], MetricResult]:
    def compute(reading: Reading) -> MetricResult:
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
    observation = observed(reading)
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
    """Top-1 agreement with the fp32 eager model; needs real weights."""
    observation = observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    agreement = observation.agreement
    if agreement is None or agreement.top1 is None:
        return NotObserved("agreement of classes needs real weights")
    return MetricValue(agreement.top1, samples=agreement.images)
