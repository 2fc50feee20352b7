"""The server: warm before somebody comes, whatever the store is."""

from __future__ import annotations

import gc
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.pages import MAIN
from support.sample_store import fill

from selector.requirements import load_profile
from selector.store import Store

SERVER = MAIN.with_name("server.py")


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The garbage collector as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.fixture
def store(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'selector.db'}"
    with Store(url) as filled:
        fill(filled, load_profile("quickstart"), samples=100)
    return url


def _serve(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[list[str]]:
    """What Streamlit was called with."""
    from streamlit.web import cli

    called: list[list[str]] = []
    monkeypatch.setattr(cli, "main", lambda **_: called.append(list(sys.argv)))
    monkeypatch.setattr(sys, "argv", [str(SERVER), *arguments])
    runpy.run_path(str(SERVER), run_name="__main__")
    return called


def test_it_hands_everything_on_to_streamlit(monkeypatch: pytest.MonkeyPatch, store: str) -> None:
    arguments = ["--server.port", "8123", "--", "--store", store]
    assert _serve(monkeypatch, *arguments) == [["streamlit", "run", str(MAIN), *arguments]]


def test_what_the_first_page_decides_is_decided_once(monkeypatch: pytest.MonkeyPatch, store: str, page: Any) -> None:
    import selector.journey

    asked: list[str] = []
    decide_run = selector.journey.decide_run

    def counted(opened: Store, reference: str) -> Any:
        asked.append(opened.name)
        return decide_run(opened, reference)

    monkeypatch.setattr(selector.journey, "decide_run", counted)
    monkeypatch.setenv("SELECTOR_STORE", "sqlite:///elsewhere.db")
    _serve(monkeypatch, "--", "--store", store)
    assert len(asked) == 1
    assert page(store).header
    assert len(asked) == 1


@pytest.mark.parametrize("content", [None, b"not a database" * 100])
def test_a_store_that_cannot_be_read_does_not_keep_it_from_starting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "none.db"
    if content is not None:
        path.write_bytes(content)
    assert len(_serve(monkeypatch, "--", "--store", f"sqlite:///{path}")) == 1
