"""The decision record that Markdown, HTML and PDF write: MADR's shape (https://adr.github.io/madr/) as plain data.

Every sentence stands here once; the formats differ in dress only. Text is one line, made harmless by
`selector.reports.text.plain`, and not escaped for any format.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selector.decision.headline import none_feasible
from selector.quantities import format_quantity
from selector.reports import argument, provenance
from selector.reports.content import (
    Column,
    Group,
    Table,
    aim,
    breadth,
    commands,
    count,
    counts,
    failed_groups,
    most_common,
    name,
    not_measured_groups,
    ranking_table,
    rejected_groups,
    unavailable_groups,
    undecided_groups,
)
from selector.reports.grounds import grounds
from selector.reports.stages import stages_table
from selector.reports.text import plain
from selector.reports.values import show

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision
    from selector.reports.base import Context
    from selector.requirements import RequirementProfile

TOP = 15
"""Ranked candidates in the table; the JSON report has all."""
NAMED = 5
"""Candidates that a group of the same fate names."""


@dataclass(frozen=True)
class Paragraph:
    """Running text; `strong` stands out, between the other two."""

    text: str
    strong: str = ""
    rest: str = ""


@dataclass(frozen=True)
class Bullets:
    """A list without order; empty ones are not shown."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Commands:
    """Lines to type into a shell."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Ranking:
    """The table of candidates.

    Attributes:
        table: Its columns and rows.
        caption: What it shows, for those who do not see the heading above it.
    """

    table: Table
    caption: str


@dataclass(frozen=True)
class Facts:
    """Labels with what they name.

    Attributes:
        title: What stands above the second column.
        rows: In order.
    """

    title: str
    rows: tuple[tuple[str, str], ...]


Block = Paragraph | Bullets | Commands | Ranking | Facts


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it.

    Attributes:
        key: By which a format finds the section: "outcome".
        title: The heading.
        blocks: What stands below it, in order.
        parts: Sections one level deeper, after the blocks.
    """

    key: str
    title: str
    blocks: tuple[Block, ...]
    parts: tuple[Section, ...] = ()


@dataclass(frozen=True)
class Record:
    """A whole decision record.

    Attributes:
        title: Problem and choice.
        facts: Status, date and run.
        verdict: The headline.
        sections: In MADR's order; what has nothing to say is not among them.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    verdict: str
    sections: tuple[Section, ...]


def decision_record(decision: Decision, context: Context, top: int = TOP) -> Record:
    """The decision in MADR's shape.

    Args:
        decision: What was decided.
        context: The call.
        top: Ranked candidates in the table at most.
    """
    sections = (
        _context(decision),
        _drivers(decision.profile),
        _options(decision),
        _outcome(decision, context),
        _finalists(decision),
        _ranking(decision, top),
        _others(decision, context),
        _trust(decision, context),
    )
    choice = "no choice" if decision.winner is None else name(decision.winner)
    device = provenance.device_name(decision.evidence.plan.environment)
    return Record(
        plain(f"{decision.profile.name} on {device}: {choice}"),
        (
            ("Status", _status(decision)),
            ("Date", provenance.day(decision, context)),
            ("Run", plain(decision.evidence.run_id or "none, decided from stored evidence")),
        ),
        plain(decision.headline),
        tuple(one for one in sections if one is not None),
    )


def _status(decision: Decision) -> str:
    if decision.winner is None:
        return f"{none_feasible(decision.assessments).lower()}, nothing chosen"
    return "proposed, from measurements"


def _context(decision: Decision) -> Section:
    profile = decision.profile
    device = profile.device
    budget = [provenance.device_name(decision.evidence.plan.environment)]
    if device.count > 1:
        budget.append(f"{device.count} of them")
    if device.memory is not None:
        budget.append(f"at most {format_quantity(device.memory, 'memory')} of memory")
    asked = f"What is asked for: {provenance.workload(decision)}. It is to run on {', '.join(budget)}."
    wanted = f"Among the choices that meet every requirement: {aim(profile)}."
    told = (plain(one) for one in (profile.description, asked, wanted))
    return Section("context", "Context and Problem Statement", tuple(Paragraph(one) for one in told if one))


def _drivers(profile: RequirementProfile) -> Section:
    lines = [f"{one.key}: {one.text}" for one in profile.requirements]
    if profile.licenses:
        lines.append(f"license: {', '.join(profile.licenses)}")
    if profile.pretraining:
        lines.append(f"pretraining: {', '.join(profile.pretraining)}")
    if profile.candidates.max_parameters is not None:
        lines.append(f"max_parameters: {show('parameters', profile.candidates.max_parameters)}")
    none = Paragraph("No hard requirement, only the objective above.")
    return Section("drivers", "Decision Drivers", _bullets(lines) or (none,))


def _options(decision: Decision) -> Section:
    planned = decision.evidence.plan.considered
    families = most_common(plain(family) for family in {one.facts.name: one.facts.family for one in planned}.values())
    named = ", ".join(f"{family} {number}" for family, number in families)
    fates = ", ".join(f"{number:,} {status}" for status, number in counts(decision).items())
    told = [f"{breadth(decision)}: {fates}." if fates else f"{breadth(decision)}."]
    if named:
        told.append(f"Models by family: {named}.")
    return Section("options", "Considered Options", tuple(map(Paragraph, told)))


def _outcome(decision: Decision, context: Context) -> Section:
    chosen = Paragraph(f"No choice: {plain(decision.headline)}")
    if decision.winner is not None:
        chosen = Paragraph("Chosen: ", name(decision.winner), f", because {argument.because(decision)}.")
    good, bad = argument.consequences(decision)
    lines = [*(f"Good: {one}" for one in good), *(f"Bad: {one}" for one in bad)]
    parts = (
        _listed("consequences", "Consequences", lines),
        _listed("costs", "What it costs", argument.costs(decision)),
        _listed("changes", "What would change it", argument.changes(decision)),
        _misses(decision),
        _confirmation(decision, context),
    )
    return Section(
        "outcome",
        "Decision Outcome",
        (chosen, *_bullets(decision.notes)),
        tuple(part for part in parts if part is not None),
    )


def _listed(key: str, title: str, lines: Sequence[str]) -> Section | None:
    return Section(key, title, _bullets(lines)) if lines else None


def _confirmation(decision: Decision, context: Context) -> Section:
    told = "To measure everything again:"
    if not context.profile:
        told = (
            f"To measure everything again, with the file of the profile {plain(decision.profile.name)} for PROFILE:"
        )
    return Section(
        "confirmation", "Confirmation", (Paragraph(told), Commands((provenance.confirm(decision, context),)))
    )


def _misses(decision: Decision) -> Section | None:
    lines = [
        f"{name(miss.assessment)}: {'; '.join(one.sentence for one in miss.judgements)}. "
        f"To have it: {miss.relaxation}"
        for miss in decision.nearest_misses[:NAMED]
    ]
    return _listed("misses", "Nearest misses", lines)


def _finalists(decision: Decision) -> Section | None:
    """Pros and cons of the next two against the winner; the winner's own stand under the outcome."""
    if decision.winner is None or len(decision.ranked) < 2:
        return None
    parts = []
    for one in decision.ranked[1:3]:
        found = argument.differences(decision, one, decision.winner)
        words = {"better": "Good", "worse": "Bad", "same": "Neutral"}
        lines = [f"{words[each.effect]}: {each.text}" for each in found]
        parts.append(Section("finalist", f"{name(one)}, place {one.rank}", _bullets(lines)))
    against = Paragraph(f"Against {name(decision.winner)}.")
    return Section("finalists", "Pros and Cons of the Options", (against,), tuple(parts))


def _ranking(decision: Decision, top: int) -> Section | None:
    if not decision.ranked:
        return None
    shown = decision.ranked[:top]
    rest = len(decision.ranked) - len(shown)
    legend = ["± is how far the interval reaches, where a figure has one; both ends stand where its sides differ."]
    table = _with_chances(decision, shown)
    if any(sign in cell.text for row in table.rows for cell in row for sign in ("(≥", "(≤")):
        legend.append("≥ or ≤ is the only end that is known of an interval.")
    if any(one.tied_with for one in shown):
        legend.append("A place marked = is a tie: a preference, not proven better.")
    if rest:
        legend.append(f"{count(rest, 'more candidate')} {'is' if rest == 1 else 'are'} in the JSON report.")
    if len(decision.ranked) > 1:
        legend.append("The last column is the chance to be the best of those that meet every requirement.")
    ranked = Ranking(table, "Candidates that meet every requirement, best first")
    others = Ranking(grounds(decision), "What else the first models of the ranking can be chosen by")
    parts = (Section("grounds", "Other grounds", (others,)), *_stages(shown))
    return Section("ranking", "Ranking", (ranked, Paragraph(" ".join(legend))), parts)


def _stages(shown: Sequence[Assessment]) -> tuple[Section, ...]:
    """What the backbones of the ranking answer with; nothing for classifiers."""
    table = stages_table(shown)
    if not table.rows:
        return ()
    told = Paragraph("Channels come first, from fine to coarse; the stride is in pixels of the image.")
    return (Section("stages", "Maps of features", (Ranking(table, "The maps that a backbone answers with"), told)),)


def _with_chances(decision: Decision, shown: Sequence[Assessment]) -> Table:
    """The table of the ranking, with the chance of each to be the best where there is more than one."""
    table = ranking_table(decision, shown)
    if len(decision.ranked) < 2:
        return table
    cells = argument.chance_cells(decision, shown)
    rows = tuple((*row, cell) for row, cell in zip(table.rows, cells, strict=True))
    return Table((*table.columns, Column("chance", "best")), rows)


def _others(decision: Decision, context: Context) -> Section | None:
    sections = (
        ("Rejected", rejected_groups(decision)),
        ("Failed", failed_groups(decision)),
        ("Undecided", undecided_groups(decision)),
        ("Unavailable here", unavailable_groups(decision)),
        ("Not measured", not_measured_groups(decision)),
    )
    parts = []
    for title, groups in sections:
        if not groups:
            continue
        blocks: list[Block] = [*_bullets(map(_group, groups))]
        if title == "Failed" and context.log:
            blocks.append(Paragraph(plain(f"The log of every failure: {context.log}")))
        counted = f"{title}: {sum(len(group.members) for group in groups):,}"
        parts.append(Section("fate", counted, tuple(blocks)))
    return Section("others", "What was not chosen", (), tuple(parts)) if parts else None


def _group(group: Group) -> str:
    counted = f"{len(group.members):,} × {group.reason}"
    if group.nearest:
        return f"{counted}; nearest: {group.nearest}"
    if group.members[0].status == "unavailable":
        return counted
    named = ", ".join(name(one) for one in group.members[:NAMED])
    rest = len(group.members) - NAMED
    more = f" and {rest:,} more" if rest > 0 else ""
    return f"{counted}: {named}{more}{_message(group.members[0])}"


def _message(assessment: Assessment) -> str:
    measurement = assessment.measurement
    if assessment.status != "failed" or measurement is None or not measurement.message:
        return ""
    return f" ({plain(measurement.message[:300])})"


def _trust(decision: Decision, context: Context) -> Section:
    facts = Facts("What the figures stand on", tuple(provenance.trust(decision)))
    further = tuple(one for one in commands(decision, context) if not one.startswith("selector report "))
    return Section("trust", "More Information", (facts, Paragraph("To look further:"), Commands(further)))


def _bullets(lines: Iterable[str]) -> tuple[Bullets, ...]:
    shown = tuple(plain(line) for line in lines)
    return (Bullets(shown),) if shown else ()
