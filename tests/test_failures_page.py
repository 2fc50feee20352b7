"""docs/failures.md is what the program says today."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.fixture(scope="module")
def made() -> ModuleType:
    specification = importlib.util.spec_from_file_location("make_failures", DOCS / "make_failures.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    path = list(sys.path)
    specification.loader.exec_module(module)
    sys.path[:] = path
    return module


def parts(page: str) -> tuple[str, str]:
    """What is refused, to the letter; and what runs, without figures: what takes how long depends on the machine."""
    refused, runs = page.split("\n## The run\n")
    runs = re.sub(r"\d[\d.,]* (µs|ms|s|min)\b( \d+ s\b)?", "# s", runs)
    runs = re.sub(r"# s left|almost done", "so much left", runs)
    return refused, re.sub(r"[ \n]+", " ", re.sub(r"\d[\d.,]*", "#", runs))


def test_the_page_is_what_is_seen_now(made: ModuleType) -> None:
    written = (DOCS / "failures.md").read_text(encoding="utf-8")
    assert parts(made.page()) == parts(written), "make the page again: python docs/make_failures.py"


def test_no_failure_shows_a_traceback_or_an_internal_error() -> None:
    page = (DOCS / "failures.md").read_text(encoding="utf-8")
    assert "Traceback" not in page
    assert "internal error:" not in page
    assert page.count("Exit code 2: ") >= 30
    for code in (1, 3, 4, 130):
        assert f"Exit code {code}: " in page


def test_each_named_outcome_of_the_simulated_device_is_there() -> None:
    page = (DOCS / "failures.md").read_text(encoding="utf-8")
    assert "timed_out: stopped after its limit of 2 s" in page
    assert "unavailable: openvino: the package openvino is not installed: pip install" in page
    for outcome in ("export_failed", "build_failed", "out_of_memory", "wrong_output", "fallback", "crashed"):
        assert outcome in page
