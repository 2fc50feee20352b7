"""Why one candidate stands where it stands: what `selector explain` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selector.decision.deciding import relaxation
from selector.decision.dominance import axes, dominators
from selector.decision.reasons import difference
from selector.metrics import MetricValue, label, metric_of
from selector.quantities import format_quantity
from selector.reports.argument import chance
from selector.reports.json_report import candidate_data
from selector.reports.stages import stage_lines
from selector.reports.text import plain
from selector.reports.values import known_end

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision
    from selector.metrics import MetricResult
    from selector.search.left_out import LeftOut

_STATUS_WORDS = {
    "ranked": "meets every requirement",
    "undecided": "undecided: not proven to meet every requirement",
    "rejected": "rejected",
    "failed": "failed",
    "unavailable": "unavailable on this device",
    "not_measured": "not measured",
}


def candidate_document(decision: Decision, assessment: Assessment) -> dict[str, Any]:
    """The candidate as in the JSON report, with its list as `status`, who dominates it and what would admit it."""
    miss = relaxation(decision, assessment)
    return {
        "status": assessment.status.value,
        **candidate_data(decision, assessment),
        "dominated_by": [one.id for one in dominators(decision, assessment)],
        "admitted_by": None if miss is None else {"limits": dict(miss.limits), "sentence": miss.relaxation},
    }


def explain_text(decision: Decision, assessment: Assessment, *, log: bool = False) -> str:
    """The candidate in words and figures, as plain text.

    Args:
        decision: Where it stands in.
        assessment: The candidate.
        log: Whether to add the whole log of a failure, and not its last lines.
    """
    blocks = [
        [plain(assessment.id), f"  {standing(decision, assessment)}"],
        [f"  {_heading(decision, assessment)}", *(f"    {plain(reason)}" for reason in assessment.reasons)],
        ["  against the others", *(f"    {line}" for line in against(decision, assessment))],
        ["  requirements", *_judgements(assessment)],
        ["  figures", *_figures(assessment)],
        ["  model", *_facts(assessment)],
        ["  features", *(f"    {line}" for line in stage_lines(assessment))],
        _failure(assessment, log=log),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if len(block) > 1) + "\n"


def left_out_document(found: LeftOut) -> dict[str, Any]:
    """A candidate that the profile leaves out, for programs: as the others, as far as anything is known of it."""
    return {
        "status": "left_out",
        "id": found.id,
        "model": found.model,
        "optimization": found.optimization,
        "reasons": list(found.reasons),
    }


def left_out_text(found: LeftOut) -> str:
    """The same as plain text."""
    lines = (plain(found.id), "  not considered", "", "  why", *(f"    {plain(one)}" for one in found.reasons))
    return "\n".join(lines) + "\n"


def _heading(decision: Decision, assessment: Assessment) -> str:
    """Those behind the winner are told by what sets them behind it."""
    if decision.winner is None or assessment.rank in (None, 1):
        return "why"
    return f"why, against the choice {plain(decision.winner.id)}"


def standing(decision: Decision, assessment: Assessment) -> str:
    """Where a candidate stands, in a clause."""
    words = _STATUS_WORDS[assessment.status.value]
    if assessment.rank is not None:
        words = "the choice" if assessment.rank == 1 else f"rank {assessment.rank} of {len(decision.ranked)}: {words}"
    if assessment.stage == "static":
        words += " before measuring, by what is known of the model"
    elif assessment.stage == "measured":
        words += " by measurement"
    tied = assessment.tied_with
    return words if not tied else f"{words}; tied with {len(tied)} other{'s' if len(tied) > 1 else ''}"


def against(decision: Decision, assessment: Assessment) -> list[str]:
    """Who is better in everything that counts, how likely it is the best, and which limits would admit it."""
    found = []
    by = dominators(decision, assessment)
    if by:
        others = f"; {len(by) - 1:,} more dominate it, too" if len(by) > 1 else ""
        found.append(f"dominated by {plain(by[0].id)}: {_differences(decision, assessment, by[0])}{others}")
    elif assessment.rank is not None and len(decision.ranked) > 1:
        counted = ", ".join(label(key) for key in axes(decision.profile))
        found.append(f"on the front: no feasible candidate is as good in all and better in some of {counted}")
    chances = chance(decision, assessment)
    miss = relaxation(decision, assessment)
    found += [*([chances] if chances else []), *([f"to admit it, {plain(miss.relaxation)}"] if miss else [])]
    return found


def _differences(decision: Decision, mine: Assessment, theirs: Assessment) -> str:
    """How the figures that count differ, seen from `mine`."""
    told = []
    for key in axes(decision.profile):
        own, other = mine.metrics[key], theirs.metrics[key]
        if isinstance(own, MetricValue) and isinstance(other, MetricValue):
            same = own.value == other.value
            told.append(f"{label(key)} equal" if same else difference(key, own.value, other.value))
    return "; ".join(told)


def _judgements(assessment: Assessment) -> list[str]:
    return [f"    {one.verdict.value:<9}  {plain(one.sentence)}" for one in assessment.judgements.values()]


def _figures(assessment: Assessment) -> list[str]:
    width = max((len(name) for name in assessment.metrics), default=0)
    return [f"    {name:<{width}}  {_figure(name, result)}" for name, result in sorted(assessment.metrics.items())]


def _figure(name: str, result: MetricResult) -> str:
    if not isinstance(result, MetricValue):
        return f"– ({plain(result.reason)})"
    kind = metric_of(name).kind
    text = format_quantity(result.value, kind)
    if result.low is not None and result.high is not None:
        text += f" ({format_quantity(result.low, kind)} to {format_quantity(result.high, kind)}"
        text += f"{_confidence(result)})"
    elif (end := known_end(result)) is not None:
        text += f" ({end[0]} {format_quantity(end[1], kind)}{_confidence(result)})"
    counted = f", {result.samples:,} samples" if result.samples and result.samples > 1 else ""
    return f"{text}, {plain(result.source)}{counted}"


def _confidence(result: MetricValue) -> str:
    return f" at {100 * result.confidence:g} % confidence" if result.confidence else ""


def _facts(assessment: Assessment) -> list[str]:
    facts, candidate = assessment.planned.facts, assessment.planned.candidate
    size = "×".join(str(side) for side in candidate.image_size)
    lines = [f"family {plain(facts.family)}, {size} pixels, batch {candidate.batch_size}, {candidate.precision}"]
    pretraining = plain(facts.pretraining or "none named")
    lines.append(f"licence {plain(facts.license or 'not stated')}, pretraining {pretraining}")
    if assessment.measurement is not None and assessment.measurement.weights is not None:
        lines.append(f"measured on {assessment.measurement.weights.source} weights")
    settings = ", ".join(f"{name} = {value}" for name, value in candidate.settings)
    return [f"    {line}" for line in [*lines, *([f"settings {settings}"] if settings else [])]]


def _failure(assessment: Assessment, *, log: bool) -> list[str]:
    measurement = assessment.measurement
    if measurement is None or not measurement.log.strip():
        return []
    lines = measurement.log.rstrip().splitlines()
    shown = lines if log else lines[-12:]
    left_out = f" (last {len(shown)} of {len(lines)} lines; --verbose shows all)" if len(shown) < len(lines) else ""
    return [f"  log{left_out}", *(f"    {plain(line)}".rstrip() for line in shown)]
