"""Comparisons for programs: one versioned object in base units. What is not known is null, never a guess or NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from selector.decision.comparing import CandidateComparison, Change, DecisionComparison, Pairing
from selector.decision.differences import CONFIDENCE, Difference
from selector.decision.records import Decision
from selector.decision.regression import Check, MetricCheck, Visit
from selector.metrics import MetricResult, MetricValue
from selector.reports.json_report import candidate_data
from selector.reports.values import metric_of
from selector.requirements import Verdict
from selector.types import Interval

SCHEMA_VERSION = "1.0"
"""Raised in its second part when fields are added, in its first when they change or go."""


def candidates_data(comparison: CandidateComparison, *, everything: bool = False) -> dict[str, Any]:
    """Two candidates as plain JSON data; without `everything` metrics that are alike are left out."""
    decision = comparison.decision
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "candidate",
        "run_id": decision.evidence.run_id,
        "profile": decision.profile.name,
        "environment": decision.evidence.plan.environment.id,
        "confidence": CONFIDENCE,
        "comparisons": comparison.comparisons,
        "first": {"status": comparison.first.status.value, **candidate_data(decision, comparison.first)},
        "second": {"status": comparison.second.status.value, **candidate_data(decision, comparison.second)},
        "differences": [_difference(one) for one in comparison.differences if everything or not one.equal],
        "requirements": _verdicts(comparison.verdicts),
        "identity": [_change(one) for one in comparison.identity],
        "environment_differences": [_change(one) for one in comparison.environment],
    }


def decisions_data(
    comparison: DecisionComparison, kind: str, names: tuple[str, str], *, everything: bool = False
) -> dict[str, Any]:
    """Two decisions as plain JSON data; without `everything` candidates and figures that are alike are left out."""
    pairings = [one for one in comparison.pairings if everything or one.moved or one.beyond_noise or one.verdicts]
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "confidence": CONFIDENCE,
        "comparisons": comparison.comparisons,
        "sessions": comparison.sessions,
        "first": _side(comparison.first, names[0]),
        "second": _side(comparison.second, names[1]),
        "same_choice": comparison.same_choice,
        "within_ties": comparison.within_ties,
        "entered": [one.id for one in comparison.entered],
        "left": [one.id for one in comparison.left],
        "candidates": [_pairing(one, everything=everything) for one in pairings],
        "environment_differences": [_change(one) for one in comparison.environment],
        "profile_differences": [_change(one) for one in comparison.profile],
    }


def check_data(check: Check) -> dict[str, Any]:
    """A choice that was measured again as plain JSON data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "check",
        "baseline": check.baseline,
        "run_id": check.run_id,
        "profile": check.profile.name,
        "environment": check.device.id,
        "candidate": check.candidate,
        "finding": check.finding.value,
        "exit_code": check.exit_code,
        "tolerance": check.tolerance,
        "confidence": CONFIDENCE,
        "sessions": check.sessions,
        "visits": [_visit(one) for one in check.visits],
        "environment_differences": [_change(one) for one in check.environment],
        "profile_differences": [_change(one) for one in check.asked],
    }


def _side(decision: Decision, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "run_id": decision.evidence.run_id,
        "profile": decision.profile.name,
        "environment": decision.evidence.plan.environment.id,
        "device": decision.evidence.plan.environment.device_name,
        "winner": None if decision.winner is None else decision.winner.id,
        "headline": decision.headline,
        "ranked": len(decision.ranked),
    }


def _pairing(one: Pairing, *, everything: bool) -> dict[str, Any]:
    return {
        "id": one.id,
        "status": [None if status is None else status.value for status in one.status],
        "rank": list(one.rank),
        "differences": [_difference(each) for each in (one.differences if everything else one.beyond_noise)],
        "requirements": _verdicts(one.verdicts or {}),
    }


def _visit(visit: Visit) -> dict[str, Any]:
    return {
        "measurement": None if visit.measurement is None else visit.measurement.id,
        "outcome": visit.outcome.value,
        "message": visit.message,
        "finding": visit.finding.value,
        "metrics": [_checked(one) for one in visit.metrics],
    }


def _checked(one: MetricCheck) -> dict[str, Any]:
    return {
        **_difference(one.difference),
        "loss": _interval(one.loss),
        "requirement": None if one.now is None else [None if one.before is None else one.before.value, one.now.value],
        "finding": one.finding.value,
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "metric": one.key,
        "unit": metric_of(one.key).unit,
        "first": _figure(one.first),
        "second": _figure(one.second),
        "basis": one.basis.value,
        "ratio": _interval(one.ratio),
        "gap": _interval(one.gap),
        "beyond_noise": one.beyond_noise,
        "better": one.better,
    }


def _figure(result: MetricResult) -> dict[str, Any] | None:
    if not isinstance(result, MetricValue):
        return None
    return {"value": _finite(result.value), "low": _finite(result.low), "high": _finite(result.high)}


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    return {"value": _finite(interval.value), "low": _finite(interval.low), "high": _finite(interval.high)}


def _change(one: Change) -> dict[str, Any]:
    return {"name": one.name, "first": one.first, "second": one.second}


def _verdicts(verdicts: Mapping[str, tuple[Verdict, Verdict]]) -> dict[str, list[str]]:
    return {key: [first.value, second.value] for key, (first, second) in verdicts.items()}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
