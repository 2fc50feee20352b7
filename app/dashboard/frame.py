"""What stands around every page: the store, the pick in the sidebar, the menu, and the address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import (
    address,
    candidate_page,
    catalog_page,
    compare_page,
    decision_page,
    help_pages,
    runs_page,
    sources,
)
from dashboard.view import View
from selector.errors import SelectorError, StoreError
from selector.store import Store


@dataclass(frozen=True)
class Page:
    """A page of the menu.

    Attributes:
        key: Its path in the address, and the name by which pages send people to it.
        title: In the menu.
        icon: Beside it.
        body: What is on it.
        needs_decision: Whether it shows nothing without something that was decided.
    """

    key: str
    title: str
    icon: str
    body: Callable[[View], None]
    needs_decision: bool = True


PAGES = (
    Page("decision", "Decision", ":material/target:", decision_page.page),
    Page("candidate", "Candidate", ":material/manage_search:", candidate_page.page),
    Page("compare", "Compare", ":material/compare_arrows:", compare_page.page),
    Page("runs", "Runs", ":material/history:", runs_page.page),
    Page("catalog", "Catalog", ":material/menu_book:", catalog_page.page, needs_decision=False),
)


def show() -> None:
    """The page that the address names."""
    _configure()
    address.take()
    entries = {
        page.key: st.Page(_body_of(page), title=page.title, icon=page.icon, url_path=page.key, default=place == 0)
        for place, page in enumerate(PAGES)
    }
    chosen = st.navigation(list(entries.values()), position="top")
    wanted = address.sent_to()
    if wanted in entries:
        st.switch_page(entries[wanted])
    chosen.run()


def _configure() -> None:
    """The tab's icon is a file: of icons by name, browsers fetch the picture from the network."""
    st.set_page_config(page_title="selector", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide")


def only(key: str) -> None:
    """One page alone, without the menu."""
    _configure()
    address.take()
    _body_of(next(page for page in PAGES if page.key == key))()


def _body_of(page: Page) -> Callable[[], None]:
    def body() -> None:
        _framed(page)

    body.__name__ = page.key
    return body


def _framed(page: Page) -> None:
    url = sources.store_url()
    try:
        store = Store(url, read_only=True)
    except StoreError as error:
        if page.needs_decision:
            help_pages.no_store(url, error)
        else:
            page.body(View(url=url, store=None, revision=0, source=None))
        return
    with store:
        view: dict[str, Any] = {"url": url, "store": store, "revision": store.revision()}
        try:
            source = sources.pick(store, url, view["revision"])
        except SelectorError as error:
            if page.needs_decision and page.key != "runs":
                help_pages.unreadable(error)
                return
            source = None
        if source is None and page.needs_decision and not sources.has_runs(url, view["revision"], store):
            help_pages.empty_store(url)
            return
        page.body(View(**view, source=source))
        address.write()
