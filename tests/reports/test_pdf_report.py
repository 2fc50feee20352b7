"""The PDF report: the record on paper, tagged, with the run on every page and hostile names as text."""

from __future__ import annotations

import functools
import io
import json
import re
from importlib.resources import files

import pypdf
import pytest
from support.evidence import make_evidence, make_measurement, make_planned, make_profile
from support.sample_decisions import HOSTILE, NAMES, sample_decision

from selector.decision import decide
from selector.reports import Context, render
from selector.reports.pdf_report import _compiled, _named, _rare, _replaced, _unshown
from selector.reports.plates import plates
from selector.reports.record import decision_record
from selector.reports.text import plain


def opened(made: str | bytes) -> pypdf.PdfReader:
    assert isinstance(made, bytes)
    return pypdf.PdfReader(io.BytesIO(made))


@functools.cache
def sample(name: str) -> bytes:
    """The sample decision's report; setting one takes up to a second or two."""
    made = render(sample_decision(name), "pdf")
    assert isinstance(made, bytes)
    return made


def squeezed(text: str) -> str:
    """Without blanks and line breaks, which setting adds, and ligatures taken apart."""
    return re.sub(r"\s", "", text.replace("ﬁ", "fi").replace("ﬂ", "fl").replace("ﬀ", "ff").replace("ﬃ", "ffi"))


def text_of(reader: pypdf.PdfReader) -> str:
    return squeezed("".join(page.extract_text() for page in reader.pages))


@pytest.mark.parametrize("name", NAMES)
def test_every_page_names_the_run_and_its_number(name: str) -> None:
    decision = sample_decision(name)
    reader = opened(sample(name))
    run = squeezed(f"Run: {plain(decision.evidence.run_id or 'none, decided from stored evidence')}")[:40]
    for number, page in enumerate(reader.pages, start=1):
        shown = squeezed(page.extract_text())
        assert run in shown
        assert f"page{number}of{len(reader.pages)}" in shown


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_the_record_says(name: str) -> None:
    decision = sample_decision(name)
    record = decision_record(decision, Context())
    reader = opened(sample(name))
    shown = text_of(reader)
    for told in (record.title, record.verdict, *(section.title for section in record.sections)):
        assert squeezed(told) in shown
    assert reader.metadata is not None
    assert reader.metadata.title == record.title


def test_it_is_tagged_and_says_its_language() -> None:
    root = opened(sample("cloud")).trailer["/Root"]
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert "pdfuaid" in root["/Metadata"].get_data().decode()


def test_every_figure_has_a_description() -> None:
    decision = sample_decision("cloud")
    assert {one.description for one in plates(decision)} <= _alternatives(opened(sample("cloud")))


def _alternatives(reader: pypdf.PdfReader) -> set[str]:
    """The alternative texts in the tree of tags."""
    found: set[str] = set()
    waiting = [reader.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop().get_object()
        if isinstance(node, list):
            waiting += [one for one in node if hasattr(one, "get_object")]
        elif hasattr(node, "get"):
            if "/Alt" in node:
                found.add(str(node["/Alt"]))
            if "/K" in node:
                waiting.append(node["/K"])
    return found


def test_it_is_dated_by_the_run_and_not_by_the_clock() -> None:
    metadata = opened(sample("cloud")).metadata
    assert metadata is not None
    assert metadata["/CreationDate"].startswith("D:20261123000000")
    undated = opened(sample("no_candidates")).metadata
    assert undated is not None


@pytest.mark.parametrize("text", [HOSTILE, '#read("/etc/passwd") $x$ *b* <l> @ref `r` \\u{41} #{1/0} "', "a" * 400])
def test_names_stay_text(text: str) -> None:
    planned = make_planned(f"{text}.a1_in1k", family=text)
    evidence = make_evidence([(planned, make_measurement(planned.candidate))], notes=[text])
    reader = opened(render(decide(make_profile({"latency_p95": "< 50 ms"}), evidence), "pdf"))
    assert squeezed(plain(text)) in text_of(reader)


def test_what_no_font_shows_stands_as_its_code_point_and_is_said() -> None:
    rare = [chr(first) for first in (0x13000, 0x10A00, 0x1BC00, 0x16800, 0x11D00)]  # scripts that few machines have
    unshown = _unshown(rare)
    if not unshown:
        pytest.skip("this machine has fonts for everything that was tried")
    (missing, *_) = sorted(unshown)
    planned = make_planned(f"net{missing}.a1_in1k")
    evidence = make_evidence([(planned, make_measurement(planned.candidate))])
    shown = text_of(opened(render(decide(make_profile({"latency_p95": "< 50 ms"}), evidence), "pdf")))
    assert f"net[U+{ord(missing):04X}].a1_in1k" in shown
    assert missing not in shown
    assert "nofonthereshows1character,whichstandsascodepoint" in shown
    assert "nofonthere" not in text_of(opened(sample("cloud")))


@pytest.mark.parametrize("text", ["한국어 日本語 中文", "עברית العربية", "emoji👩\u200d💻😀", "देवनागरी ไทย"])
def test_any_script_gives_a_report(text: str) -> None:
    planned = make_planned(f"{text}.a1_in1k", family=text)
    evidence = make_evidence([(planned, make_measurement(planned.candidate))], notes=[text])
    decision = decide(make_profile({"latency_p95": "< 50 ms"}, description=text), evidence)
    made = render(decision, "pdf")
    assert made == render(decision, "pdf")
    reader = opened(made)
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert "isthechoice" in text_of(reader)


def test_replacing_reaches_every_text() -> None:
    document = {"a": ["x한y", ("한", 1)], "b": None}
    assert _replaced(document, {"한"}) == {"a": ["x[U+D55C]y", ["[U+D55C]", 1]], "b": None}
    assert _rare(document) == ["한"]
    assert json.dumps(_replaced(document, frozenset())) == json.dumps({"a": ["x한y", ["한", 1]], "b": None})


class Refusal:
    message = 'PDF/UA-1 error: the text `"\\u{f0000}"` could not be displayed with font `"Libertinus Serif"`'
    diagnostic = f'error: {message}\n\nerror: PDF/UA-1 error: the text `"\\"\ud55c"` could not be displayed with font'


def test_typst_names_what_it_cannot_show() -> None:
    assert _named(Refusal()) == {"\U000f0000", '"', "한"}


def test_no_figure_stands_between_a_sentence_and_its_command() -> None:
    """Wherever the page ends: filled with one to many lines before it."""
    template = (files("selector.reports") / "dress" / "report.typ").read_bytes()
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="300"><rect width="9" height="9"/></svg>'
    figure = {"title": "FLOATS", "caption": "what it shows", "description": "a chart", "svg": svg}
    paragraph = {"kind": "paragraph", "text": "This checks it again:", "strong": "", "rest": ""}
    command = {"kind": "commands", "lines": ["selector check PROFILE"]}
    empty: dict[str, list[object]] = {"figures": [], "parts": []}
    between = []
    for lines in range(26, 40):
        filler = {"kind": "bullets", "lines": [f"line {number}" for number in range(lines)]}
        confirmation = {"title": "Confirmation", "blocks": [paragraph, command], **empty}
        section = {"title": "Outcome", "blocks": [filler], "figures": [figure], "parts": [confirmation]}
        head = {"title": "T", "run": "R", "facts": [], "verdict": "V", "tiles": [], "dated": False}
        shown = text_of(opened(_compiled(template, {**head, "sections": [section]}, 0)))
        between.append(shown.partition("Thischecksitagain:")[2].partition("selectorcheck")[0])
    assert between == [""] * len(between)
