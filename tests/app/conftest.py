"""Stores, and pages opened on them by Streamlit's own test harness."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest
from support.pages import ALONE, MAIN, SECONDS, Opens, checked
from support.sample_store import fill

from selector.decision import Decision
from selector.journey import decide_run
from selector.requirements import load_profile
from selector.store import Store


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with one finished run of the quickstart profile."""
    found = f"sqlite:///{tmp_path_factory.mktemp('store') / 'selector.db'}"
    with Store(found) as store:
        fill(store, load_profile("quickstart"), samples=120)
    return found


@pytest.fixture(scope="session")
def asked(url: str) -> Decision:
    """What the run of that store decided."""
    with Store(url, read_only=True) as store:
        return decide_run(store, "latest")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Opens:
    """Opens a page on a store: the whole dashboard, or one of its pages alone, with what the address says."""

    def open_on(store: str, key: str = "", **query: str) -> AppTest:
        monkeypatch.setenv("SELECTOR_STORE", store)
        monkeypatch.setattr("sys.argv", ["main.py"])
        found = (
            AppTest.from_string(ALONE.replace("KEY", key), default_timeout=SECONDS)
            if key
            else AppTest.from_file(str(MAIN), default_timeout=SECONDS)
        )
        for name, value in query.items():
            found.query_params[name.replace("__", ".")] = value
        return checked(found.run())

    return open_on
