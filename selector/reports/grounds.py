"""What people decide by beside figures of speed and accuracy: licence, pretraining, published weights, size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selector.reports.content import Cell, Column, Table
from selector.reports.text import plain
from selector.reports.values import MISSING, observed, show

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision

MODELS = 5
"""Models named: the first of the ranking, each once with its best placed way."""
_COLUMNS = (
    Column("model", "model", numeric=False),
    Column("license", "licence", numeric=False),
    Column("pretraining", "pretraining", numeric=False),
    Column("weight_sets", "sets of weights"),
    Column("parameters", "parameters"),
    Column("artifact_size", "artifact size"),
)


def grounds(decision: Decision) -> Table:
    """A row for each of the first models of the ranking; none without a ranking."""
    first: dict[str, Assessment] = {}
    for one in decision.ranked:
        first.setdefault(one.planned.candidate.model, one)
        if len(first) == MODELS:
            break
    return Table(_COLUMNS, tuple(_row(one) for one in first.values()))


def _row(one: Assessment) -> tuple[Cell, ...]:
    facts = one.planned.facts
    words = (facts.name, facts.license or "not stated", facts.pretraining or "none named")
    sets = Cell(MISSING) if facts.weight_sets is None else Cell(f"{facts.weight_sets:,}", facts.weight_sets)
    return (
        *(Cell(plain(word)) for word in words),
        sets,
        *(_figure(one, key) for key in ("parameters", "artifact_size")),
    )


def _figure(one: Assessment, key: str) -> Cell:
    result = observed(one.metrics.get(key))
    return Cell(MISSING) if result is None else Cell(show(key, result.value), result.value)
