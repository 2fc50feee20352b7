"""The decision record as one HTML file that works without network: charts to point at and zoom, a table to sort.

The libraries that draw are embedded once. A Content-Security-Policy lets run only what this module has written, by
its hash, and load nothing; text of others is escaped besides.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING

from selector.reports.argument import headrooms
from selector.reports.base import Context, report_format
from selector.reports.content import condition
from selector.reports.plates import PACKAGES, Plate, plates, vegalite_version, zoomed
from selector.reports.record import Block, Bullets, Commands, Facts, Paragraph, Record, Section, decision_record
from selector.reports.text import plain

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision
    from selector.reports.content import Cell, Column, Table

TOP = 100
"""Ranked candidates in the table, which can be sorted; the JSON report has all."""
_ENDING = re.compile(r"<(/script|!--)", re.IGNORECASE)
"""What would end a script element early, or change how its text is read."""
_SIGN = re.compile("[_@+]")
_ZOOMING = "Drag to move, turn the wheel with Ctrl held to zoom, double-click to go back."


@report_format(
    "html",
    suffix=".html",
    media_type="text/html",
    description="The record as one file for the browser, with charts, without network",
    packages=PACKAGES,
)
def render_html(decision: Decision, context: Context) -> str:
    """The decision as a self-contained HTML page."""
    record = decision_record(decision, context, TOP)
    figures = plates(decision)
    scripts = (*([_bundle()] if figures else []), *([_dress("report.js")] if figures or decision.ranked else []))
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            _head(record, scripts),
            "<body>",
            '<a class="skip" href="#content">To the content</a>',
            _top(record, decision.winner),
            '<main id="content">',
            *(_section(one, figures) for one in record.sections),
            "</main>",
            f"<footer>{escape(_run(record))}</footer>",
            f'<script type="application/json" id="charts">{_json(figures)}</script>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body>",
            "</html>\n",
        )
    )


def escape(text: object) -> str:
    """Any text as HTML that shows just that text, in an element or in a quoted attribute."""
    return html.escape(plain(text), quote=True)


@functools.cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that ends no script element by what it contains."""
    import vl_convert

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vegalite_version())
    return _ENDING.sub(r"<\\\g<1>", script)


def _dress(name: str) -> str:
    return (files("selector.reports") / "dress" / name).read_text(encoding="utf-8")


def _head(record: Record, scripts: Iterable[str]) -> str:
    allowed = " ".join(f"'sha256-{_hash(script)}'" for script in scripts) or "'none'"
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        (
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{escape(record.title)}</title>",
            f"<style>\n{_dress('report.css')}</style>",
            "</head>",
        )
    )


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _top(record: Record, winner: Assessment | None) -> str:
    facts = "".join(f"<div><dt>{escape(fact)}</dt><dd>{escape(text)}</dd></div>" for fact, text in record.facts)
    contents = "".join(f'<li><a href="#{one.key}">{escape(one.title)}</a></li>' for one in record.sections)
    return "\n".join(
        (
            "<header>",
            f"<h1>{escape(record.title)}</h1>",
            f'<dl class="facts">{facts}</dl>',
            f'<p class="verdict">{escape(record.verdict)}</p>',
            *([] if winner is None else _tiles(winner)),
            f'<nav aria-label="Contents"><ol>{contents}</ol></nav>',
            "</header>",
        )
    )


def _tiles(winner: Assessment) -> list[str]:
    """What the choice reaches of what is asked, to take in at a glance."""
    tiles = (
        f"<li><span>{escape(condition(room.requirement))}</span><b>{escape(room.value)}</b>"
        f"<span>{escape(room.room)}</span></li>"
        for room in headrooms(winner)
    )
    made = "".join(tiles)
    return [f'<ul class="tiles">{made}</ul>'] if made else []


def _run(record: Record) -> str:
    return ", ".join(f"{fact}: {text}" for fact, text in record.facts if fact in ("Run", "Date"))


def _section(section: Section, figures: tuple[Plate, ...], level: int = 2) -> str:
    anchor = f' id="{section.key}"' if level == 2 else ""
    return "\n".join(
        (
            f"<section{anchor}>",
            f"<h{level}>{escape(section.title)}</h{level}>",
            *map(_block, section.blocks),
            *(_figure(one) for one in figures if one.section == section.key),
            *(_section(one, figures, level + 1) for one in section.parts),
            "</section>",
        )
    )


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            strong = f"<strong>{escape(block.strong)}</strong>" if block.strong else ""
            return f"<p>{_part(block.text)}{strong}{_part(block.rest)}</p>"
        case Bullets():
            return f"<ul>\n{_lines(f'<li>{escape(line)}</li>' for line in block.lines)}\n</ul>"
        case Commands():
            return f"<pre><code>{_lines(map(escape, block.lines))}</code></pre>"
        case Facts():
            rows = (
                f'<tr><th scope="row">{escape(fact)}</th><td>{escape(text)}</td></tr>' for fact, text in block.rows
            )
            return _lines(
                (
                    f'<table class="plain">\n<caption>{escape(block.title)}</caption>\n<tbody>',
                    *rows,
                    "</tbody>\n</table>",
                )
            )
        case _:
            return _ranking(block.table, block.caption)


def _part(text: str) -> str:
    """A part of a paragraph, with the blanks at its ends."""
    before, after = (" " if text[:1] == " " else ""), (" " if text[-1:] == " " else "")
    return f"{before}{escape(text)}{after}"


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _ranking(table: Table, caption: str) -> str:
    headings = "".join(
        f'<th scope="col" aria-sort="none"{_numeric(column)}><button type="button">{escape(column.heading)}</button>'
        "</th>"
        for column in table.columns
    )
    rows = (_row(table.columns, row, first=place == 0) for place, row in enumerate(table.rows))
    return _lines(
        (
            f'<div class="wide" role="region" tabindex="0" aria-label="{escape(caption)}"><table class="ranking">',
            f"<caption>{escape(caption)}; a heading sorts by its column</caption>",
            f"<thead><tr>{headings}</tr></thead>\n<tbody>",
            *rows,
            "</tbody>\n</table></div>",
        )
    )


def _row(columns: tuple[Column, ...], row: tuple[Cell, ...], *, first: bool) -> str:
    cells = (_cell(column, cell) for column, cell in zip(columns, row, strict=True))
    marked = ' class="choice"' if first else ""
    return f"<tr{marked}>{''.join(cells)}</tr>"


def _cell(column: Column, cell: Cell) -> str:
    if column.key == "model":
        return f'<th scope="row">{_breakable(cell.text)}</th>'
    value = "" if cell.number is None else f' data-value="{cell.number!r}"'
    return f"<td{_numeric(column)}{value}>{_breakable(cell.text)}</td>"


def _breakable(text: str) -> str:
    """A name has no blank to break at; its lines may end after its signs."""
    return _SIGN.sub(r"\g<0><wbr>", escape(text))


def _numeric(column: Column) -> str:
    return ' class="number"' if column.numeric else ""


def _figure(plate: Plate) -> str:
    how = f"{plate.caption} {_ZOOMING}" if plate.zoom else plate.caption
    return _lines(
        (
            f'<figure id="figure-{plate.key}">',
            f"<figcaption><strong>{escape(plate.title)}</strong>{escape(how)}</figcaption>",
            f'<div class="chart" id="chart-{plate.key}" role="img" aria-label="{escape(plate.description)}">'
            "<noscript>This figure needs JavaScript; in words it stands below.</noscript></div>",
            f"<details><summary>The figure in words</summary><p>{escape(plate.description)}</p></details>",
            "</figure>",
        )
    )


def _json(figures: Iterable[Plate]) -> str:
    """The charts as JSON that no HTML parser sees an element in."""
    charts: Mapping[str, object] = {one.key: zoomed(one.spec, one.zoom) for one in figures}
    text = json.dumps(charts, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
