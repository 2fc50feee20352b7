"""selector cache: how much lies there, and making it less."""

from __future__ import annotations

import json
import os
import time

import pytest

from selector.artifacts import ArtifactCache
from selector.cli import run


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SELECTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SELECTOR_CACHE_LIMIT", raising=False)
    found = ArtifactCache()
    for age, key in ((3600, "old"), (60, "new")):
        path = found.path("onnx", key, ".onnx")
        with found.writing(path) as temporary:
            temporary.write_bytes(bytes(2**20))
        os.utime(path, (time.time() - age,) * 2)
    return found


def test_size_and_kinds(cache, capsys):
    assert run(["cache"]) == 0
    printed = capsys.readouterr().out
    assert f"{cache.folder}: 2 MiB of at most 20 GiB, 2 artifacts" in printed
    assert "onnx" in printed
    assert run(["cache", "--verbose"]) == 0
    assert cache.path("onnx", "old", ".onnx").stem in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--max-size", "1 MiB"], ["--older-than", "10 min"]])
def test_pruning(cache, capsys, arguments):
    assert run(["cache", "--prune", *arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["removed"] == {"artifacts": 1, "bytes": 2**20}
    assert told["bytes"] == 2**20
    assert [one["key"] for one in told["artifacts"]] == [cache.path("onnx", "new", ".onnx").stem]


def test_the_bound_is_that_of_the_variable(cache, capsys, monkeypatch):
    monkeypatch.setenv("SELECTOR_CACHE_LIMIT", "1 MiB")
    assert run(["cache", "--prune"]) == 0
    assert "removed 1 artifacts, 1 MiB" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--max-size", "1 GiB"], "add --prune"),
        (["--prune", "--max-size", "much"], "much"),
        (["--prune", "--max-size=-1 GiB"], "less than zero"),
        (["--prune", "--older-than=-1 h"], "less than zero"),
    ],
)
def test_a_wrong_call_removes_nothing(cache, capsys, arguments, told):
    assert run(["cache", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert len(cache.artifacts()) == 2
