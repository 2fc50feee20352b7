"""What single sections cannot know: demands of a profile that cannot stand together."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from selector.metrics import Need, metric_of
from selector.requirements.objective import Objective
from selector.requirements.requirement import Requirement
from selector.types import Scenario, Task

Path = tuple[str | int, ...]

_NEEDED: dict[Need, str] = {
    "price": "the price of the device: write device.price, e.g. 3.06 USD/h",
    "traffic": "the traffic: write traffic, e.g. 20 M/month",
    "weights": "weights: write objective.weights, e.g. {accuracy_top1: 0.6, latency_p95: 0.4}",
}


_WITHOUT_CLASSES = (
    "has no meaning for feature-extraction, which answers with maps of features and names no class: take it out, or "
    "write task: image-classification"
)


def of_classes(metric: str) -> bool:
    """Whether a metric speaks of the classes that a model names."""
    return metric.startswith(("accuracy_", "agreement_"))


def needs_met(priced: bool, busy: bool, weighed: bool) -> frozenset[Need]:
    """Which of the things are said that metrics may need.

    Args:
        priced: Whether the device's price is known.
        busy: Whether the traffic is.
        weighed: Whether the objective weighs metrics.
    """
    said: dict[Need, bool] = {"price": priced, "traffic": busy, "weights": weighed}
    return frozenset(need for need, known in said.items() if known)


def contradictions(
    scenario: Scenario | None,
    said: Collection[Need],
    requirements: Sequence[Requirement],
    objective: Objective | None,
    dataset: str,
    task: Task = "image-classification",
    labelled: bool = False,
) -> list[tuple[Path, str]]:
    """Every contradiction, with the key in the profile that it concerns.

    Args:
        scenario: Of the workload, None when that could not be read.
        said: Which of the things are known that metrics may need.
        requirements: Those that could be read.
        objective: None when there is none or it could not be read.
        dataset: The test set that is meant where none is named.
        task: Of the workload.
        labelled: Whether the profile says on what accuracy is taken.
    """
    named: list[tuple[Path, str]] = [(("requirements", entry.key), entry.metric) for entry in requirements]
    if objective is not None:
        named.extend((_place(objective, name), name) for name in objective.metrics)
        named.extend(
            (("objective", "tie_breakers", index), name) for index, name in enumerate(objective.tie_breakers)
        )
    found: list[tuple[Path, str]] = []
    if task == "feature-extraction":
        if labelled:
            found.append((("accuracy",), f"accuracy {_WITHOUT_CLASSES}"))
        found.extend((path, f"{metric} {_WITHOUT_CLASSES}") for path, metric in named if of_classes(metric))
    for path, metric in named:
        if scenario == "offline" and metric.startswith("latency_"):
            found.append((path, f"{metric} has no meaning in the offline scenario, which has throughput only"))
        found.extend(
            (path, f"{metric} needs {_NEEDED[need]}") for need in metric_of(metric).needs if need not in said
        )
    return found + _said_twice(requirements, dataset)


def _place(objective: Objective, metric: str) -> Path:
    """Where the objective names a metric."""
    if objective.weights:
        return ("objective", "weights", metric)
    if objective.lexicographic:
        return ("objective", "lexicographic", objective.metrics.index(metric))
    return ("objective", objective.direction)


def _said_twice(requirements: Sequence[Requirement], dataset: str) -> list[tuple[Path, str]]:
    """Requirements on one figure under two names: ``accuracy_top1`` and ``accuracy_top1@imagenet-1k``."""
    found: list[tuple[Path, str]] = []
    first: dict[tuple[str, str], Requirement] = {}
    for entry in requirements:
        meant = (entry.metric, entry.dataset or dataset)
        other = first.setdefault(meant, entry)
        if other is not entry:
            found.append(
                (("requirements", entry.key), f"{entry.key} is the same figure as {other.key}: keep one of the two")
            )
    return found
