"""The decision as one JSON object, for programs: `data/schema/decision-v1.json` describes it.

Every candidate stands in exactly one of the lists. Figures are in base units (s, B, J, 1, USD, 1/s). What is not
known is null or absent, never a guess and never NaN.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from selector.decision.admitting import Admission, admissions
from selector.decision.deciding import relaxations
from selector.decision.sensitivity import Edge, Sensitivity, sensitivities
from selector.metrics import MetricValue
from selector.reports.base import Context, report_format
from selector.reports.stages import stages_of
from selector.reports.values import metric_of
from selector.resources import folder
from selector.types import to_json

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision, Miss
    from selector.metrics import MetricResult
    from selector.requirements import Judgement
    from selector.types import Environment, ImageSize

LISTS = ("ranked", "undecided", "rejected", "failed", "unavailable", "not_measured")
"""The lists in which every considered candidate stands once."""
SCHEMA_VERSION = "1.3"
"""Raised in its second part when fields are added, in its first when they change or go."""


@report_format(
    "json", suffix=".json", media_type="application/json", description="One JSON object for programs, by a schema"
)
def render_json(decision: Decision, context: Context) -> str:  # noqa: ARG001
    """The decision as JSON text, indented by two blanks."""
    return json.dumps(decision_data(decision), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def schema() -> dict[str, Any]:
    """The published JSON schema (draft 2020-12) that every such report validates against."""
    loaded: dict[str, Any] = json.loads((folder("data") / "schema" / "decision-v1.json").read_text(encoding="utf-8"))
    return loaded


def decision_data(decision: Decision) -> dict[str, Any]:
    """The decision as plain JSON data."""
    evidence = decision.evidence
    ranked = [candidate_data(decision, one) for one in decision.ranked]
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": evidence.run_id,
        "headline": decision.headline,
        "notes": list(decision.notes),
        "profile": decision.profile.as_dict(),
        "device": _device(evidence.plan.environment, decision.profile.device.count),
        "environment": _environment(evidence.plan.environment),
        "winner": ranked[0] if ranked else None,
        "ranked": ranked,
        "undecided": [candidate_data(decision, one) for one in decision.undecided],
        "rejected": [candidate_data(decision, one) for one in decision.rejected],
        "failed": [candidate_data(decision, one) for one in decision.failed],
        "unavailable": [candidate_data(decision, one) for one in decision.unavailable],
        "not_measured": [candidate_data(decision, one) for one in decision.not_measured],
        "nearest_misses": [_miss(one) for one in decision.nearest_misses],
        "sensitivity": [_sensitivity(one) for one in sensitivities(decision)],
        "admissions": [_admission(one) for one in admissions(decision)],
        "relaxations": [_miss(one) for one in relaxations(decision)] if decision.winner is None else [],
        "certificate": _certificate(decision),
        "timing": {
            "wall_seconds": evidence.timing.wall_seconds,
            "measured_seconds": evidence.timing.measured_seconds,
        },
    }


def _device(environment: Environment, number: int) -> dict[str, Any]:
    return {
        "kind": environment.device_kind,
        "name": environment.device_name,
        "id": environment.device_id,
        "driver": environment.driver,
        "memory": environment.memory_total,
        "power_limit": environment.power_limit,
        "count": number,
    }


def _environment(environment: Environment) -> dict[str, Any]:
    return {
        "id": environment.id,
        "threads": environment.threads,
        "capabilities": list(environment.capabilities),
        "versions": dict(environment.versions),
        "protocol": environment.protocol,
    }


def candidate_data(decision: Decision, assessment: Assessment) -> dict[str, Any]:
    """One candidate of a decision as it stands in the report."""
    planned, measurement = assessment.planned, assessment.measurement
    candidate = planned.candidate
    outcome = "unavailable" if assessment.status == "unavailable" else None
    data: dict[str, Any] = {
        "id": candidate.id,
        "model": candidate.model,
        "optimization": candidate.optimization,
        "batch_size": candidate.batch_size,
        "image_size": _size(candidate.image_size),
        "family": planned.facts.family,
        "license": planned.facts.license,
        "pretraining": planned.facts.pretraining,
        "weights": _weights(assessment),
        "settings": dict(candidate.settings),
        "outcome": outcome if measurement is None else measurement.outcome.value,
        "metrics": {},
        "not_observed": {},
        "requirements": {key: _judgement(one) for key, one in assessment.judgements.items()},
        "reasons": list(assessment.reasons),
        "tied_with": list(assessment.tied_with),
    }
    for key, result in sorted(assessment.metrics.items()):
        if isinstance(result, MetricValue) and math.isfinite(result.value):
            data["metrics"][key] = metric_data(key, result)
        else:
            data["not_observed"][key] = _absence(result)
    if stages := stages_of(assessment):
        data["stages"] = to_json(stages)
    if assessment.rank is not None:
        data["probability_best"] = decision.chances.get(assessment.id, 0.0)
    if assessment.status == "rejected":
        data["stage"] = assessment.stage
    return data


def _size(size: ImageSize) -> int | list[int]:
    return size[0] if size[0] == size[1] else list(size)


def _weights(assessment: Assessment) -> dict[str, str | None]:
    """The weights that ran; before anything ran, the tag that the candidate names."""
    own = assessment.planned.facts.checkpoint
    if own is not None:
        return {"tag": None, "sha256": own.sha256, "source": "checkpoint"}
    weights = assessment.measurement.weights if assessment.measurement is not None else None
    if weights is None:
        return {"tag": assessment.planned.facts.tag or None, "sha256": None, "source": None}
    return {"tag": weights.tag, "sha256": weights.sha256, "source": weights.source}


def metric_data(key: str, figure: MetricValue) -> dict[str, Any]:
    """One figure with its interval, evidence and source, in the base unit of the metric `key`."""
    return {
        "value": figure.value,
        "unit": metric_of(key).unit,
        "low": _finite(figure.low),
        "high": _finite(figure.high),
        "confidence": _finite(figure.confidence),
        "evidence": figure.evidence,
        "source": figure.source,
        "samples": figure.samples,
    }


def _absence(result: MetricResult) -> str:
    return "the reading is no finite number" if isinstance(result, MetricValue) else result.reason


def _judgement(judgement: Judgement) -> dict[str, Any]:
    return {
        "verdict": judgement.verdict.value,
        "comparison": judgement.requirement.comparison,
        "limit": judgement.requirement.limit,
        "shortfall": _finite(judgement.shortfall),
    }


def _admission(one: Admission) -> dict[str, Any]:
    return {
        "key": one.key,
        "added": list(one.added),
        "limit": one.limit,
        "candidates": one.candidates,
        "measured": one.measured,
        "feasible": one.feasible,
        "winner": one.winner,
        "brings": list(one.brings),
        "sentence": one.sentence,
    }


def _sensitivity(one: Sensitivity) -> dict[str, Any]:
    return {
        "key": one.key,
        "kind": "weight" if one.weight else "limit",
        "asked": one.asked,
        "tighter": _edge(one.tighter),
        "looser": _edge(one.looser),
        "sentences": list(one.sentences),
    }


def _edge(edge: Edge | None) -> dict[str, Any] | None:
    if edge is None:
        return None
    return {"last": edge.last, "first": edge.first, "winner": edge.winner, "brings": list(edge.brings)}


def _miss(miss: Miss) -> dict[str, Any]:
    return {
        "candidate": miss.assessment.id,
        "requirements": [one.requirement.key for one in miss.judgements],
        "relaxation": miss.relaxation,
        "cost": _finite(miss.cost),
    }


def _certificate(decision: Decision) -> dict[str, Any]:
    """How the search went; for a decision from stored evidence the counts alone."""
    certificate = decision.evidence.certificate
    if certificate is not None:
        return {
            "strategy": certificate.strategy,
            "candidates": certificate.candidates,
            "measured": certificate.measured,
            "confidence": _finite(certificate.confidence),
            "stopped_because": certificate.stopped_because,
            "asked": _finite(certificate.asked),
            "saved_seconds": _finite(certificate.saved_seconds),
            "missed": [{"candidate": one.candidate, "chance": _finite(one.chance)} for one in certificate.missed],
        }
    unmeasured = sum(one.stage == "static" for one in decision.rejected) + len(decision.unavailable)
    return {
        "strategy": None,
        "candidates": len(decision.evidence.plan.considered) - unmeasured,
        "measured": len(decision.evidence.measurements),
        "confidence": None,
        "stopped_because": None,
        "asked": None,
        "saved_seconds": None,
        "missed": [],
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
