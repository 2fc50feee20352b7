"""Reports word for word: whoever changes a sentence sees in review what becomes of it.

After a wanted change, `SELECTOR_UPDATE_GOLDEN=1 pytest tests/reports/test_report_golden.py` writes the files of
``tests/reports/golden`` anew; read their diff before committing it.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdf
import pytest
from support.sample_decisions import NAMES, sample_decision

from selector.reports import Context, render
from selector.reports.explanation import explain_text
from selector.reports.terminal import render_text

GOLDEN = Path(__file__).parent / "golden"
UPDATE = bool(os.environ.get("SELECTOR_UPDATE_GOLDEN"))
IN_JSON = ("nothing_measured", "no_requirements")
"""Of the others the JSON has thousands of figures with all their digits; `test_json_report` holds its shape."""
CONTEXT = Context(
    profile="profiles/my profile.yaml", device="cuda:1", store="sqlite:///gpu box.db", log="selector-logs/run.log"
)


def explanations(name: str) -> str:
    """One candidate of each status that the decision has; of the ranked also the second."""
    decision = sample_decision(name)
    groups = (
        decision.ranked[:2],
        *(
            members[:1]
            for members in (
                decision.undecided,
                [one for one in decision.rejected if one.stage == "measured"],
                [one for one in decision.rejected if one.stage == "static"],
                decision.failed,
                decision.unavailable,
                decision.not_measured,
            )
        ),
    )
    return "\n".join(explain_text(decision, one) for group in groups for one in group)


def page(name: str) -> str:
    """The HTML without what others wrote and without what other tests hold: programs, charts and styles."""
    text = str(render(sample_decision(name), "html", CONTEXT))
    text = re.sub(r"(<(script|style)\b[^>]*>).*?(</\2>)", r"\1…\3", text, flags=re.DOTALL)
    return re.sub(r"'sha256-[^']+'", "'sha256-…'", text)


def on_paper(name: str) -> str:
    """The text of the PDF, page by page."""
    report = render(sample_decision(name), "pdf", CONTEXT)
    assert isinstance(report, bytes)
    pages = (one.extract_text() for one in pypdf.PdfReader(io.BytesIO(report)).pages)
    return "\f\n".join("\n".join(line.rstrip() for line in text.splitlines()) + "\n" for text in pages)


def files() -> Iterator[tuple[str, Callable[[], str]]]:
    for name in NAMES:
        yield f"{name}.md", lambda name=name: render(sample_decision(name), "md", CONTEXT)
        yield f"{name}.txt", lambda name=name: render_text(sample_decision(name), 118, CONTEXT)
    for name in ("quickstart", "cloud", "no_choice"):
        yield f"{name}.explain.txt", lambda name=name: explanations(name)
    for name in IN_JSON:
        yield f"{name}.json", lambda name=name: render(sample_decision(name), "json", CONTEXT)
    for name in ("hostile", "no_requirements"):
        yield f"{name}.csv", lambda name=name: render(sample_decision(name), "csv", CONTEXT)
    for name in ("quickstart", "hostile"):
        yield f"{name}.html", lambda name=name: page(name)
    yield "quickstart.pdf.txt", lambda: on_paper("quickstart")
    yield "run.md", lambda: render(sample_decision("quickstart"), "md")


FILES = dict(files())


@pytest.mark.parametrize("file", FILES)
def test_word_for_word(file: str) -> None:
    path, text = GOLDEN / file, FILES[file]()
    if UPDATE:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
    assert path.is_file(), f"{path.name} is missing; SELECTOR_UPDATE_GOLDEN=1 writes it"
    assert text == path.read_bytes().decode(), "the wording has changed; SELECTOR_UPDATE_GOLDEN=1 takes it over"


def test_no_file_is_left_over() -> None:
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(FILES)
