"""What was never executed on hardware says so, at the top of its file, and names the tests that would do it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

from selector.optimizations import OPTIMIZATIONS
from selector.optimizations.pytorch import TorchWay

SAID = re.compile(r"ot executed on hardware by [\w' ]+: (?P<what>[^.]{15,})\. (?P<rest>.*)")
"""What was not executed is listed, and after it stands what would do it."""


def _files() -> dict[str, list[str]]:
    """Module to the ways for a GPU that it takes part in."""
    found: dict[str, list[str]] = {}
    for name, way in OPTIMIZATIONS:
        if "cuda" in way.runs_on:
            kinds = [type(way), *(type(part) for part in way.parts)] if isinstance(way, TorchWay) else [type(way)]
            for kind in kinds:
                found.setdefault(kind.__module__, []).append(name)
    return found


@pytest.mark.parametrize("module", sorted(_files()))
def test_a_file_that_runs_on_a_gpu_says_what_was_never_run_there(module):
    said = SAID.search(" ".join((inspect.getdoc(importlib.import_module(module)) or "").split()))
    assert said, "no list of what has not been executed"
    assert "pytest -m gpu" in said["rest"]


def test_so_do_the_files_behind_them():
    folder = Path(inspect.getfile(type(OPTIMIZATIONS.get("tensorrt")))).parent
    for path in sorted(folder.glob("tensorrt_*.py")):
        text = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
        assert SAID.search(text) or "not seen from a real engine by" in text
