"""How feasible candidates are ranked."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from selector.errors import UsageError
from selector.requirements.fields import RefusedError, pydantic_error, quoted
from selector.requirements.requirement import read_key
from selector.types import Scenario

Optimum = Literal["maximize", "minimize"]


class Objective(BaseModel):
    """One metric to push, and the metrics that settle ties.

    Attributes:
        direction: Always the metric's own better one.
        metric: Name of a registered metric.
        tie_breakers: Metrics that are looked at in turn where the objective cannot tell candidates apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    direction: Optimum
    metric: str
    tie_breakers: tuple[str, ...] = ()

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
            check_objective(self.direction, self.metric, self.tie_breakers)
        except UsageError as error:
            raise pydantic_error(error) from None
        return self


def metric_name(key: str) -> str:
    """The plain name of a metric that ranks; the default test set may be named and is dropped.

    Raises:
        RefusedError: An unknown metric or test set.
    """
    return read_key(key)[0].name


def check_objective(direction: Optimum, metric: str, tie_breakers: tuple[str, ...]) -> None:
    """Refuses a direction against the metric's own, and tie-breakers that break no tie.

    Raises:
        RefusedError: As said.
    """
    better = read_key(metric)[0].better
    right = "minimize" if better == "lower" else "maximize"
    if direction != right:
        raise RefusedError(f"{metric} is better when {better}", f'did you mean "{right}: {metric}"?')
    for position, name in enumerate(tie_breakers):
        if name == metric or name in tie_breakers[:position]:
            raise RefusedError(f"tie_breakers names {quoted(name)} again, which has ranked already")


def default_tie_breakers(metric: str, scenario: Scenario) -> tuple[str, ...]:
    """What settles ties where the profile does not say: accuracy, speed, size."""
    speed = "throughput" if scenario == "offline" else "latency_p50"
    return tuple(name for name in ("accuracy_top1", speed, "parameters") if name != metric)


def default_objective(scenario: Scenario) -> Objective:
    """Most accurate first."""
    return Objective(
        direction="maximize",
        metric="accuracy_top1",
        tie_breakers=default_tie_breakers("accuracy_top1", scenario),
    )


def _checked(value: Any) -> str:
    try:
        return metric_name(value)
    except UsageError as error:
        raise pydantic_error(error) from None
