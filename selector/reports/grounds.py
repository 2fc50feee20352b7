"""What people decide by beside figures of speed and accuracy: licence, pretraining, published weights, size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selector.reports.text import plain
from selector.reports.values import MISSING, observed, show

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision

MODELS = 5
"""Models named: the first of the ranking, each once with its best placed way."""
HEADING = ("model", "licence", "pretraining", "sets of weights", "parameters", "artifact size")
"""Of the columns; the last three are numbers."""
NUMERIC = 3


def grounds(decision: Decision) -> tuple[tuple[str, ...], ...]:
    """A row for each of the first models of the ranking, in the order of `HEADING`; empty without a ranking."""
    first: dict[str, Assessment] = {}
    for one in decision.ranked:
        first.setdefault(one.planned.candidate.model, one)
        if len(first) == MODELS:
            break
    return tuple(_row(one) for one in first.values())


def _row(one: Assessment) -> tuple[str, ...]:
    facts = one.planned.facts
    described = (plain(facts.name), plain(facts.license or "not stated"), plain(facts.pretraining or "none named"))
    sets = MISSING if facts.weight_sets is None else f"{facts.weight_sets:,}"
    return (*described, sets, *(_figure(one, key) for key in ("parameters", "artifact_size")))


def _figure(one: Assessment, key: str) -> str:
    result = observed(one.metrics.get(key))
    return MISSING if result is None else show(key, result.value)
