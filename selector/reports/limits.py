"""What a person can move to see what would change: every requirement's limit and every weight, in people's units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selector.errors import UsageError
from selector.quantities import parse_quantity
from selector.reports.content import SIGNS
from selector.reports.values import Scale, label, metric_of, observed, scale_for
from selector.requirements.objective import weighted

if TYPE_CHECKING:
    from selector.decision import Decision
    from selector.requirements import Requirement, RequirementProfile

LEAST_WEIGHT = 0.01
"""A weight that is moved on a slider is at least this, before all are brought to a sum of 1."""
_STEPS = 200
_SHARE_STEP = 0.1


@dataclass(frozen=True)
class LimitRange:
    """A requirement's limit and the range worth moving it in; figures are in `scale`'s unit.

    Attributes:
        key: The requirement.
        title: "p95 < (ms)".
        scale: The unit.
        value: The limit as the profile has it.
        low: Below it nothing measured changes any more.
        high: Above it likewise.
        step: Of a slider: about a two-hundredth of the range, in round figures.
        decimals: That the step needs.
        smallest: Below it a limit has no meaning.
        largest: Above it likewise; None for no bound.
    """

    key: str
    title: str
    scale: Scale
    value: float
    low: float
    high: float
    step: float
    decimals: int
    smallest: float
    largest: float | None

    def written(self, shown: float) -> str:
        """A limit as text that `read` reads back, for an address: "49.5 ms"."""
        return f"{shown:.12g} {self.scale.unit}".strip()

    def read(self, text: str) -> float:
        """A limit in `scale`'s unit from a text with any unit.

        Raises:
            UsageError: It is no quantity, or none that the limit can be.
        """
        shown = _tidy(parse_quantity(text, self.scale.kind) / self.scale.factor)
        if not self.smallest <= shown <= (math.inf if self.largest is None else self.largest):
            raise UsageError(f"{self.title}: {text!r} cannot be the limit")
        return shown


def limit_ranges(decision: Decision) -> tuple[LimitRange, ...]:
    """One range for each requirement of the profile, in its order.

    A range holds the figures of all candidates that were compared, and the limit itself.
    """
    return tuple(_range(decision, requirement) for requirement in decision.profile.requirements)


def _range(decision: Decision, requirement: Requirement) -> LimitRange:
    scale = scale_for(requirement.key, [requirement.limit])
    compared = (*decision.ranked, *decision.undecided, *decision.rejected)
    figures = (observed(one.metrics.get(requirement.key)) for one in compared)
    limit = _tidy(requirement.limit / scale.factor)
    values = [limit, *(figure.value / scale.factor for figure in figures if figure is not None)]
    spread = max(values) - min(values) or abs(limit) or 1.0
    fraction = metric_of(requirement.key).kind == "fraction"
    step = _SHARE_STEP if fraction else _round_step(spread / _STEPS)
    smallest = min(step, limit)
    largest = (100.0 if requirement.comparison == ">=" else 100.0 - step) if fraction else None
    low = step * math.floor((min(values) - 0.02 * spread) / step)
    high = step * math.ceil((max(values) + 0.02 * spread) / step)
    unit = f" ({scale.unit})" if scale.unit else ""
    return LimitRange(
        key=requirement.key,
        title=f"{label(requirement.key)} {SIGNS[requirement.comparison]}{unit}",
        scale=scale,
        value=limit,
        low=max(_tidy(low), smallest),
        high=max(_tidy(high if largest is None else min(high, largest)), limit),
        step=_tidy(step),
        decimals=max(0, -math.floor(math.log10(step))),
        smallest=smallest,
        largest=None if largest is None else max(largest, limit),
    )


def _round_step(step: float) -> float:
    """The step, made 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return power * (1 if step < 1.5 * power else 2 if step < 3.5 * power else 5)


def _tidy(value: float) -> float:
    """0.05 s in milliseconds is 50, not 50.00000000000001."""
    return float(f"{value:.12g}")


def with_limits(profile: RequirementProfile, limits: Mapping[str, float]) -> RequirementProfile:
    """The profile with other limits.

    Args:
        profile: As it was.
        limits: By requirement key, in the unit of `limit_ranges`; those equal to the profile's are left as they are.

    Raises:
        UsageError: The profile has no such requirement, or nothing could hold the limit.
    """
    for key, shown in limits.items():
        requirement = next((one for one in profile.requirements if one.key == key), None)
        if requirement is None:
            raise UsageError(f"the profile {profile.name!r} has no requirement {key!r}")
        scale = scale_for(key, [requirement.limit])
        if not math.isclose(shown, requirement.limit / scale.factor, rel_tol=1e-9):
            profile = profile.with_limit(key, _tidy(shown * scale.factor))
    return profile


def weights_of(profile: RequirementProfile) -> dict[str, float]:
    """The weights that can be moved, by metric, in points of 100; empty unless the profile ranks by several."""
    weights = profile.objective.weights
    return {key: _tidy(round(100 * weight, 4)) for key, weight in weights.items()} if len(weights) > 1 else {}


def shares(points: Mapping[str, float]) -> dict[str, float]:
    """Weights brought to a sum of 1."""
    total = sum(points.values())
    return {key: point / total for key, point in points.items()}


def with_weights(profile: RequirementProfile, points: Mapping[str, float]) -> RequirementProfile:
    """The profile with other weights.

    Args:
        profile: As it was.
        points: By metric, in any unit; brought to a sum of 1. Those of `weights_of` leave the profile as it is.

    Raises:
        UsageError: The profile does not weigh just these metrics, or a weight is not above 0.
    """
    if dict(points) == weights_of(profile):
        return profile
    if set(points) != set(profile.objective.weights):
        raise UsageError(f"the profile {profile.name!r} weighs {', '.join(profile.objective.weights) or 'nothing'}")
    old = profile.objective
    kept = None if set(old.tie_breakers) & set(points) else old.tie_breakers
    objective = weighted({key: points[key] for key in old.weights}, kept, profile.workload.scenario)
    return profile.model_copy(update={"objective": objective})
