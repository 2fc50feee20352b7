"""One hard requirement: a metric, a comparison and a limit."""

from __future__ import annotations

import math
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from selector.errors import UsageError
from selector.metrics import METRICS, Metric
from selector.quantities import format_quantity, parse_quantity
from selector.requirements import served
from selector.requirements.fields import RefusedError, listed, near, pydantic_error, quoted

Comparison = Literal["<", "<=", ">", ">="]

_SIGNS: dict[str, Comparison] = {
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
    "≤": "<=",
    "≥": ">=",
    "=<": "<=",
    "=>": ">=",
}
_LIMIT = re.compile(r"(?P<sign>[<>=!≤≥]*)(?P<quantity>.*)", re.DOTALL)
_EXAMPLES = {
    "time": "50 ms",
    "memory": "12 GiB",
    "energy": "2 J",
    "fraction": "80 %",
    "money": "5 USD",
    "rate": "600 img/s",
    "count": "30 M",
}
_LARGEST_GMACS = 1e5


class Requirement(BaseModel):
    """A metric that has to stay on one side of a limit.

    Attributes:
        metric: Name of a registered metric.
        dataset: Test set of an accuracy, or None for the default one.
        comparison: How the metric is compared with the limit.
        limit: In the metric's base unit.
        text: The limit as it was written, e.g. "< 50 ms".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    dataset: str | None = None
    comparison: Comparison
    limit: float
    text: str

    @property
    def key(self) -> str:
        """As the profile writes it: "latency_p95" or "accuracy_top1@imagenet-1k"."""
        return self.metric if self.dataset is None else f"{self.metric}@{self.dataset}"

    @classmethod
    def parse(cls, key: str, text: str) -> Requirement:
        """From a profile's key and value, e.g. ``parse("latency_p95", "< 50 ms")``.

        Raises:
            UsageError: The metric, the comparison or the limit cannot be taken; the message says what to write.
        """
        metric, dataset = read_key(key)
        comparison, limit, written = read_limit(metric, text)
        return cls(metric=metric.name, dataset=dataset, comparison=comparison, limit=limit, text=written)

    def at(self, limit: float) -> Requirement:
        """The same requirement with another limit, in the base unit.

        Raises:
            UsageError: No value can be on the asked side of that limit.
        """
        metric = METRICS.get(self.metric)
        check_limit(metric, self.comparison, limit)
        text = f"{self.comparison} {format_quantity(limit, metric.kind, digits=6)}"
        return self.model_copy(update={"limit": float(limit), "text": text})

    @model_validator(mode="after")
    def _check(self) -> Requirement:
        try:
            metric, _ = read_key(self.key)
            check_limit(metric, self.comparison, self.limit)
        except UsageError as error:
            raise pydantic_error(error) from None
        return self


def read_metric(name: str) -> Metric:
    """The metric called `name`.

    Raises:
        RefusedError: Not registered; the message tells a slip from a metric that is not supported yet.
    """
    if name in METRICS:
        return METRICS.get(name)
    if name in served.LATER_METRICS:
        raise RefusedError(f"metric {name!r} is not supported yet: {served.LATER_METRICS[name]}")
    hint = near(name, [*METRICS.names(), *served.LATER_METRICS])
    raise RefusedError(
        f"unknown metric {quoted(name)}" + ("" if hint else f"; known are {listed(METRICS.names())}"), hint
    )


def read_key(key: str) -> tuple[Metric, str | None]:
    """Metric and test set of "METRIC" or "METRIC@DATASET".

    Raises:
        RefusedError: An unknown metric, or a test set that is unknown, not served, or makes no sense for this metric.
    """
    name, at, dataset = key.partition("@")
    metric = read_metric(name.strip())
    if not at:
        return metric, None
    dataset = dataset.strip()
    if not metric.name.startswith("accuracy_"):
        raise RefusedError(f"{metric.name} is not taken on a test set: write {metric.name!r} alone")
    if dataset not in served.DATASETS:
        raise RefusedError(
            f"unknown test set {quoted(dataset)}; figures are published on {listed(served.DATASETS)}",
            near(dataset, served.DATASETS),
        )
    return metric, dataset


def read_limit(metric: Metric, text: str) -> tuple[Comparison, float, str]:
    """Comparison, limit in the base unit, and the tidied text of e.g. "< 50 ms".

    Raises:
        RefusedError: No comparison, a bad quantity, or a limit that contradicts the metric.
    """
    written = " ".join(text[:1000].split())
    right = ("<" if metric.better == "lower" else ">") + " " + _EXAMPLES[metric.kind]
    if not written:
        raise RefusedError(f'{metric.name} has no limit: write for instance "{right}", in quotes')
    match = _LIMIT.fullmatch(written)
    sign, quantity = (match["sign"], match["quantity"].strip()) if match else ("", written)
    if not sign:
        raise RefusedError(f"{metric.name}: {quoted(written)} has no comparison", _with_sign(metric, written, right))
    if sign not in _SIGNS:
        raise RefusedError(f"{sign!r} is not a comparison; write one of {listed(served.COMPARISONS)}")
    comparison = _SIGNS[sign]
    try:
        limit = parse_quantity(quantity, metric.kind, _EXAMPLES[metric.kind])
    except UsageError as error:
        raise RefusedError(f"{metric.name}: {error}") from None
    check_limit(metric, comparison, limit)
    return comparison, limit, f"{comparison} {quantity}"


def _with_sign(metric: Metric, quantity: str, right: str) -> str:
    """How a limit without comparison, and perhaps without unit, should be written."""
    unit = right.partition(" ")[2].partition(" ")[2]
    for attempt in (quantity, f"{quantity} {unit}"):
        try:
            parse_quantity(attempt, metric.kind)
        except UsageError:
            continue
        return f'write "{right[0]} {attempt}"'
    return f'write for instance "{right}"'


def check_limit(metric: Metric, comparison: Comparison, limit: float) -> None:
    """Refuses a limit that nothing can hold, that everything holds, or that asks for the worse side.

    Raises:
        RefusedError: As said.
    """
    shown = format_quantity(limit, metric.kind)
    if (metric.better == "lower") != comparison.startswith("<"):
        turned = comparison.translate(str.maketrans("<>", "><"))
        side = "at most" if metric.better == "lower" else "at least"
        raise RefusedError(
            f"{metric.name} is better when {metric.better}, so a limit says what it may be {side}",
            f'did you mean "{turned} {shown}"?',
        )
    if not math.isfinite(limit) or limit <= 0:
        raise RefusedError(f"{metric.name}: a limit must be above zero, not {shown}")
    if metric.kind == "fraction" and (limit > 1 or (limit == 1 and comparison == ">")):
        raise RefusedError(f"{metric.name} {comparison} {shown} is impossible: a share is never above 100 %")
    if metric.name == "gmacs" and limit > _LARGEST_GMACS:
        raise RefusedError(f"gmacs counts in 1e9 already: write {limit / 1e9:g}")
