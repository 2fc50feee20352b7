"""Who is beaten in everything that counts, and who is left: Pareto dominance over any metrics, noise respected.

A candidate dominates another over some metrics when it is no worse in any of them by its figures, and better beyond
the noise in at least one (V. Pareto's order, with "better" as `selector.decision.ranking` has it). So nobody is
dominated by luck alone: two candidates that differ by noise only both stand on the front.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from selector.decision.figures import Figures, metric_of
from selector.decision.ranking import Criterion, Span
from selector.decision.records import Assessment, Decision
from selector.errors import UsageError
from selector.metrics import MetricResult, MetricValue
from selector.requirements import RequirementProfile

_BLOCK = 256
"""Rows compared with all others at once: bounds memory at 10,000 candidates to some tens of megabytes."""


@dataclass(frozen=True)
class Front:
    """The candidates that nobody dominates.

    Attributes:
        metrics: Over which.
        members: In the order they were given.
        dominated: How many others have all these figures.
        unknown: How many lack one of them, and are neither here nor there.
        lacking: The metrics that some of these lack, the commonest first.
    """

    metrics: tuple[str, ...]
    members: tuple[Assessment, ...]
    dominated: int
    unknown: int
    lacking: tuple[str, ...] = ()


def axes(profile: RequirementProfile) -> tuple[str, ...]:
    """The metrics that a profile speaks of: its objective's, its requirements', its tie-breakers'; each once."""
    objective = profile.objective
    named = (*objective.metrics, *(one.key for one in profile.requirements), *objective.tie_breakers)
    return tuple(dict.fromkeys(named))


def front(candidates: Sequence[Assessment], metrics: Sequence[str]) -> Front:
    """Those of `candidates` that no other of them dominates over `metrics`.

    Raises:
        UsageError: No metric is named.
    """
    import numpy as np

    criteria = [Criterion(key, metric_of(key).better) for key in metrics]
    if not criteria:
        raise UsageError("a front needs at least one metric, e.g. accuracy_top1,latency_p95")
    spans = [(one, found) for one in candidates if (found := _spans(one, criteria)) is not None]
    known = [one for one, _ in spans]
    table = np.array([[tuple(span) for span in found] for _, found in spans], np.float64).reshape(
        -1, len(criteria), 3
    )
    lows, values, highs = table[:, :, 0], table[:, :, 1], table[:, :, 2]
    beaten = np.zeros(len(known), bool)
    for first in range(0, len(known), _BLOCK):
        rows = slice(first, first + _BLOCK)
        no_worse = (values[None] <= values[rows, None]).all(-1)
        better = (highs[None] < lows[rows, None]).any(-1)
        beaten[rows] = (no_worse & better).any(-1)
    members = tuple(itertools.compress(known, ~beaten))
    gaps = Counter(rule.key for one in candidates for rule in criteria if _lacks(one, rule.key))
    lacking = tuple(key for key, _ in gaps.most_common())
    return Front(tuple(metrics), members, len(known) - len(members), len(candidates) - len(known), lacking)


def dominators(decision: Decision, assessment: Assessment) -> tuple[Assessment, ...]:
    """The feasible candidates that dominate `assessment` over what the profile speaks of, best ranked first.

    A candidate of which a figure is not known is dominated by nobody: nobody can say.
    """
    criteria = [Criterion(key, metric_of(key).better) for key in axes(decision.profile)]
    own = _spans(assessment, criteria)
    if own is None or not criteria:
        return ()
    return tuple(
        one
        for one in decision.ranked
        if one.id != assessment.id and (theirs := _spans(one, criteria)) is not None and _dominates(theirs, own)
    )


def figure_of(assessment: Assessment, key: str) -> MetricResult | None:
    """Any metric of a candidate, also one that the profile does not speak of."""
    metrics = assessment.metrics
    return metrics.any(key) if isinstance(metrics, Figures) else metrics.get(key)


def _dominates(better: Sequence[Span], worse: Sequence[Span]) -> bool:
    pairs = list(zip(better, worse, strict=True))
    return all(one.value <= other.value for one, other in pairs) and any(one.beats(other) for one, other in pairs)


def _lacks(assessment: Assessment, key: str) -> bool:
    return not isinstance(figure_of(assessment, key), MetricValue)


def _spans(assessment: Assessment, criteria: Sequence[Criterion]) -> list[Span] | None:
    """The candidate's figures as losses; None where one is not known."""
    figures = [figure_of(assessment, rule.key) for rule in criteria]
    known = [rule.span(one) for rule, one in zip(criteria, figures, strict=True) if isinstance(one, MetricValue)]
    return known if len(known) == len(criteria) else None
