"""The decision as a record in MADR's shape (https://adr.github.io/madr/), to keep beside the code it decides for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from selector.decision.headline import none_feasible
from selector.quantities import format_quantity
from selector.reports import argument, provenance
from selector.reports.base import Context, report_format
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
from selector.reports.grounds import HEADING, NUMERIC, grounds
from selector.reports.text import plain
from selector.reports.values import show

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision
    from selector.requirements import RequirementProfile

TOP = 15
"""Ranked candidates in the table; the JSON report has all."""
NAMED = 5
"""Candidates that a group of the same fate names."""

_ALWAYS = re.compile(r"[\\`*\[\]|~$#]|<(?![\s=\d])|&(?!\s)|(?<![^\W_])_|_(?![^\W_])")
_AT_START = re.compile(r"^(?:[-+=>]|\d+(?=[.)](?:\s|$)))")
_LINKED = re.compile(r"(?<![^\W_])@(?=\w)|@(?=[\w-]+\.\w)|#(?=\d)|:(?=[\w+-]+:)|:(?=//)|www(?=\.)", re.IGNORECASE)
_WORD_JOINER = "\u2060"


def escape(text: object) -> str:
    r"""Any text as Markdown that shows just that text: in a paragraph, a heading, a list or a table cell.

    What has a meaning in CommonMark, in GitHub's tables, strike-through and formulas is escaped by a backslash; what
    forges make links of afterwards (addresses, @mentions, #references, :emoji:) is parted by a word joiner, which
    cannot be seen.
    """
    line = _ALWAYS.sub(r"\\\g<0>", _LINKED.sub(rf"\g<0>{_WORD_JOINER}", plain(text)))
    return _AT_START.sub(lambda start: f"{start[0]}\\" if start[0].isdigit() else f"\\{start[0]}", line)


@report_format(
    "md",
    suffix=".md",
    media_type="text/markdown",
    description="A decision record in MADR's shape, to read and to keep",
)
def render_markdown(decision: Decision, context: Context) -> str:
    """The decision as GitHub-flavoured Markdown."""
    parts = [
        _head(decision, context),
        _context(decision),
        _drivers(decision.profile),
        _options(decision),
        _outcome(decision, context),
        _finalists(decision),
        _ranking(decision),
        _others(decision, context),
        _trust(decision, context),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(decision: Decision, context: Context) -> str:
    choice = "no choice" if decision.winner is None else name(decision.winner)
    status = (
        f"{none_feasible(decision.assessments).lower()}, nothing chosen"
        if decision.winner is None
        else "proposed, from measurements"
    )
    device = provenance.device_name(decision.evidence.plan.environment)
    return "\n".join(
        (
            f"# {escape(f'{decision.profile.name} on {device}: {choice}')}",
            "",
            f"* Status: {status}",
            f"* Date: {provenance.day(decision, context)}",
            f"* Run: {escape(decision.evidence.run_id or 'none, decided from stored evidence')}",
            "",
            f"**{escape(decision.headline)}**",
        )
    )


def _context(decision: Decision) -> str:
    profile = decision.profile
    device = profile.device
    budget = [provenance.device_name(decision.evidence.plan.environment)]
    if device.count > 1:
        budget.append(f"{device.count} of them")
    if device.memory is not None:
        budget.append(f"at most {format_quantity(device.memory, 'memory')} of memory")
    asked = f"What is asked for: {provenance.workload(decision)}. It is to run on {', '.join(budget)}."
    wanted = f"Among the choices that meet every requirement: {aim(profile)}."
    return _section("Context and Problem Statement", escape(profile.description), escape(asked), escape(wanted))


def _drivers(profile: RequirementProfile) -> str:
    lines = [f"{one.key}: {one.text}" for one in profile.requirements]
    if profile.licenses:
        lines.append(f"license: {', '.join(profile.licenses)}")
    if profile.pretraining:
        lines.append(f"pretraining: {', '.join(profile.pretraining)}")
    if profile.candidates.max_parameters is not None:
        lines.append(f"max_parameters: {show('parameters', profile.candidates.max_parameters)}")
    return _section(
        "Decision Drivers", _bullets(map(escape, lines)) or "No hard requirement, only the objective above."
    )


def _options(decision: Decision) -> str:
    planned = decision.evidence.plan.considered
    families = most_common(plain(family) for family in {one.facts.name: one.facts.family for one in planned}.values())
    named = ", ".join(f"{family} {number}" for family, number in families)
    fates = ", ".join(f"{number:,} {status}" for status, number in counts(decision).items())
    return _section(
        "Considered Options",
        escape(f"{breadth(decision)}: {fates}." if fates else f"{breadth(decision)}."),
        escape(f"Models by family: {named}.") if named else "",
    )


def _outcome(decision: Decision, context: Context) -> str:
    if decision.winner is None:
        chosen = f"No choice: {escape(decision.headline)}"
    else:
        chosen = f"Chosen: **{escape(name(decision.winner))}**, because {escape(argument.because(decision))}."
    good, bad = argument.consequences(decision)
    lines = [*(f"Good: {escape(one)}" for one in good), *(f"Bad: {escape(one)}" for one in bad)]
    notes = _bullets(escape(one) for one in decision.notes)
    return "\n\n".join(
        part
        for part in (
            _section("Decision Outcome", chosen, notes),
            _section("Consequences", _bullets(lines), level=3) if lines else "",
            _bulleted("What it costs", argument.costs(decision)),
            _bulleted("What would change it", argument.changes(decision)),
            _misses(decision),
            _section("Confirmation", *_confirmation(decision, context), level=3),
        )
        if part
    )


def _bulleted(title: str, lines: Sequence[str]) -> str:
    return _section(title, _bullets(escape(line) for line in lines), level=3) if lines else ""


def _confirmation(decision: Decision, context: Context) -> tuple[str, str]:
    told = "To measure everything again:"
    if not context.profile:
        told = f"To measure everything again, with the file of the profile {decision.profile.name} for PROFILE:"
    return escape(told), _code((provenance.confirm(decision, context),))


def _misses(decision: Decision) -> str:
    if not decision.nearest_misses:
        return ""
    lines = (
        f"{escape(name(miss.assessment))}: {escape('; '.join(one.sentence for one in miss.judgements))}. "
        f"To have it: {escape(miss.relaxation)}"
        for miss in decision.nearest_misses[:NAMED]
    )
    return _section("Nearest misses", _bullets(lines), level=3)


def _finalists(decision: Decision) -> str:
    """Pros and cons of the next two against the winner; the winner's own stand under the outcome."""
    if decision.winner is None or len(decision.ranked) < 2:
        return ""
    blocks = []
    for one in decision.ranked[1:3]:
        found = argument.differences(decision, one, decision.winner)
        words = {"better": "Good", "worse": "Bad", "same": "Neutral"}
        lines = [f"{words[each.effect]}: {escape(each.text)}" for each in found]
        blocks.append(_section(f"{escape(name(one))}, place {one.rank}", _bullets(lines), level=3))
    return _section("Pros and Cons of the Options", f"Against {escape(name(decision.winner))}.", *blocks)


def _ranking(decision: Decision) -> str:
    if not decision.ranked:
        return ""
    shown = decision.ranked[:TOP]
    rest = len(decision.ranked) - len(shown)
    legend = ["± is how far the interval reaches, where a figure has one; both ends stand where its sides differ."]
    if any(one.tied_with for one in shown):
        legend.append("A place marked = is a tie: a preference, not proven better.")
    if rest:
        legend.append(f"{count(rest, 'more candidate')} {'is' if rest == 1 else 'are'} in the JSON report.")
    return _section("Ranking", _table(ranking_table(decision, shown)), " ".join(legend), _grounds(decision))


def _grounds(decision: Decision) -> str:
    alignment = tuple("--:" if place >= NUMERIC else ":--" for place in range(len(HEADING)))
    rows = (tuple(escape(cell) for cell in row) for row in grounds(decision))
    return _section("Other grounds", _rows(HEADING, alignment, rows), level=3)


def _others(decision: Decision, context: Context) -> str:
    sections = (
        ("Rejected", rejected_groups(decision)),
        ("Failed", failed_groups(decision)),
        ("Undecided", undecided_groups(decision)),
        ("Unavailable here", unavailable_groups(decision)),
        ("Not measured", not_measured_groups(decision)),
    )
    blocks = [
        _section(
            f"{title}: {sum(len(group.members) for group in groups):,}",
            _bullets(map(_group, groups)),
            escape(f"The log of every failure: {context.log}") if title == "Failed" and context.log else "",
            level=3,
        )
        for title, groups in sections
        if groups
    ]
    return _section("What was not chosen", *blocks) if blocks else ""


def _group(group: Group) -> str:
    named = ", ".join(escape(name(one)) for one in group.members[:NAMED])
    rest = len(group.members) - NAMED
    more = f" and {rest:,} more" if rest > 0 else ""
    if group.nearest:
        return f"{len(group.members):,} × {escape(group.reason)}; nearest: {escape(group.nearest)}"
    if group.members[0].status == "unavailable":
        return f"{len(group.members):,} × {escape(group.reason)}"
    failure = _message(group.members[0])
    return f"{len(group.members):,} × {escape(group.reason)}: {named}{more}{failure}"


def _message(assessment: Assessment) -> str:
    measurement = assessment.measurement
    if assessment.status != "failed" or measurement is None or not measurement.message:
        return ""
    return f" ({escape(measurement.message[:300])})"


def _trust(decision: Decision, context: Context) -> str:
    facts = ((escape(fact), escape(text)) for fact, text in provenance.trust(decision))
    table = _rows(("", "What the figures stand on"), (":--", ":--"), facts)
    further = (one for one in commands(decision, context) if not one.startswith("selector report "))
    return _section("More Information", table, "To look further:", _code(further))


def _section(title: str, *parts: str, level: int = 2) -> str:
    return "\n\n".join((f"{'#' * level} {title}", *(part for part in parts if part)))


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)


def _code(lines: Iterable[str]) -> str:
    """A fenced block whose fence is longer than any in it."""
    body = "\n".join(lines)
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{body}\n{fence}"


def _table(table: Table) -> str:
    alignment = tuple("--:" if column.numeric else ":--" for column in table.columns)
    rows = (tuple(escape(cell.text) for cell in row) for row in table.rows)
    return _rows(tuple(_heading(column) for column in table.columns), alignment, rows)


def _heading(column: Column) -> str:
    return escape(column.heading)


def _rows(heading: Sequence[str], alignment: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def lines() -> Iterator[str]:
        for cells in (heading, alignment, *rows):
            yield f"| {' | '.join(cells)} |"

    return "\n".join(lines())
