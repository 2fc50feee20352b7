"""The decision record as Markdown, to keep beside the code it decides for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from selector.reports.base import Context, report_format
from selector.reports.record import Block, Bullets, Commands, Facts, Paragraph, Record, Section, decision_record
from selector.reports.text import plain

if TYPE_CHECKING:
    from selector.decision import Decision
    from selector.reports.content import Table

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
    record = decision_record(decision, context)
    return "\n\n".join((_head(record), *(_section(one) for one in record.sections))) + "\n"


def _head(record: Record) -> str:
    facts = (f"* {fact}: {escape(text)}" for fact, text in record.facts)
    return "\n".join((f"# {escape(record.title)}", "", *facts, "", f"**{escape(record.verdict)}**"))


def _section(section: Section, level: int = 2) -> str:
    title = f"{'#' * level} {escape(section.title)}"
    return "\n\n".join((title, *map(_block, section.blocks), *(_section(one, level + 1) for one in section.parts)))


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            strong = f"**{escape(block.strong)}**" if block.strong else ""
            return f"{_part(block.text)}{strong}{_part(block.rest)}"
        case Bullets():
            return "\n".join(f"* {escape(line)}" for line in block.lines)
        case Commands():
            return _code(block.lines)
        case Facts():
            rows = ((escape(fact), escape(text)) for fact, text in block.rows)
            return _rows(("", escape(block.title)), (":--", ":--"), rows)
        case _:
            return _table(block.table)


def _part(text: str) -> str:
    """As `escape`, of a part of a paragraph that keeps the blanks at its ends."""
    shown = escape(text)
    before, after = (" " if text[:1] == " " else ""), (" " if text[-1:] == " " else "")
    return f"{before}{shown}{after}" if shown else ""


def _code(lines: Iterable[str]) -> str:
    """A fenced block whose fence is longer than any in it."""
    body = "\n".join(lines)
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{body}\n{fence}"


def _table(table: Table) -> str:
    alignment = tuple("--:" if column.numeric else ":--" for column in table.columns)
    rows = (tuple(escape(cell.text) for cell in row) for row in table.rows)
    return _rows(tuple(escape(column.heading) for column in table.columns), alignment, rows)


def _rows(heading: Sequence[str], alignment: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def lines() -> Iterator[str]:
        for cells in (heading, alignment, *rows):
            yield f"| {' | '.join(cells)} |"

    return "\n".join(lines())
