"""What every report shows of a decision, as words and rows: the formats differ in dress only."""

from __future__ import annotations

import math
import shlex
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selector.decision.relaxing import cost, obstacles
from selector.metrics import METRICS
from selector.reports.text import plain
from selector.reports.values import MISSING, Scale, label, metric_of, observed, scale_for, show
from selector.requirements import Verdict

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision
    from selector.metrics import MetricValue
    from selector.reports.base import Context
    from selector.requirements import Judgement, Requirement, RequirementProfile

_NEGATED = {"<": "≥", "<=": ">", ">": "≤", ">=": "<"}
SIGNS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥"}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: "rank", "model", "way", "limit" or a metric's key.
        title: What stands above it.
        unit: Unit of its figures, "" where they have none.
        numeric: Whether it is set to the right.
        decimals: That its typical figure is shown with.
    """

    key: str
    title: str
    unit: str = ""
    numeric: bool = True
    decimals: int = 0

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} {self.unit}".strip()


@dataclass(frozen=True)
class Cell:
    """What stands in a table.

    Attributes:
        text: For people: one line, but not escaped for any format.
        number: The figure in the column's unit, None for words and where there is none.
    """

    text: str
    number: float | None = None


@dataclass(frozen=True)
class Table:
    """Rows of cells below columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Group:
    """Candidates that share a fate and its reason.

    Attributes:
        reason: What they share: "p95 ≥ 50 ms".
        members: The candidates, nearest first where nearness has a meaning.
        nearest: The first of them and how it misses, or "". Near means here what it means everywhere: measured ones
            before others, then by how far limits have to give (`selector.decision.relaxing.cost`).
        distance: The same to compare groups by.
    """

    reason: str
    members: tuple[Assessment, ...]
    nearest: str = ""
    distance: tuple[bool, float] = (True, math.inf)


def condition(requirement: Requirement) -> str:
    """What a requirement asks, in people's units: "p95 < 50 ms"."""
    return f"{label(requirement.key)} {SIGNS[requirement.comparison]} {limit(requirement)}"


def violation(requirement: Requirement) -> str:
    """What breaks a requirement: "p95 ≥ 50 ms"."""
    return f"{label(requirement.key)} {_NEGATED[requirement.comparison]} {limit(requirement)}"


def limit(requirement: Requirement) -> str:
    """The limit as it was written: "50 ms"."""
    return plain(requirement.text.removeprefix(requirement.comparison))


def is_ceiling(requirement: Requirement) -> bool:
    """Whether smaller is allowed: the limit is an upper one."""
    return requirement.comparison in ("<", "<=")


def share_of_limit(requirement: Requirement, value: float) -> float | None:
    """How much of the room that a limit leaves is used; 1 is at the limit, above 1 beyond it.

    value / limit for an upper limit, limit / value for a lower one; None where that has no meaning (a limit or a
    value of zero or less).
    """
    if value <= 0 or requirement.limit <= 0:
        return None
    return value / requirement.limit if is_ceiling(requirement) else requirement.limit / value


def mentioned(profile: RequirementProfile) -> tuple[str, ...]:
    """Metric keys that the profile speaks of, the objective's first, each once."""
    objective = profile.objective
    ranking = [step.metric for step in objective.steps]
    keys = [*ranking, *objective.metrics, *(one.key for one in profile.requirements), *objective.tie_breakers]
    return tuple(dict.fromkeys(keys))


def aim(profile: RequirementProfile) -> str:
    """The objective as a clause: "maximize accuracy_top1, ties broken by latency_p50"."""
    objective = profile.objective
    if objective.weights:
        weighed = " × ".join(f"{name}^{weight:.3g}" for name, weight in objective.weights.items())
        told = f"least score, which is {weighed}, each figure as a loss (an accuracy as the error)"
    elif objective.lexicographic:
        steps = (
            f"{step.direction} {step.metric}{f' within {step.tolerance}' if step.within else ''}"
            for step in objective.lexicographic
        )
        told = ", then ".join(steps)
    else:
        told = f"{objective.direction} {objective.metric}"
    return f"{told}, ties broken by {', then '.join(objective.tie_breakers)}" if objective.tie_breakers else told


def shown_metrics(profile: RequirementProfile) -> tuple[str, ...]:
    """The metrics that tables show: those mentioned, and what people look for beside them."""
    keys = list(mentioned(profile))
    if profile.workload.scenario != "offline" and not any(key.startswith("latency_") for key in keys):
        keys.append("latency_p50")
    for usual in ("accuracy_top1", "throughput", "memory_peak"):
        if usual not in keys:
            keys.append(usual)
    return tuple(sorted(keys, key=_interest))


def _interest(key: str) -> int:
    order = ("score", "accuracy", "latency", "throughput", "memory", "cost", "energy")
    return next((place for place, start in enumerate(order) if key.startswith(start)), len(order))


def ranking_table(decision: Decision, assessments: Sequence[Assessment]) -> Table:
    """The given candidates with the figures that the profile speaks of.

    Beside the first upper limit on something measured stands the share of it that is used. A metric that none of
    the candidates has is left out.
    """
    columns = [Column("rank", "#"), Column("model", "model", numeric=False), Column("way", "way", numeric=False)]
    rows = [[_rank(one), Cell(plain(one.planned.candidate.model)), Cell(way(one))] for one in assessments]
    limited = _limited(decision.profile)
    for key in shown_metrics(decision.profile):
        figures = [observed(one.metrics.get(key)) for one in assessments]
        known = [figure.value for figure in figures if figure is not None]
        if not known:
            continue
        scale = scale_for(key, known)
        typical = scale.decimals(statistics.median_low(map(abs, known)))
        columns.append(Column(key, _title(key), scale.unit, decimals=typical))
        for row, figure in zip(rows, figures, strict=True):
            row.append(_figure(scale, figure))
        if limited is not None and key == limited.key:
            columns.append(Column("limit", "of limit"))
            for row, figure in zip(rows, figures, strict=True):
                row.append(_share(limited, figure))
    return Table(tuple(columns), tuple(tuple(row) for row in rows))


def _title(key: str) -> str:
    return label(key) if "@" in key else metric_of(key).heading


def _rank(assessment: Assessment) -> Cell:
    if assessment.rank is None:
        return Cell("")
    return Cell(f"{assessment.rank}{'=' if assessment.tied_with else ''}", assessment.rank)


def _figure(scale: Scale, figure: MetricValue | None) -> Cell:
    return Cell(MISSING) if figure is None else Cell(scale.with_margin(figure), figure.value / scale.factor)


def _share(requirement: Requirement, figure: MetricValue | None) -> Cell:
    share = None if figure is None else share_of_limit(requirement, figure.value)
    return Cell(MISSING) if share is None else Cell(f"{100 * share:.0f} %", share)


def _limited(profile: RequirementProfile) -> Requirement | None:
    return next((one for one in profile.requirements if is_ceiling(one) and not metric_of(one.key).static), None)


def way(assessment: Assessment) -> str:
    """The optimization's name."""
    return plain(assessment.planned.candidate.optimization)


def name(assessment: Assessment) -> str:
    """The candidate as people read it: "swin_base.ms_in1k @ compile"."""
    return f"{plain(assessment.planned.candidate.model)} @ {way(assessment)}"


def failing(assessment: Assessment) -> tuple[Judgement, ...]:
    """The judgements that reject a candidate, in the profile's order."""
    return tuple(one for one in assessment.judgements.values() if one.verdict is Verdict.FAILS)


def overshoot(judgement: Judgement) -> float:
    """How far beyond its limit a value is, relative to the limit; infinite where that is not known."""
    if judgement.shortfall is None:
        return float("inf")
    limit = abs(judgement.requirement.limit)
    return judgement.shortfall / limit if limit else float("inf") if judgement.shortfall else 0.0


def rejected_groups(decision: Decision) -> tuple[Group, ...]:
    """The rejected by what rejects them first, the largest group first; every candidate is counted once."""
    groups: dict[str, list[Assessment]] = {}
    for one in decision.rejected:
        groups.setdefault(_cause(decision.profile, one), []).append(one)
    made = [_group(reason, members) for reason, members in groups.items()]
    return tuple(sorted(made, key=lambda group: (-len(group.members), group.reason)))


def _cause(profile: RequirementProfile, assessment: Assessment) -> str:
    broken = failing(assessment)
    if broken:
        return violation(broken[0].requirement)
    key = assessment.exclusion.requirement if assessment.exclusion is not None else ""
    if key == "license":
        return "licence not among those allowed"
    if key == "pretraining":
        return "pretraining not among those allowed"
    if key == "max_parameters" and profile.candidates.max_parameters is not None:
        return f"more than {show('parameters', profile.candidates.max_parameters)} parameters"
    if key.partition("@")[0] in METRICS:
        return f"{label(key)} cannot hold"
    return _first_reason(assessment)


def _group(reason: str, members: list[Assessment]) -> Group:
    nearness = {one.id: (one.measurement is None, cost(one)) for one in members}
    ordered = tuple(sorted(members, key=lambda one: (*nearness[one.id], one.id)))
    distance = nearness[ordered[0].id]
    if distance[1] == math.inf:
        return Group(reason, ordered)
    told = "; ".join(plain(one.sentence) for one in obstacles(ordered[0]))
    unmeasured = " (unmeasured)" if ordered[0].measurement is None else ""
    return Group(reason, ordered, f"{name(ordered[0])}{unmeasured}, {told}", distance)


def failed_groups(decision: Decision) -> tuple[Group, ...]:
    """The failed by outcome."""
    return _by(decision.failed, lambda one: one.measurement.outcome.value if one.measurement else "failed")


def unavailable_groups(decision: Decision) -> tuple[Group, ...]:
    """The unavailable by reason, with the ways that it concerns."""
    made = []
    for group in _by(decision.unavailable, _first_reason):
        ways = ", ".join(sorted({way(one) for one in group.members}))
        told = group.reason if group.reason.startswith(ways) else f"{ways}: {group.reason}"
        made.append(Group(told, group.members))
    return tuple(made)


def undecided_groups(decision: Decision) -> tuple[Group, ...]:
    """The undecided by what is open first: a figure too near to its limit, or one that is missing."""
    return _by(decision.undecided, _open_question)


def _open_question(assessment: Assessment) -> str:
    for judgement in assessment.judgements.values():
        if judgement.open_ended:
            return f"too few samples to be sure of {condition(judgement.requirement)}"
        if judgement.verdict is Verdict.UNDECIDED and observed(judgement.result) is not None:
            return f"too near to {condition(judgement.requirement)} for the noise"
    return _first_reason(assessment)


def not_measured_groups(decision: Decision) -> tuple[Group, ...]:
    """Those that the search left out, by why."""
    return _by(decision.not_measured, lambda one: _why_not_measured(_first_reason(one)))


def _why_not_measured(reason: str) -> str:
    return "no measurement is stored" if reason == "not measured yet" else reason.removeprefix("not measured: ")


def _first_reason(assessment: Assessment) -> str:
    return plain(assessment.reasons[0]) if assessment.reasons else "not said"


def _by(assessments: Iterable[Assessment], reason: Callable[[Assessment], str]) -> tuple[Group, ...]:
    groups: dict[str, list[Assessment]] = {}
    for one in assessments:
        groups.setdefault(reason(one), []).append(one)
    made = (Group(key, tuple(sorted(members, key=lambda one: one.id))) for key, members in groups.items())
    return tuple(sorted(made, key=lambda group: (-len(group.members), group.reason)))


def counts(decision: Decision) -> dict[str, int]:
    """Candidates by status, in the order in which they matter; statuses without candidates are left out."""
    every = {
        "ranked": decision.ranked,
        "undecided": decision.undecided,
        "rejected": decision.rejected,
        "failed": decision.failed,
        "unavailable": decision.unavailable,
        "not measured": decision.not_measured,
    }
    return {status: len(members) for status, members in every.items() if members}


def breadth(decision: Decision) -> str:
    """How much was considered: "18 models × 12 ways = 216 candidates"."""
    candidates = [planned.candidate for planned in decision.evidence.plan.considered]
    models = len({candidate.model for candidate in candidates})
    ways = len({candidate.optimization for candidate in candidates})
    product = "=" if models * ways == len(candidates) else "→"
    return f"{count(models, 'model')} × {count(ways, 'way')} {product} {count(len(candidates), 'candidate')}"


def count(number: int, noun: str, several: str = "") -> str:
    """A number of things: "1 model", "1,200 models", "2 queries"."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def commands(decision: Decision, context: Context) -> tuple[str, ...]:
    """The next commands worth typing: measure where nothing is, why the nearest other lost, the record to hand on."""
    other = _worth_explaining(decision)
    run = decision.evidence.run_id
    asked = [context.profile or run or decision.profile.name]
    if context.profile or not run:
        asked += [*option("--device", context.device), *option("--environment", context.environment)]
    store = option("--store", context.store)
    reported = [run] if run else asked
    return (
        *([] if any(one.measurement for one in decision.assessments) else [evaluating(decision, context)]),
        *([] if other is None else [command("explain", asked[0], other.id, *asked[1:], *store)]),
        command("report", *reported, "--format", "md", *store),
        command("dashboard", *store),
    )


def evaluating(decision: Decision, context: Context, *, force: bool = False) -> str:
    """The command that measures; PROFILE stands in it for a profile whose file is not known.

    Args:
        decision: What was asked.
        context: The call.
        force: Whether it measures again what is stored.
    """
    device = context.device or ("" if context.profile else decision.profile.device.target)
    return command(
        *("evaluate", context.profile or "PROFILE", *(("--force",) if force else ()), *option("--device", device)),
        *(*context.measuring, *option("--store", context.store)),
    )


def command(*words: str) -> str:
    """A call of the command line, quoted for the shell, on one line."""
    return " ".join(("selector", *(shlex.quote(plain(word)) for word in words)))


def option(name: str, value: str) -> tuple[str, ...]:
    """An option and its value as words; nothing without a value."""
    return (name, value) if value else ()


def _worth_explaining(decision: Decision) -> Assessment | None:
    if len(decision.ranked) > 1:
        return decision.ranked[1]
    if decision.nearest_misses:
        return decision.nearest_misses[0].assessment
    return next((one for group in (decision.undecided, decision.failed, decision.rejected) for one in group), None)


def most_common(words: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Distinct words with their counts, most frequent first, then by alphabet."""
    return tuple(sorted(Counter(words).items(), key=lambda pair: (-pair[1], pair[0])))
