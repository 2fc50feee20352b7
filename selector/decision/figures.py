"""The metrics of one candidate, each computed when it is first read.

A decision over thousands of candidates needs two or three metrics of each to rank them; tables need more, but of
few candidates at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from selector.metrics import METRICS, MetricResult, MetricValue, NotObserved, Reading, evaluate_metric, metric_of
from selector.quantities import format_quantity
from selector.requirements import RequirementProfile
from selector.requirements.contradictions import needs_met

__all__ = ["STANDARD", "Figures", "keys_for", "metric_of", "show"]

STANDARD = (
    "accuracy_top1",
    "latency_p50",
    "latency_p95",
    "throughput",
    "memory_peak",
    "parameters",
    "gmacs",
    "build_time",
    "cold_start",
    "artifact_size",
    "agreement_top1",
)
"""Metrics that every assessment carries, beside those that its profile mentions and those that it makes possible:
costs, where it names a price and a traffic."""


class Figures(Mapping[str, MetricResult]):
    """Metrics by key ("latency_p95", "accuracy_top1@imagenet-1k"); a figure that is no finite number is not observed.

    Args:
        keys: The metrics it has, in order; shared by all candidates of a decision.
        reading: What they are computed from.
    """

    __slots__ = ("_keys", "_known", "_reading")

    def __init__(self, keys: Mapping[str, None], reading: Reading) -> None:
        self._keys = keys
        self._reading = reading
        self._known: dict[str, MetricResult] = {}

    def __getitem__(self, key: str) -> MetricResult:
        known = self._known.get(key)
        if known is None:
            if key not in self._keys:
                raise KeyError(key)
            known = self._known[key] = _compute(key, self._reading)
        return known

    def any(self, key: str) -> MetricResult:
        """Any metric of the candidate, also one that its profile does not speak of."""
        return self[key] if key in self._keys else _compute(key, self._reading)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"Figures({dict(self)!r})"


def keys_for(profile: RequirementProfile) -> dict[str, None]:
    """The metrics that assessments under `profile` carry: those it mentions, then the standard ones, each once."""
    objective = profile.objective
    ranking = [step.metric for step in objective.steps]
    mentioned = [*ranking, *objective.metrics, *objective.tie_breakers, *(one.key for one in profile.requirements)]
    said = needs_met(profile.device.price is not None, profile.traffic is not None, bool(objective.weights))
    needy = {name: needs for name in METRICS.names() if (needs := METRICS.get(name).needs)}
    basis = profile.accuracy
    own = basis is not None and profile.test_set is not None and basis.protocol is None
    measured = ["accuracy_drop"] if own else []
    possible = [name for name, needs in needy.items() if said.issuperset(needs)]
    return dict.fromkeys([*mentioned, *STANDARD, *measured, *possible])


def _compute(key: str, reading: Reading) -> MetricResult:
    result = evaluate_metric(key, reading)
    if isinstance(result, MetricValue) and not math.isfinite(result.value):
        return NotObserved(f"the figure is not a finite number: {result.value}")
    return result


def show(key: str, value: float, digits: int = 3) -> str:
    """A figure of the metric `key` in people's units, e.g. "61.2 ms"."""
    return format_quantity(value, metric_of(key).kind, digits)
