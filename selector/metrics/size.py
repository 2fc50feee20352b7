"""How large a model is, known before anything is measured."""

from __future__ import annotations

from selector.metrics.base import MetricResult, MetricValue, NotObserved, Reading, metric


@metric("parameters", unit="1", kind="count", better="lower", static=True, description="Number of weights")
def parameters(reading: Reading) -> MetricResult:
    """Number of weights of the architecture."""
    return _fact(reading.facts.parameters, f"timm{_head(reading)}")


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
    return _fact(reading.facts.gmacs, f"counted by selector on timm's model{_head(reading)}")


@metric(
    "weight_sets",
    unit="1",
    kind="count",
    better="higher",
    static=True,
    label="sets of weights",
    description="Sets of weights that timm publishes for the architecture",
)
def weight_sets(reading: Reading) -> MetricResult:
    """How many sets of weights are published: more of them, more starts for fine-tuning at one speed."""
    return _fact(reading.facts.weight_sets, "timm")


def _head(reading: Reading) -> str:
    """What a backbone runs without is counted all the same."""
    return ", classifier included" if reading.candidate.task == "feature-extraction" else ""


def _fact(value: float | None, source: str) -> MetricResult:
    if value is None:
        return NotObserved("not known for this model")
    return MetricValue(float(value), evidence="published", source=source)
