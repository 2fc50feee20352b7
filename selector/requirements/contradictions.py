"""What single sections cannot know: demands of a profile that cannot stand together."""

from __future__ import annotations

from collections.abc import Sequence

from selector.requirements.objective import Objective
from selector.requirements.requirement import Requirement
from selector.requirements.served import DATASETS
from selector.types import Scenario

Path = tuple[str | int, ...]


def contradictions(
    scenario: Scenario | None,
    priced: bool,
    requirements: Sequence[Requirement],
    objective: Objective | None,
) -> list[tuple[Path, str]]:
    """Every contradiction, with the key in the profile that it concerns.

    Args:
        scenario: Of the workload, None when that could not be read.
        priced: Whether the device's price is known.
        requirements: Those that could be read.
        objective: None when there is none or it could not be read.
    """
    named: list[tuple[Path, str]] = [(("requirements", entry.key), entry.metric) for entry in requirements]
    if objective is not None:
        named.append((("objective", objective.direction), objective.metric))
        named.extend(
            (("objective", "tie_breakers", index), name) for index, name in enumerate(objective.tie_breakers)
        )
    found: list[tuple[Path, str]] = []
    for path, metric in named:
        if scenario == "offline" and metric.startswith("latency_"):
            found.append((path, f"{metric} has no meaning in the offline scenario, which has throughput only"))
        if not priced and metric == "cost_per_million":
            found.append(
                (path, "cost_per_million needs the price of the device: write device.price, e.g. 3.06 USD/h")
            )
    return found + _said_twice(requirements)


def _said_twice(requirements: Sequence[Requirement]) -> list[tuple[Path, str]]:
    """Requirements on one figure under two names: ``accuracy_top1`` and ``accuracy_top1@imagenet-1k``."""
    found: list[tuple[Path, str]] = []
    first: dict[tuple[str, str], Requirement] = {}
    for entry in requirements:
        meant = (entry.metric, entry.dataset or DATASETS[0])
        other = first.setdefault(meant, entry)
        if other is not entry:
            found.append(
                (("requirements", entry.key), f"{entry.key} is the same figure as {other.key}: keep one of the two")
            )
    return found
