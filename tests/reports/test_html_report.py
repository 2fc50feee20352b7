"""The HTML report: self-contained, safe whatever it is about, and the record that the other formats have."""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support.evidence import make_evidence, make_measurement, make_planned, make_profile
from support.sample_decisions import HOSTILE, NAMES, sample_decision

from selector.decision import decide
from selector.reports import Context, render
from selector.reports.html_report import escape
from selector.reports.plates import plates
from selector.reports.record import Bullets, Commands, Facts, Paragraph, Ranking, Section, decision_record
from selector.reports.text import plain

CHROMIUM = Path("/usr/bin/chromium")
VOID = {"meta", "br", "wbr", "hr", "img", "link", "input"}
BREAKOUT = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)><!-- ]]> {{7*7}} <svg/onload=alert(1)>"


class Page(HTMLParser):
    """A page as a browser's parser takes it apart: elements with attributes, and the text in them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.comments: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@functools.cache
def html(name: str, context: Context | None = None) -> str:
    text = render(sample_decision(name), "html", context)
    assert isinstance(text, str)
    return text


def charts(page: Page) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(page.texts["script"][0])
    return loaded


def strings(section: Section) -> Iterator[str]:
    yield section.title
    for block in section.blocks:
        match block:
            case Paragraph():
                yield f"{block.text}{block.strong}{block.rest}"
            case Bullets() | Commands():
                yield from block.lines
            case Facts():
                yield from (word for row in block.rows for word in row)
            case Ranking():
                yield from (cell.text for row in block.table.rows for cell in row)
    for part in section.parts:
        yield from strings(part)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_well_formed_and_says_all_that_the_record_says(name: str) -> None:
    page = Page(html(name))
    record = decision_record(sample_decision(name), Context(), top=100)
    (body,) = page.texts["body"]
    said = " ".join(body.split())
    for told in (record.title, record.verdict, *(one for section in record.sections for one in strings(section))):
        assert " ".join(told.split()) in said
    assert page.texts["title"] == [record.title]
    assert dict(record.facts)["Run"] in page.texts["footer"][0]
    assert page.comments == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_loaded_and_nothing_of_others_may_run(name: str) -> None:
    page = Page(html(name))
    for _, attributes in page.elements:
        assert not {"src", "srcset", "action", "data", "background", "style"} & set(attributes)
        assert not [key for key in attributes if key.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")
    assert "@import" not in page.texts["style"][0]
    assert "url(" not in page.texts["style"][0]
    (policy,) = (one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src '")
    assert not re.search(r"https?:|\*|unsafe-eval|script-src[^;]*unsafe-inline|connect-src", policy)
    hashes = {
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in page.texts["script"][1:]
    }
    assert hashes == set(re.findall(r"'sha256-[^']+'", policy))
    assert page.all("script")[0]["type"] == "application/json"
    assert not any("$schema" in spec and "url" in json.dumps(spec["layer"]) for spec in charts(page).values())


@pytest.mark.parametrize(
    "text", [HOSTILE, BREAKOUT, "한국어 日本語 👩‍💻 עברית \u202eevil", "`${alert(1)}`", "\\u003cscript"]
)
def test_names_stay_text(text: str) -> None:
    calm, loud = (Page(_about(name)) for name in ("calm", text))
    assert [tag for tag, _ in calm.elements if tag != "wbr"] == [tag for tag, _ in loud.elements if tag != "wbr"]
    assert plain(text) in loud.texts["title"][0]
    assert plain(text) in loud.texts["h1"][0]
    assert "\u202e" not in loud.texts["body"][0]
    assert plain(text) in json.dumps(charts(loud), ensure_ascii=False).replace('\\"', '"').replace("\\\\", "\\")


def _about(name: str) -> str:
    rows = []
    for number in range(3):
        planned = make_planned(f"{name}{number}.a1_in1k", optimization=name if number else "eager", family=name)
        rows.append((planned, make_measurement(planned.candidate, p50=0.01 * (number + 1))))
    made = render(decide(make_profile({"latency_p95": "< 50 ms"}), make_evidence(rows, notes=[name])), "html")
    assert isinstance(made, str)
    return made


def test_whatever_is_escaped_is_one_text_again() -> None:
    for text in (HOSTILE, BREAKOUT, '"', "'", "&amp;", "a < b"):
        assert Page(f'<p title="{escape(text)}">{escape(text)}</p>').texts["p"] == [plain(text)]


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_read_without_seeing_it(name: str) -> None:
    page = Page(html(name))
    assert page.all("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(heading.get("scope") in ("row", "col") for heading in page.all("th"))
    figures = [one for one in page.all("div") if one.get("class") == "chart"]
    assert all(one["role"] == "img" and one["aria-label"] for one in figures)
    assert [one["id"] for one in figures] == [f"chart-{key}" for key in charts(page)]
    assert len(page.all("figcaption")) == len(figures)
    names = [one["id"] for _, one in page.elements if "id" in one]
    assert len(names) == len(set(names))
    assert all((one["href"] or "")[1:] in names for one in page.all("a"))


def test_figures_are_those_of_the_decision() -> None:
    decision = sample_decision("cloud")
    assert list(charts(Page(html("cloud")))) == [one.key for one in plates(decision)]
    assert charts(Page(html("no_candidates"))) == {}
    assert list(charts(Page(html("no_choice")))) == ["front"]


def test_the_table_sorts_by_figures_and_not_by_words() -> None:
    page = Page(html("cloud"))
    cells = [one for one in page.all("td") if "data-value" in one]
    assert len(cells) > 46
    assert all(float(one["data-value"] or "") >= 0 for one in cells)
    assert [one for one in page.all("tr") if one.get("class") == "choice"]


def test_the_call_is_in_it() -> None:
    context = Context(profile="my <b>profile</b>.yaml", store="sqlite:///a&b.db", log="run.log")
    page = Page(html("cloud", context))
    assert any("'my <b>profile</b>.yaml'" in text for text in page.texts["code"])
    assert "b" not in {tag for tag, attributes in page.elements if attributes == {} and tag == "i"}
    assert "The log of every failure: run.log" in page.texts["body"][0]


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no chromium here")
def test_a_browser_draws_it_without_network(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    path = tmp_path / "decision.html"
    path.write_text(html("cloud"), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page(color_scheme="dark")
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("#chart-spreads svg.marks")
        assert page.locator(".chart svg.marks").count() == len(plates(sample_decision("cloud")))
        places = page.locator(".ranking tbody tr td:first-child")
        assert places.first.inner_text() == "1="
        page.locator(".ranking th button").first.click()
        page.locator(".ranking th button").first.click()
        assert places.first.inner_text() == "46"
        assert page.locator(".ranking th[aria-sort=descending]").count() == 1
        browser.close()
    assert said == []
    assert asked == [path.as_uri()]
