"""The decision record as PDF, set by typst: tagged for screen readers (PDF/UA-1), to print and to file.

typst brings the fonts of the running text and the charts; names in other scripts are shown where the machine has a
font for them, and where it has none their characters stand as code points, which the record says.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence, Set
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from selector.reports.argument import headrooms
from selector.reports.base import Context, report_format
from selector.reports.content import condition
from selector.reports.plates import PACKAGES, Plate, plates, vegalite_version
from selector.reports.record import Block, Bullets, Commands, Facts, Paragraph, Record, Section, decision_record

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision

_WIDTH = 690
"""Of a chart, in pixels; it is set as wide as the text."""
_HIGHEST = 340
"""Pixels of a chart with less to it than lines of text."""
_TIGHTEST = 0.75
"""Of a chart's height, at least, however high it is: the names beside its rows have to stay apart."""
_CONFIG = {
    "background": None,
    "font": "Libertinus Serif",
    "axis": {"labelFontSize": 12, "titleFontSize": 12},
    "legend": {"labelFontSize": 12},
    "text": {"fontSize": 12},
}
_UNSHOWN = re.compile(r'the text `"((?:[^"\\]|\\.)*)"` could not be displayed')
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}|\\(.)")
_PROBE = b"""#set document(title: "probe")
#set text(font: "Libertinus Serif")
#for one in json(bytes(sys.inputs.data)) { text(one); parbreak() }"""
"""A document of single characters, to learn which of them are not shown; charts do not tell."""


@report_format(
    "pdf",
    suffix=".pdf",
    media_type="application/pdf",
    description="The record to print and to file, with its figures",
    binary=True,
    packages=(*PACKAGES, ("typst", "report")),
)
def render_pdf(decision: Decision, context: Context) -> bytes:
    """The decision as a PDF file."""
    record = decision_record(decision, context)
    document = _document(record, decision.winner, plates(decision))
    template = (files("selector.reports") / "dress" / "report.typ").read_bytes()
    return _set(template, document, _unshown(_rare(document)), _moment(record))


def _set(template: bytes, document: dict[str, Any], unshown: Set[str], moment: int | None) -> bytes:
    """The document as PDF; characters that no font shows are replaced until typst finds no more of them."""
    import typst

    while True:
        told = {**_replaced(document, unshown), "dated": moment is not None}
        if unshown:
            told["facts"] = [*told["facts"], ["Fonts", _apology(unshown)]]
        try:
            return _compiled(template, _drawn(told), moment or 0)
        except typst.TypstError as error:
            more = _named(error) - unshown
            if not more:  # typst knows no way to keep the standard with this script, and names no character
                return _compiled(template, _drawn(told), moment or 0, standards=[])
            unshown = unshown | more


def _compiled(template: bytes, data: object, moment: int, standards: Sequence[Literal["ua-1"]] = ("ua-1",)) -> bytes:
    """What typst makes of a template and its data; tagged in any case, by a standard where one is asked for."""
    import typst

    inputs = {"data": json.dumps(data)}
    return typst.compile(template, format="pdf", sys_inputs=inputs, pdf_standards=list(standards), timestamp=moment)


def _apology(unshown: Set[str]) -> str:
    several = len(unshown) > 1
    return (
        f"no font here shows {len(unshown)} {'characters, which stand' if several else 'character, which stands'} as "
        f"{'code points' if several else 'code point'}"
    )


def _unshown(characters: list[str]) -> frozenset[str]:
    """Those of the characters that no font at hand shows."""
    import typst

    try:
        _compiled(_PROBE, characters, 0)
    except typst.TypstError as error:
        found = _named(error)
        if not found:
            raise
        return found
    return frozenset()


def _named(error: Any) -> frozenset[str]:
    """The characters that an error of typst says no font shows, as Rust writes them."""
    told = _UNSHOWN.findall(f"{error.message}\n{error.diagnostic}")
    return frozenset("".join(_ESCAPED.sub(_unescaped, text) for text in told)) - {" "}


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else found[2]


def _rare(document: object) -> list[str]:
    """The characters of a document beyond Latin letters, in order."""
    text = json.dumps(document, ensure_ascii=False)
    return sorted({character for character in text if ord(character) > 0x17F})


def _replaced(document: Any, unshown: Set[str]) -> Any:
    """The document with code points for characters that cannot be shown."""
    if isinstance(document, str):
        return "".join(f"[U+{ord(each):04X}]" if each in unshown else each for each in document)
    if isinstance(document, Mapping):
        return {key: _replaced(one, unshown) for key, one in document.items()}
    if isinstance(document, list | tuple):
        return [_replaced(one, unshown) for one in document]
    return document


def _moment(record: Record) -> int | None:
    """Midnight (UTC) of the record's day in Unix seconds, by which the file is dated; None where it has no day."""
    try:
        day = dt.date.fromisoformat(dict(record.facts)["Date"])
    except ValueError:
        return None
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())


def _document(record: Record, winner: Assessment | None, figures: tuple[Plate, ...]) -> dict[str, Any]:
    rooms = () if winner is None else headrooms(winner)
    return {
        "title": record.title,
        "run": f"Run: {dict(record.facts)['Run']}",
        "facts": [list(fact) for fact in record.facts],
        "verdict": record.verdict,
        "tiles": [{"asked": condition(one.requirement), "value": one.value, "room": one.room} for one in rooms],
        "sections": [_section(one, figures) for one in record.sections],
    }


def _section(section: Section, figures: tuple[Plate, ...]) -> dict[str, Any]:
    return {
        "title": section.title,
        "blocks": [_block(one) for one in section.blocks],
        "figures": [
            {"title": one.title, "caption": one.caption, "description": one.description, "spec": one.spec}
            for one in figures
            if one.section == section.key
        ],
        "parts": [_section(one, figures) for one in section.parts],
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Paragraph():
            return {"kind": "paragraph", "text": block.text, "strong": block.strong, "rest": block.rest}
        case Bullets():
            return {"kind": "bullets", "lines": block.lines}
        case Commands():
            return {"kind": "commands", "lines": block.lines}
        case Facts():
            return {"kind": "facts", "title": block.title, "rows": block.rows}
        case _:
            columns = block.table.columns
            widths = {"model": "wide", "way": "middle"}
            return {
                "kind": "ranking",
                "headings": [column.heading for column in columns],
                "numeric": [column.numeric for column in columns],
                "widths": [widths.get(column.key, "narrow") for column in columns],
                "rows": [[cell.text for cell in row] for row in block.table.rows],
            }


def _drawn(document: Any) -> Any:
    """The document with its charts as SVG."""
    if isinstance(document, Mapping):
        drawn = {key: _drawn(one) for key, one in document.items() if key != "spec"}
        return {**drawn, "svg": _svg(document["spec"])} if "spec" in document else drawn
    if isinstance(document, list | tuple):
        return [_drawn(one) for one in document]
    return document


def _svg(spec: dict[str, Any]) -> str:
    import vl_convert

    height = min(spec["height"], max(_HIGHEST, _TIGHTEST * spec["height"]))
    sized = {**spec, "width": _WIDTH, "height": height, "autosize": {"type": "fit-x", "contains": "padding"}}
    svg: str = vl_convert.vegalite_to_svg(sized, vl_version=vegalite_version(), config=_CONFIG, allowed_base_urls=[])
    return svg
