"""What the command line prints of a decision: the verdict, the best few, and what became of the rest.

`summarize` makes the lines and rows as data; `render_text` sets them as plain text, `print_rich` on a terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from selector.reports import argument, provenance
from selector.reports.base import Context
from selector.reports.content import (
    Cell,
    Column,
    Group,
    Table,
    breadth,
    commands,
    failed_groups,
    is_ceiling,
    limit,
    name,
    not_measured_groups,
    ranking_table,
    rejected_groups,
    shown_metrics,
    unavailable_groups,
    undecided_groups,
)
from selector.reports.text import plain, shorten
from selector.reports.values import label, metric_of, observed, scale_for

if TYPE_CHECKING:
    from rich.console import Console

    from selector.decision import Assessment, Decision
    from selector.metrics import MetricValue

ROWS = 10
"""Ranked candidates shown; `selector report` has all."""
NARROWEST = 60
"""Columns of the narrowest terminal that is laid out for."""
_REASONS = 3
_KEPT_COLUMNS = 5


@dataclass(frozen=True)
class Summary:
    """A decision as a terminal shows it; every text is one harmless line.

    Attributes:
        opening: What was asked, where, of how many.
        winner: The chosen candidate, "" without one.
        verdict: Lines below it: its figures, how sure it is; or why there is no choice.
        table: The best ranked; without any, the nearest misses.
        more: How many ranked candidates the table leaves out.
        rest: One line for each status that has candidates beside the ranked.
        relaxations: What to relax for the nearest misses, where there is no choice.
        notes: What has to be known to read this.
        next: Commands worth typing.
    """

    opening: str
    winner: str
    verdict: tuple[str, ...]
    table: Table
    more: int
    rest: tuple[str, ...]
    relaxations: tuple[str, ...]
    notes: tuple[str, ...]
    next: tuple[str, ...]


def summarize(decision: Decision, context: Context | None = None, rows: int = ROWS) -> Summary:
    """The lines and rows of a decision."""
    shown = decision.ranked[:rows] or tuple(miss.assessment for miss in decision.nearest_misses[:rows])
    environment = decision.evidence.plan.environment
    excluded = sum(one.stage == "static" for one in decision.rejected)
    unmeasured = f", {excluded:,} excluded unmeasured" if excluded else ""
    where = f"{plain(decision.profile.name)} on {provenance.device_name(environment)}"
    return Summary(
        opening=f"{where} · {breadth(decision)}{unmeasured}",
        winner="" if decision.winner is None else name(decision.winner),
        verdict=_verdict(decision),
        table=ranking_table(decision, shown),
        more=max(0, len(decision.ranked) - rows),
        rest=(*_rest(decision), *_log(decision, context or Context())),
        relaxations=_relaxations(decision),
        notes=tuple(plain(note) for note in decision.notes),
        next=commands(decision, context or Context()),
    )


def _verdict(decision: Decision) -> tuple[str, ...]:
    if decision.winner is None:
        return (plain(decision.headline), *_sure(decision))
    told = " ".join((*argument.claims(decision), *_sure(decision)))
    return (" · ".join(_figures(decision, decision.winner)), told)


def _figures(decision: Decision, winner: Assessment) -> Iterable[str]:
    asked = {one.key: one for one in decision.profile.requirements}
    for key in shown_metrics(decision.profile):
        figure = observed(winner.metrics.get(key))
        if figure is None:
            continue
        counted = figure.evidence == "measured" or metric_of(key).kind == "count"
        text = f"{label(key)} {_with_margin(key, figure)}{'' if counted else f' ({figure.evidence})'}"
        if key in asked:
            text += f" {'of' if is_ceiling(asked[key]) else 'of at least'} {limit(asked[key])}"
        yield text


def _with_margin(key: str, figure: MetricValue) -> str:
    scale = scale_for(key, [figure.value])
    return scale.with_margin(figure, unit=scale.unit)


def _sure(decision: Decision) -> tuple[str, ...]:
    missed = provenance.likeliest_missed(decision)
    told = (provenance.extent(decision), f"Likeliest missed: {missed}" if missed else "")
    return tuple(f"{one}." for one in told if one)


def _rest(decision: Decision) -> tuple[str, ...]:
    described: tuple[tuple[str, Sequence[Group], Callable[[Group], str]], ...] = (
        ("rejected", rejected_groups(decision), _plainly),
        ("undecided", undecided_groups(decision), _plainly),
        ("failed", failed_groups(decision), _failure),
        ("unavailable", unavailable_groups(decision), _plainly),
        ("not measured", not_measured_groups(decision), _plainly),
    )
    return tuple(_counted(status, groups, words) for status, groups, words in described if groups)


def _log(decision: Decision, context: Context) -> tuple[str, ...]:
    return (f"the log of every failure: {plain(context.log)}",) if decision.failed and context.log else ()


def _counted(status: str, groups: Sequence[Group], words: Callable[[Group], str]) -> str:
    total = sum(len(group.members) for group in groups)
    told = [words(group) for group in groups[:_REASONS]]
    if len(groups) > 1:
        told = [f"{len(group.members):,} {text}" for group, text in zip(groups, told, strict=False)]
    rest = sum(len(group.members) for group in groups[_REASONS:])
    line = f"{total:,} {status}: {', '.join(told)}{f', {rest:,} for other reasons' if rest else ''}"
    near = min(groups, key=lambda group: group.distance)
    return f"{line} (nearest: {near.nearest})" if near.nearest else line


def _failure(group: Group) -> str:
    first = group.members[0]
    message = plain(first.measurement.message) if first.measurement is not None else ""
    return f"{group.reason}, e.g. {name(first)}{f' ({message[:120]})' if message else ''}"


def _plainly(group: Group) -> str:
    return group.reason


def _relaxations(decision: Decision) -> tuple[str, ...]:
    if decision.winner is not None:
        return ()
    return tuple(f"for {name(miss.assessment)}: {plain(miss.relaxation)}" for miss in decision.nearest_misses[:3])


def fit(table: Table, width: int | None) -> Table:
    """The table in `width` columns of a terminal: long names cut in the middle, then the last columns left out."""
    if width is None:
        return table
    width = max(width, NARROWEST)
    for narrowest in (28, 20):
        table = _narrowed(table, width, narrowest)
        while _total(table) > width and len(table.columns) > _KEPT_COLUMNS:
            table = Table(table.columns[:-1], tuple(row[:-1] for row in table.rows))
    return _narrowed(table, width, 12)


def _narrowed(table: Table, width: int, narrowest: int) -> Table:
    for key in ("model", "way"):
        excess = _total(table) - width
        place = next((index for index, column in enumerate(table.columns) if column.key == key), None)
        if excess > 0 and place is not None:
            room = max(narrowest, _widths(table)[place] - excess)
            rows = tuple(
                (*row[:place], Cell(shorten(row[place].text, room)), *row[place + 1 :]) for row in table.rows
            )
            table = replace(table, rows=rows)
    return table


def _widths(table: Table) -> list[int]:
    return [
        max([_cells(column.heading), *(_cells(row[place].text) for row in table.rows)])
        for place, column in enumerate(table.columns)
    ]


def _total(table: Table) -> int:
    return sum(_widths(table)) + 2 * len(table.columns)


def _cells(text: str) -> int:
    """Terminal columns that a text takes."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _set(text: str, width: int, column: Column) -> str:
    blanks = " " * (width - _cells(text))
    return blanks + text if column.numeric else text + blanks


def table_lines(table: Table) -> list[str]:
    """A table as lines of plain text, headings first."""
    widths = _widths(table)
    rows = [[column.heading for column in table.columns], *([cell.text for cell in row] for row in table.rows)]
    return [
        "  ".join(
            _set(cell, width, column) for cell, width, column in zip(row, widths, table.columns, strict=True)
        ).rstrip()
        for row in rows
    ]


def render_text(decision: Decision, width: int | None = None, context: Context | None = None) -> str:
    """The summary as plain text, for pipes, logs and CI.

    Args:
        decision: What was decided.
        width: Columns to lay the table out for; None cuts nothing.
        context: What is known of the call.
    """
    summary = summarize(decision, context)
    blocks = [[summary.opening], [f"  {line}" for line in (summary.winner, *summary.verdict) if line]]
    if summary.table.rows:
        blocks.append([f"  {line}" for line in table_lines(fit(summary.table, width and width - 2))])
        if summary.more:
            blocks[-1].append(f"  … and {summary.more:,} more that meet every requirement")
    blocks.append([f"  {line}" for line in summary.rest])
    blocks.append([f"  {line}" for line in summary.relaxations])
    blocks.append([f"  note: {line}" for line in summary.notes])
    blocks.append([f"  {line}" for line in summary.next])
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def print_rich(decision: Decision, console: Console, context: Context | None = None) -> None:
    """Prints the summary on a rich console, in the width that it has. No text of others is read as markup."""
    from rich.padding import Padding
    from rich.text import Text

    summary = summarize(decision, context)

    def line(text: str, style: str = "", indent: int = 2) -> None:
        console.print(Padding(Text(text, style=style), (0, 0, 0, indent)))

    line(summary.opening, "bold", indent=0)
    console.print()
    if summary.winner:
        line(summary.winner, "bold green")
    for position, text in enumerate(summary.verdict):
        line(text, "" if summary.winner or position else "bold yellow")
    if summary.table.rows:
        console.print()
        _print_table(fit(summary.table, console.width - 2), console, chosen=bool(summary.winner))
    if summary.more:
        line(f"… and {summary.more:,} more that meet every requirement", "dim")
    for block, style in (
        (summary.rest, ""),
        (summary.relaxations, "yellow"),
        (_noted(summary), "dim"),
        (summary.next, "cyan"),
    ):
        if block:
            console.print()
        for text in block:
            line(text, style)


def _noted(summary: Summary) -> tuple[str, ...]:
    return tuple(f"note: {note}" for note in summary.notes)


def _print_table(table: Table, console: Console, chosen: bool) -> None:
    from rich.text import Text

    for position, text in enumerate(table_lines(table)):
        style = "bold" if position == 0 else "green" if position == 1 and chosen else ""
        console.print(Text(f"  {text}", style=style), no_wrap=True, crop=True, highlight=False)
