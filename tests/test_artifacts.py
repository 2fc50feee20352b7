"""The artifact cache: keyed by content, never half-written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.artifacts import ArtifactCache, cache_folder

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def cache(tmp_path):
    return ArtifactCache(tmp_path / "cache")


def _files(cache: ArtifactCache) -> list[str]:
    return sorted(path.name for path in cache.folder.rglob("*") if path.is_file())


def test_the_folder_is_configured_or_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("SELECTOR_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    assert ArtifactCache().folder == tmp_path / "mine"
    monkeypatch.delenv("SELECTOR_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "selector"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "selector"


def test_nothing_is_made_before_it_is_written(cache):
    assert cache.read_json(cache.path("builds", 1, ".json")) is None
    assert not cache.folder.exists()


def test_a_path_is_named_by_kind_content_and_suffix(cache):
    path = cache.path("onnx", {"a": 1, "b": [2]}, ".onnx")
    assert path == cache.path("onnx", {"b": [2], "a": 1}, ".onnx")
    assert path.parent == cache.folder / "onnx"
    others = (
        cache.path("onnx", {"a": 1, "b": [3]}, ".onnx"),
        cache.path("weights", {"a": 1, "b": [2]}, ".onnx"),
        cache.path("onnx", {"a": 1, "b": [2]}, ".json"),
    )
    assert len({path, *others}) == 4


@given(value=plain)
def test_plain_data_come_back(tmp_path_factory, value):
    cache = ArtifactCache(tmp_path_factory.getbasetemp() / "round-trip")
    path = cache.path("values", value, ".json")
    cache.write_json(path, value)
    assert cache.read_json(path) == value


def test_a_file_gets_its_name_when_it_is_whole(cache):
    path = cache.path("onnx", "graph", ".onnx")
    with cache.writing(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == path.parent, "a rename across file systems would copy"
        assert temporary.suffix == ".onnx", "exporters and numpy look at the suffix"
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert _files(cache) == [path.name]


def test_a_failed_writing_leaves_what_was_there(cache):
    path = cache.path("onnx", "graph", ".onnx")
    with cache.writing(path) as temporary:
        temporary.write_text("old")

    def fail() -> None:
        with cache.writing(path) as temporary:
            temporary.write_text("new, but wrong")
            raise RuntimeError("exporter failed")

    with pytest.raises(RuntimeError, match="exporter failed"):
        fail()
    assert path.read_text() == "old"
    assert _files(cache) == [path.name]


def test_a_writer_that_wrote_nothing_is_an_error(cache):
    path = cache.path("onnx", "graph", ".onnx")
    with pytest.raises(FileNotFoundError), cache.writing(path):
        pass
    assert _files(cache) == []


def test_the_bytes_are_on_the_disk_before_the_name(cache, monkeypatch):
    path = cache.path("onnx", "graph", ".onnx")
    synced: list[tuple[bytes, bool]] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append((os.pread(file, 100, 0), path.exists())))
    with cache.writing(path) as temporary:
        temporary.write_text("whole")
    assert synced == [(b"whole", False)]


def test_a_killed_process_leaves_nothing_that_could_be_read(cache):
    path = cache.path("values", "key", ".json")
    program = """
import sys, time
from pathlib import Path
from selector.artifacts import ArtifactCache
path = Path(sys.argv[1])
with ArtifactCache(path.parent).writing(path) as temporary:
    temporary.write_text('{"half": ')
    print("written", flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    assert not path.exists()
    assert cache.read_json(path) is None
    cache.write_json(path, {"whole": True})
    assert cache.read_json(path) == {"whole": True}


def test_two_writers_do_not_spoil_each_others_file(cache):
    path = cache.path("values", "key", ".json")
    both_writing = threading.Barrier(2)

    def write(letter: str) -> None:
        with cache.writing(path) as temporary:
            with temporary.open("w") as file:
                file.write('["')
                file.flush()
                both_writing.wait(60)
                file.write(letter * 1000 + '"]')
            both_writing.wait(60)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert json.loads(path.read_text()) in (["a" * 1000], ["b" * 1000])
    assert _files(cache) == [path.name]


def test_relative_folders_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache = ArtifactCache(Path("relative"))
    cache.write_json(cache.path("a", 1, ".json"), [1])
    assert len(list((tmp_path / "relative" / "a").iterdir())) == 1
