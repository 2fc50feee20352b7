"""The dashboard in a browser, as a person uses it: one server and one Chromium for all."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.sample_store import fill

from selector.requirements import load_profile
from selector.store import Store

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DOCS = Path(__file__).parents[2] / "docs"
MILLISECONDS = 60_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium (Debian: apt-get install chromium)"),
    pytest.mark.skipif(not (DOCS / "make_screenshots.py").is_file(), reason="needs the repository"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard that is running."""
    sys.path.insert(0, str(DOCS))
    from make_screenshots import dashboard

    url = f"sqlite:///{tmp_path_factory.mktemp('browser') / 'selector.db'}"
    with Store(url) as store:
        fill(store, load_profile("quickstart"), samples=120)
    with dashboard(url) as address:
        yield address
    sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield found
        found.close()


@pytest.fixture
def tab(browser: Any, served: str) -> Iterator[Any]:
    """A tab on the first page, which asks nobody but the dashboard."""
    context = browser.new_context(viewport={"width": 1440, "height": 1400}, accept_downloads=True)
    context.set_default_timeout(MILLISECONDS)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.goto(served)
    page.wait_for_selector("h2")
    yield page
    own = served.split("//")[1]
    others = [url for url in asked if own not in url and not url.startswith(("data:", "blob:"))]
    context.close()
    assert others == [], "nothing is fetched from elsewhere"


def _settled(page: Any) -> None:
    page.wait_for_selector("[data-testid=stStatusWidget]", state="detached")


def test_it_opens_with_the_verdict(tab: Any) -> None:
    assert "convnext_atto.d2_in1k @ openvino-bf16" in tab.locator("h2").first.inner_text()
    _settled(tab)
    tab.wait_for_selector("text=the choice stays")
    tab.wait_for_selector("[data-testid=stVegaLiteChart] [aria-label]")
    assert "run=" in tab.url
    described = tab.locator("[data-testid=stVegaLiteChart] [aria-label]").first.get_attribute("aria-label")
    assert described


def test_a_moved_slider_changes_the_winner_and_the_address_carries_it(tab: Any, served: str, browser: Any) -> None:
    _settled(tab)
    before = tab.locator("h2").first.inner_text()
    thumb = tab.get_by_role("slider", name="p95").first
    thumb.focus()
    tab.keyboard.press("Home")  # the keyboard is enough to move it
    tab.wait_for_function("before => document.querySelector('h2').innerText !== before", arg=before)
    tab.wait_for_url("**limit.latency_p95=**")
    after = tab.locator("h2").first.inner_text()
    context = browser.new_context(viewport={"width": 1440, "height": 1400})
    second = context.new_page()
    second.goto(tab.url)
    second.wait_for_selector("h2", timeout=MILLISECONDS)
    second.wait_for_function("after => document.querySelector('h2').innerText === after", arg=after)
    assert second.url == tab.url
    context.close()


def test_the_pages_follow_the_menu_and_keep_what_was_moved(tab: Any) -> None:
    _settled(tab)
    number = tab.get_by_role("spinbutton", name="p95").first
    number.fill("2")
    number.press("Enter")
    tab.wait_for_url("**limit.latency_p95=2*")
    tab.get_by_role("link", name="Candidate").click()
    tab.wait_for_url("**/candidate?**")
    tab.wait_for_selector("text=Times of its queries")
    tab.wait_for_url("**limit.latency_p95=2*")
    tab.get_by_role("link", name="Compare").click()
    tab.wait_for_selector("text=Side by side")
    tab.get_by_role("link", name="Runs").click()
    tab.wait_for_selector("text=Show its decision")
    tab.get_by_role("link", name="Catalog").click()
    tab.wait_for_selector("text=Accuracy on")
    tab.get_by_role("link", name="Decision").click()
    tab.wait_for_selector("text=What must hold")
    tab.wait_for_url("**limit.latency_p95=2*")
    assert tab.get_by_role("spinbutton", name="p95").first.input_value().startswith("2")


def test_a_report_is_downloaded(tab: Any, tmp_path: Path) -> None:
    _settled(tab)
    for name, beginning in (("JSON", b"{"), ("HTML", b"<!DOCTYPE html>"), ("PDF", b"%PDF")):
        with tab.expect_download() as waited:
            tab.get_by_role("button", name=name, exact=True).click()
        path = tmp_path / name
        waited.value.save_as(path)
        assert path.read_bytes().startswith(beginning)
    assert json.loads((tmp_path / "JSON").read_text())["winner"]["id"].startswith("convnext_atto")
