"""The artifact cache: keyed by content, never half-written."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.artifacts import DEFAULT_LIMIT, ArtifactCache, cache_folder, cache_limit
from selector.errors import DiskFullError, UsageError

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


# --- bounded


def _fill(cache: ArtifactCache, kind: str, key: str, size: int, age: float) -> Path:
    """An artifact of two files, last used `age` seconds ago."""
    path = cache.path(kind, key, ".onnx")
    with cache.writing(path) as temporary:
        temporary.write_bytes(bytes(size - 2))
    record = path.with_suffix(".json")
    record.write_text("{}")
    for file in (path, record):
        os.utime(file, (time.time() - age,) * 2)
    return path


def test_artifacts_are_listed_longest_unused_first(cache):
    assert cache.artifacts() == []
    new, old = _fill(cache, "onnx", "new", 100, 10), _fill(cache, "weights", "old", 50, 1000)
    (cache.folder / "onnx" / ".being-written-x").write_text("half")
    listed = cache.artifacts()
    assert [(one.kind, one.key, one.bytes, len(one.files)) for one in listed] == [
        ("weights", old.stem, 50, 2),
        ("onnx", new.stem, 100, 2),
    ]
    cache.touch([old])
    assert [one.kind for one in cache.artifacts()] == ["onnx", "weights"]


def test_pruning_takes_the_longest_unused_until_it_fits(cache):
    paths = [_fill(cache, "onnx", str(index), 100, 1000 - index) for index in range(5)]
    assert cache.prune(max_size=500) == []
    removed = cache.prune(max_size=250)
    assert [one.key for one in removed] == [path.stem for path in paths[:3]]
    assert [path.exists() for path in paths] == [False, False, False, True, True]
    assert not paths[0].with_suffix(".json").exists()


def test_pruning_by_age_alone(cache):
    old, new = _fill(cache, "onnx", "old", 100, 1000), _fill(cache, "onnx", "new", 100, 10)
    assert [one.key for one in cache.prune(older_than=500)] == [old.stem]
    assert new.exists()


def test_what_a_living_run_has_used_stays(cache):
    compiled = cache.folder / "inductor" / "ab" / "kernel.so"
    compiled.parent.mkdir(parents=True)
    compiled.write_bytes(bytes(100))
    os.utime(compiled, (1, 1))
    used, unused = _fill(cache, "onnx", "used", 100, 1000), _fill(cache, "onnx", "unused", 100, 900)
    program = """
import sys, time
from pathlib import Path
from selector.artifacts import ArtifactCache
cache = ArtifactCache(Path(sys.argv[1]))
with cache.in_use():
    cache.touch([Path(sys.argv[2])])
    print("using", flush=True)
    time.sleep(600)
"""
    arguments = [sys.executable, "-c", program, str(cache.folder), str(used)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"using\n"
        assert [one.key for one in cache.prune(max_size=0)] == [unused.stem]
        assert used.exists()
        assert compiled.exists(), "which of its files a compiler uses cannot be told"
        process.send_signal(signal.SIGKILL)
    # A run that was killed holds nothing.
    assert {one.kind for one in cache.prune(max_size=0)} == {"onnx", "inductor"}
    assert not used.exists()
    assert not compiled.exists()
    assert list((cache.folder / ".leases").iterdir()) == []


def test_the_limit_is_configured(monkeypatch):
    monkeypatch.delenv("SELECTOR_CACHE_LIMIT", raising=False)
    assert cache_limit() == DEFAULT_LIMIT
    monkeypatch.setenv("SELECTOR_CACHE_LIMIT", "8 GiB")
    assert cache_limit() == 8 * 2**30
    monkeypatch.setenv("SELECTOR_CACHE_LIMIT", "much")
    with pytest.raises(UsageError):
        cache_limit()


@pytest.mark.parametrize("where", ["a file", "a file/below"])
def test_a_folder_that_cannot_be_had_is_told_before_anything_runs(tmp_path, where):
    (tmp_path / "a file").touch()
    with pytest.raises(UsageError, match=r"a file.* cannot be written to.*SELECTOR_CACHE"):
        ArtifactCache(tmp_path / where).in_use().__enter__()


def test_a_full_disk_is_no_fault_of_the_call(cache, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "touch", full)
    with pytest.raises(DiskFullError, match=r"no space left.*the same command again"):
        cache.in_use().__enter__()


@pytest.mark.parametrize("text", ["-1 GiB", "-1 B"])
def test_no_bound_is_below_zero(monkeypatch, text):
    monkeypatch.setenv("SELECTOR_CACHE_LIMIT", text)
    with pytest.raises(UsageError, match="SELECTOR_CACHE_LIMIT cannot be less than zero"):
        cache_limit()
