"""Who is beaten in everything that counts, and who is left: Pareto dominance over any metrics, noise respected.

A candidate dominates another over some metrics when it is no worse in any of them by its figures, and better beyond
the noise in at least one (V. Pareto's order, with "better" as `selector.decision.ranking` has it). So nobody is
dominated by luck alone: two candidates that differ by noise only both stand on the front. For `dominators` the ratio
of two that were timed in turn (`selector.decision.meetings`) counts instead of their two figures.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from selector.decision.figures import Figures, metric_of
from selector.decision.meetings import Meetings
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
    meetings = Meetings(decision.evidence.run_offs)

    def dominates(one: Assessment) -> bool:
        theirs = _spans(one, criteria)
        if one.id == assessment.id or theirs is None:
            return False
        compared = [_as_met(one, assessment, rule.key, meetings) for rule in criteria]
        pairs = [met or spans for met, spans in zip(compared, zip(theirs, own, strict=True), strict=True)]
        return _dominates(pairs)

    return tuple(one for one in decision.ranked if dominates(one))


def figure_of(assessment: Assessment, key: str) -> MetricResult | None:
    """Any metric of a candidate, also one that the profile does not speak of."""
    metrics = assessment.metrics
    return metrics.any(key) if isinstance(metrics, Figures) else metrics.get(key)


def _as_met(one: Assessment, other: Assessment, key: str, meetings: Meetings) -> tuple[Span, Span] | None:
    """Two figures relative to the second, as a run-off has them; None where they did not meet."""
    if "traffic" in metric_of(key).needs or one.measurement is None or other.measurement is None:
        return None  # whole devices do not follow from ratios of times
    ratio = meetings.ratio(one.measurement.identity, other.measurement.identity, key)
    if ratio is None:
        return None
    low, high = ratio.low or 0.0, math.inf if ratio.high is None else ratio.high
    return Span(low, ratio.value, high), Span(1.0, 1.0, 1.0)


def _dominates(pairs: Sequence[tuple[Span, Span]]) -> bool:
    """Whether the first of each pair, together, dominate the second."""
    return all(one.value <= other.value for one, other in pairs) and any(one.beats(other) for one, other in pairs)


def _lacks(assessment: Assessment, key: str) -> bool:
    return not isinstance(figure_of(assessment, key), MetricValue)


def _spans(assessment: Assessment, criteria: Sequence[Criterion]) -> list[Span] | None:
    """The candidate's figures as losses; None where one is not known."""
    figures = [figure_of(assessment, rule.key) for rule in criteria]
    known = [rule.span(one) for rule, one in zip(criteria, figures, strict=True) if isinstance(one, MetricValue)]
    return known if len(known) == len(criteria) else None
