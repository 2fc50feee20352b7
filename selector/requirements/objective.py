"""How feasible candidates are ranked.

Three kinds. **One metric**, with tie-breakers. **Weights** over several metrics: candidates are ordered by the metric
`score` (`selector.metrics.score` states the normalization). **Lexicographic**: metrics in turn, of which each keeps
everyone within a tolerance of the best ("within 0.3 points of the highest accuracy, the cheapest").
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from selector.errors import UsageError
from selector.metrics import metric_of
from selector.quantities import format_quantity, parse_quantity
from selector.requirements.fields import RefusedError, pydantic_error, quoted
from selector.requirements.requirement import read_key
from selector.types import Scenario, Task

Optimum = Literal["maximize", "minimize"]

SCORE = "score"
"""The metric that weights rank by."""
MOST_STEPS = 8
_EXAMPLES = {
    "time": "2 ms",
    "memory": "100 MiB",
    "energy": "0.1 J",
    "fraction": "0.3 points",
    "money": "0.5 USD",
    "rate": "20 img/s",
    "count": "5 M",
}


class Step(BaseModel):
    """One metric of a lexicographic objective.

    Attributes:
        direction: The metric's own better one.
        metric: Name of a registered metric.
        within: Everyone this near to the best goes on to the next step: a difference in the metric's base unit.
        relative: Whether `within` is a share of the best figure instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    direction: Optimum
    metric: str
    within: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    relative: bool = False

    @field_validator("metric", mode="after")
    @classmethod
    def _known(cls, value: str) -> str:
        return _checked(value)

    @property
    def tolerance(self) -> str:
        """For people: "0.3 points", "5 %", "2 ms"; "" where there is none."""
        if not self.within:
            return ""
        kind = metric_of(self.metric).kind
        if self.relative:
            return f"{100 * self.within:.6g} %"
        return f"{100 * self.within:.6g} points" if kind == "fraction" else format_quantity(self.within, kind, 6)


class Objective(BaseModel):
    """What is preferred.

    Attributes:
        direction: Of `metric`: always the metric's own better one.
        metric: The metric to push; of weights the heaviest, of lexicographic steps the first.
        tie_breakers: Metrics that are looked at in turn where all the rest cannot tell candidates apart.
        weights: By metric, what it counts, in sum 1; empty unless candidates are ranked by a weighted score.
        lexicographic: Steps in turn; empty unless asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    direction: Optimum
    metric: str
    tie_breakers: tuple[str, ...] = ()
    weights: dict[str, float] = {}
    lexicographic: tuple[Step, ...] = Field(default=(), max_length=MOST_STEPS)

    @field_validator("metric", mode="after")
    @classmethod
    def _known(cls, value: str) -> str:
        return _checked(value)

    @field_validator("tie_breakers", mode="after")
    @classmethod
    def _known_tie_breakers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_checked(name) for name in value)

    @model_validator(mode="after")
    def _check(self) -> Objective:
        try:
            if self.weights and self.lexicographic:
                raise RefusedError("objective says both weights and lexicographic: write one of the two")
            expected = _head(self.weights, self.lexicographic)
            if expected is not None and expected != (self.direction, self.metric):
                raise RefusedError(f"objective must name {expected[0]}: {expected[1]} beside its weights or steps")
            check_objective(self.direction, self.metric, self.tie_breakers, self.metrics)
        except UsageError as error:
            raise pydantic_error(error) from None
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        """What ranks, tie-breakers apart: one metric, or those that are weighed, or those of the steps."""
        return tuple(self.weights) or tuple(step.metric for step in self.lexicographic) or (self.metric,)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The criteria in order, tie-breakers apart."""
        if self.weights:
            return (Step(direction="minimize", metric=SCORE),)
        return self.lexicographic or (Step(direction=self.direction, metric=self.metric),)


def weighted(
    weights: Mapping[str, float],
    tie_breakers: tuple[str, ...] | None,
    scenario: Scenario,
    task: Task = "image-classification",
) -> Objective:
    """An objective of weights, which are brought to a sum of 1.

    Raises:
        RefusedError: A weight that is none, or a metric that cannot be weighed.
    """
    for name, weight in weights.items():
        if not 0 < weight < math.inf:
            raise RefusedError(f"the weight of {name} must be a number above 0, not {weight:g}")
        if name == SCORE:
            raise RefusedError("score is what the weights make: weigh other metrics")
    total = sum(weights.values())
    shares = {name: weight / total for name, weight in weights.items()}
    direction, metric = _head(shares, ()) or _none()
    rest = default_tie_breakers(metric, scenario, tuple(shares), task) if tie_breakers is None else tie_breakers
    check_objective(direction, metric, rest, tuple(shares))
    return Objective(direction=direction, metric=metric, tie_breakers=rest, weights=shares)


def lexicographic(
    steps: tuple[Step, ...],
    tie_breakers: tuple[str, ...] | None,
    scenario: Scenario,
    task: Task = "image-classification",
) -> Objective:
    """An objective of steps in turn.

    Raises:
        RefusedError: A metric named twice.
    """
    direction, metric = _head({}, steps) or _none()
    named = tuple(step.metric for step in steps)
    rest = default_tie_breakers(metric, scenario, named, task) if tie_breakers is None else tie_breakers
    check_objective(direction, metric, rest, named)
    return Objective(direction=direction, metric=metric, tie_breakers=rest, lexicographic=steps)


def read_within(metric: str, text: str | float) -> tuple[float, bool]:
    """A tolerance as written, e.g. "0.3 points", "2 ms" or "5 %": the number, and whether it is a share of the best.

    Raises:
        UsageError: Not a tolerance for this metric.
    """
    kind = metric_of(metric).kind
    written = str(text).strip()
    relative = kind != "fraction" and written.endswith("%")
    value = parse_quantity(written, "fraction" if relative else kind, _EXAMPLES[kind])
    if value < 0:
        raise RefusedError(f"a tolerance cannot be below 0: {quoted(written)}")
    return value, relative


def metric_name(key: str) -> str:
    """The key of a metric that ranks: its name, with "@" and the test set where one is written.

    Raises:
        RefusedError: An unknown metric or test set.
    """
    metric, dataset = read_key(key)
    return metric.name if dataset is None else f"{metric.name}@{dataset}"


def right_direction(metric: str) -> Optimum:
    """The direction in which a metric is better."""
    return "minimize" if metric_of(metric).better == "lower" else "maximize"


def check_direction(direction: Optimum, metric: str) -> None:
    """Refuses a direction against the metric's own.

    Raises:
        RefusedError: As said.
    """
    right = right_direction(metric)
    if direction != right:
        better = metric_of(metric).better
        raise RefusedError(f"{metric} is better when {better}", f'did you mean "{right}: {metric}"?')


def check_objective(
    direction: Optimum, metric: str, tie_breakers: tuple[str, ...], ranking: tuple[str, ...] = ()
) -> None:
    """Refuses a direction against the metric's own, and metrics that part nothing that is left.

    Raises:
        RefusedError: As said.
    """
    check_direction(direction, metric)
    named = ranking or (metric,)
    for position, name in enumerate(named):
        if name in named[:position]:
            raise RefusedError(f"lexicographic names {quoted(name)} again, which has ranked already")
    for position, name in enumerate(tie_breakers):
        if name in named or name in tie_breakers[:position]:
            raise RefusedError(f"tie_breakers names {quoted(name)} again, which has ranked already")


def default_tie_breakers(
    metric: str, scenario: Scenario, ranking: tuple[str, ...] = (), task: Task = "image-classification"
) -> tuple[str, ...]:
    """What settles ties where the profile does not say: accuracy, speed, size; of backbones speed, memory, size."""
    speed = _speed(scenario)
    usual = ("accuracy_top1", speed, "parameters")
    if task == "feature-extraction":
        usual = (speed, "memory_peak", "parameters")
    return tuple(name for name in usual if name not in (metric, *ranking))


def default_objective(scenario: Scenario, task: Task = "image-classification") -> Objective:
    """Most accurate first; of backbones, which name no class, the fastest."""
    metric = _speed(scenario) if task == "feature-extraction" else "accuracy_top1"
    return Objective(
        direction=right_direction(metric),
        metric=metric,
        tie_breakers=default_tie_breakers(metric, scenario, task=task),
    )


def _speed(scenario: Scenario) -> str:
    return "throughput" if scenario == "offline" else "latency_p50"


def _head(weights: Mapping[str, float], steps: tuple[Step, ...]) -> tuple[Optimum, str] | None:
    """Direction and metric that stand for weights (the heaviest) or steps (the first)."""
    if weights:
        heaviest = min(weights, key=lambda name: (-weights[name], name))
        return right_direction(_checked(heaviest)), heaviest
    return (steps[0].direction, steps[0].metric) if steps else None


def _none() -> tuple[Optimum, str]:
    raise RefusedError("weights or steps are empty: name metrics")


def _checked(value: Any) -> str:
    try:
        return metric_name(value)
    except UsageError as error:
        raise pydantic_error(error) from None
