"""Every outcome of the contract arises from a real cause, in a real process on the real CPU, and is told apart."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support.photographs import make_photographs
from support.real_models import VIT, Workbench

from selector.artifacts import ArtifactCache
from selector.engines.local import LocalEngine
from selector.optimizations import OPTIMIZATIONS, all_libraries
from selector.types import Measurement, Outcome

pytestmark = pytest.mark.slow

ENDS: Mapping[str, tuple[Outcome, str, str]] = {
    "fails-python-memory": (Outcome.OUT_OF_MEMORY, "load", "not enough memory during load"),
    "fails-torch-memory": (Outcome.OUT_OF_MEMORY, "load", "not enough memory during load"),
    "fails-by-signal": (Outcome.CRASHED, "load", "killed by SIGSEGV during load"),
    "fails-in-time": (Outcome.TIMED_OUT, "build", "stopped after its limit of 5 s, during build"),
    "fails-to-answer": (Outcome.WRONG_OUTPUT, "agreement", "fp32"),
    "fails-export": (Outcome.EXPORT_FAILED, "build", "no exporter could write this model"),
    "fails-fallback": (Outcome.FALLBACK, "build", "asked for CUDAExecutionProvider"),
    "fails-compiler": (Outcome.BUILD_FAILED, "build", "/nonexistent/g++"),
    "eager": (Outcome.OK, "done", ""),
}
"""Way to outcome, phase and a part of the message; the sound one comes last, in the same run."""


@pytest.fixture(scope="module")
def group() -> Iterator[Path]:
    """A control group that may hold 64 MiB, "" where none can be made."""
    folder = Path("/sys/fs/cgroup/memory") / f"selector-test-{uuid.uuid4().hex}"
    unified = Path("/sys/fs/cgroup") / folder.name
    made = None
    for path, limit in ((folder, "memory.limit_in_bytes"), (unified, "memory.max")):
        with contextlib.suppress(OSError):
            path.mkdir()
            made = path
            (path / limit).write_text(str(64 * 2**20))
            break
    else:
        if made is not None:
            made.rmdir()
        made = None
    yield made or Path()
    if made is not None:
        made.rmdir()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, group: Path) -> Iterator[Workbench]:
    """An engine on the CPU whose candidates can be run in the ways that fail."""
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    known = set(OPTIMIZATIONS.names())
    from support.broken_ways import BrokenCpu

    device = BrokenCpu(0)
    environment = replace(device.environment(1, all_libraries()), device_id=f"test-{uuid.uuid4().hex}")
    cache = ArtifactCache(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTCOMES_CGROUP", str(group))
        with LocalEngine(device, environment, cache, "test-run", offline=True, patience=0.0) as engine:
            yield Workbench(engine, environment, cache, make_photographs(cache.folder / "photographs"))
    for name in set(OPTIMIZATIONS.names()) - known:
        del OPTIMIZATIONS._entries[name]


def _measured(bench: Workbench, way: str) -> Measurement:
    return bench.measure(bench.planned(VIT, way)).measurement


@pytest.mark.parametrize("way", ENDS)
def test_each_cause_has_its_outcome(bench: Workbench, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "fails-in-time":
        monkeypatch.setattr(bench.engine, "_build_seconds", 5.0)
    ended = _measured(bench, way)
    outcome, phase, message = ENDS[way]
    if (outcome, ended.outcome) == (Outcome.OK, Outcome.UNSTABLE):
        return  # tests run side by side
    assert (ended.outcome, ended.phase) == (outcome, phase), f"{ended.message}\n{ended.log}"
    assert message in ended.message
    assert (ended.observation is not None) == (outcome is Outcome.OK)


def test_a_signal_leaves_the_place_in_the_log(bench: Workbench) -> None:
    log = _measured(bench, "fails-by-signal").log
    assert "Fatal Python error: Segmentation fault" in log
    assert "broken_ways.py" in log


def test_the_kernel_runs_out_of_memory(bench: Workbench, group: Path) -> None:
    if group == Path():
        pytest.skip("no memory control group can be made here")
    ended = _measured(bench, "fails-kernel-memory")
    assert ended.outcome is Outcome.OUT_OF_MEMORY
    assert "killed by the kernel, which ran out of memory, during load" in ended.message


def test_a_missing_package_is_unavailable_and_named(bench: Workbench) -> None:
    way = OPTIMIZATIONS.get("onnxruntime")
    lacking = type("Lacking", (type(way),), {"packages": (("a_package_that_is_not_there", "onnx"),)})()
    assert "a_package_that_is_not_there is not installed" in lacking.unavailable(bench.environment)


def test_no_compiler_is_unavailable(bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "needs a C++ compiler" in (OPTIMIZATIONS.get("compile").unavailable(bench.environment) or "")


def test_every_outcome_of_a_child_is_covered() -> None:
    """`unavailable` is decided before there is a child, `unstable` from the readings of sound ones."""
    told = {outcome for outcome, _, _ in ENDS.values()}
    assert told == set(Outcome) - {Outcome.UNAVAILABLE, Outcome.UNSTABLE}


def test_failures_say_nothing_of_their_neighbours(bench: Workbench) -> None:
    planned = bench.planned(VIT, "eager")
    other = replace(planned, candidate=replace(planned.candidate, batch_size=2))
    _measured(bench, "fails-by-signal")
    assert bench.measure(other).measurement.observation is not None
