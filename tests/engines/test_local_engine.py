"""Measuring on this machine: failures are told apart, and no process outlives its candidate."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from support.evidence import make_planned
from support.misbehaving import NOTES, Misbehaving
from support.processes import alive, await_end, command, descendants, measuring

from selector.artifacts import ArtifactCache
from selector.devices import Device
from selector.devices.fake import FAULTS, Fake
from selector.engines import child, server
from selector.engines.local import LocalEngine, Order, Result
from selector.engines.server import Stopped
from selector.owners import owner_token
from selector.profiler import protocol
from selector.profiler.protocol import StoppingRule, Target
from selector.types import Measurement, Outcome

RULE = StoppingRule((Target("p50"),), time_cap=2.0)
TESTS = Path(__file__).resolve().parent.parent

FAULT_ENDS: Mapping[str, tuple[Outcome, str, str]] = {
    "export_failed": (Outcome.EXPORT_FAILED, "build", "an operator that it does not know"),
    "build_failed": (Outcome.BUILD_FAILED, "build", "could not be built"),
    "out_of_memory": (Outcome.OUT_OF_MEMORY, "load", "20 GiB"),
    "wrong_output": (Outcome.WRONG_OUTPUT, "agreement", "fp32"),
    "fallback": (Outcome.FALLBACK, "load", "asked for the provider A, B ran"),
    "timed_out": (Outcome.TIMED_OUT, "build", "limit of 1 s"),
    "crashed": (Outcome.CRASHED, "build", "SIGSEGV"),
    "slow": (Outcome.OK, "done", ""),
    "slower": (Outcome.OK, "done", ""),
    "disturbed": (Outcome.OK, "done", ""),
    "unstable": (Outcome.UNSTABLE, "done", "other programs kept"),
    "uneven": (Outcome.OK, "done", ""),
}
"""Planted fault to outcome, phase and a part of the message."""

ENDS: Mapping[str, tuple[Outcome, str, str]] = {
    "exits": (Outcome.CRASHED, "build", "exited with code 3 during build"),
    "exits_well": (Outcome.CRASHED, "load", "exited with code 0 during load"),
    "gives_up": (Outcome.CRASHED, "build", "exited with code 1 during build"),
    "aborts": (Outcome.CRASHED, "load", "killed by SIGABRT during load"),
    "is_killed": (Outcome.CRASHED, "load", "killed by SIGKILL during load"),
    "lacks_memory": (Outcome.OUT_OF_MEMORY, "load", "not enough memory during load"),
    "lacks_memory_in_words": (Outcome.OUT_OF_MEMORY, "load", "can't allocate memory"),
    "raises": (Outcome.BUILD_FAILED, "build", "KeyError during build: 'no such operator'"),
    "raises_in_load": (Outcome.BUILD_FAILED, "load", "ValueError during load: the engine is of another version"),
    "raises_later": (Outcome.CRASHED, "timing", "ArithmeticError during timing: the forty-first query"),
    "is_unspeakable": (Outcome.BUILD_FAILED, "load", "UnspeakableError during load: no message"),
    "speaks_half": (Outcome.CRASHED, "load", "exited with code 1 during load"),
    "chatters": (Outcome.BUILD_FAILED, "build", "too much was said"),
    "writes_garbage": (Outcome.CRASHED, "load", "wrote into the channel of its results"),
    "promises_much": (Outcome.CRASHED, "load", "wrote into the channel of its results"),
    "closes_descriptors": (Outcome.CRASHED, "load", "closed the channel of its results and went on"),
    "answers_unspeakably": (Outcome.BUILD_FAILED, "build", "during build"),
    "leaves_a_thread": (Outcome.OK, "done", ""),
    "goes_elsewhere": (Outcome.OK, "done", ""),
}
"""Misbehaviour to outcome, phase and a part of the message."""


def order(architecture: str, way: str = "eager", *, pretrained: bool = False) -> Order:
    planned = make_planned(f"{architecture}.tag", way)
    return Order(planned.candidate, planned.facts, RULE, tolerance=1e-3, pretrained=pretrained)


def engine(cache: Path, device: Device | None = None, **options: object) -> LocalEngine:
    device = device or Fake()
    return LocalEngine(device, device.environment(3, ()), ArtifactCache(cache), "20260102-030405-aaaa", **options)


@pytest.fixture
def misbehaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalEngine]:
    """An engine whose candidates do what their architecture says."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS), prepend=os.pathsep)
    monkeypatch.setenv(NOTES, str(tmp_path))
    monkeypatch.setattr(child, "_VMSTAT", tmp_path / "vmstat")
    (tmp_path / "vmstat").write_text("oom_kill 3\n")
    with engine(tmp_path / "cache", Misbehaving()) as entered:
        yield entered


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measurement]:
    """Every planted fault in one run, and a sound candidate after them all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELECTOR_FAKE_FAULTS", ",".join(f"{fault}.*={fault}" for fault in FAULTS))
        with engine(tmp_path_factory.mktemp("cache"), build_seconds=1.0) as entered:
            return {name: entered.measure(order(name)).measurement for name in (*FAULTS, "sound")}


class TestPlantedFaults:
    def test_every_fault_is_covered(self) -> None:
        assert set(FAULT_ENDS) == set(FAULTS)

    @pytest.mark.parametrize("fault", FAULTS)
    def test_each_has_its_own_outcome(self, results: dict[str, Measurement], fault: str) -> None:
        outcome, phase, message = FAULT_ENDS[fault]
        found = results[fault]
        assert (found.outcome, found.phase) == (outcome, phase)
        assert message in found.message
        timed = outcome in (Outcome.OK, Outcome.UNSTABLE)
        assert (found.observation is not None) == timed
        assert (found.weights is not None) == timed

    def test_what_disturbed_is_over_when_it_is_timed_again(self, results: dict[str, Measurement]) -> None:
        for name, attempts in (("sound", 1), ("disturbed", 2), ("unstable", protocol.ATTEMPTS)):
            observation = results[name].observation
            assert observation is not None
            assert observation.diagnostics["attempts"] == attempts

    def test_the_run_goes_on(self, results: dict[str, Measurement]) -> None:
        sound = results["sound"]
        assert sound.outcome is Outcome.OK
        assert (sound.message, sound.log) == ("", "")
        assert sound.observation is not None
        assert len(sound.observation.latencies) == 8 * sound.observation.summary.samples
        assert sound.environment.threads == 3
        assert sound.run_id == "20260102-030405-aaaa"

    def test_a_failure_keeps_its_traceback(self, results: dict[str, Measurement]) -> None:
        log = results["export_failed"].log
        assert "Traceback" in log
        assert "ExportFailedError: planted fault" in log
        assert "WrongOutputError" in results["wrong_output"].log

    def test_slow_is_slow_and_no_failure(self, results: dict[str, Measurement]) -> None:
        slow, sound = results["slow"].observation, results["sound"].observation
        assert slow is not None
        assert sound is not None
        assert slow.summary.mean.value > 20 * sound.summary.mean.value
        assert slow.stopped_because == "time_cap"


class TestMisbehaviour:
    def test_each_ends_in_an_outcome_and_the_run_goes_on(self, misbehaving: LocalEngine) -> None:
        found = {name: misbehaving.measure(order(name)).measurement for name in ENDS}
        assert {name: (one.outcome, one.phase) for name, one in found.items()} == {
            name: end[:2] for name, end in ENDS.items()
        }
        assert {name: one.message for name, one in found.items() if ENDS[name][2] not in one.message} == {}
        assert all("\n" not in one.message for one in found.values())
        assert misbehaving.measure(order("sound")).measurement.outcome is Outcome.OK

    def test_the_kernel_killing_for_memory_is_told_from_other_kills(self, misbehaving: LocalEngine) -> None:
        killed = misbehaving.measure(order("is_killed_by_kernel")).measurement
        assert killed.outcome is Outcome.OUT_OF_MEMORY
        assert "killed by the kernel" in killed.message
        assert misbehaving.measure(order("is_killed")).measurement.outcome is Outcome.CRASHED

    def test_a_log_keeps_its_end_and_is_bounded(self, misbehaving: LocalEngine) -> None:
        log = misbehaving.measure(order("chatters")).measurement.log
        assert len(log.encode()) <= 20_000
        assert "the beginning of the log" not in log
        assert log.rstrip().endswith("BuildFailedError: too much was said")

    def test_each_candidate_has_a_log_of_its_own(self, misbehaving: LocalEngine) -> None:
        misbehaving.measure(order("chatters"))
        assert "too much was said" not in misbehaving.measure(order("raises")).measurement.log

    def test_a_hang_after_the_build_is_ended(self, misbehaving: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(LocalEngine, "_measure_seconds", lambda self, order: 1.0)
        hung = misbehaving.measure(order("hangs")).measurement
        assert (hung.outcome, hung.phase) == (Outcome.TIMED_OUT, "load")

    def test_measuring_may_take_longer_than_its_time_cap(self, tmp_path: Path) -> None:
        """Loading and warm-up come on top; the limit is there for hangs alone."""
        assert engine(tmp_path)._measure_seconds(order("sound")) > 10 * RULE.time_cap

    def test_what_a_candidate_started_ends_with_it(self, misbehaving: LocalEngine, tmp_path: Path) -> None:
        assert misbehaving.measure(order("leaves_a_grandchild")).measurement.outcome is Outcome.OK
        grandchild = int((tmp_path / "grandchild").read_text())
        assert await_end([grandchild]) == set()

    def test_a_daemon_ends_with_its_candidate_too(self, misbehaving: LocalEngine, tmp_path: Path) -> None:
        assert misbehaving.measure(order("leaves_a_daemon")).measurement.outcome is Outcome.OK
        daemon = int((tmp_path / "daemon").read_text())
        assert alive([daemon]) == set()

    def test_temporary_files_go_with_their_candidate(self, misbehaving: LocalEngine, tmp_path: Path) -> None:
        misbehaving.measure(order("leaves_files"))
        assert not Path((tmp_path / "folder").read_text()).exists()

    def test_half_a_message_does_not_hold_up_the_run(self, misbehaving: LocalEngine) -> None:
        misbehaving._build_seconds = 1.0
        ended = misbehaving.measure(order("promises_and_hangs")).measurement
        assert (ended.outcome, ended.phase) == (Outcome.TIMED_OUT, "build")

    def test_what_is_printed_fills_neither_disk_nor_memory(self, misbehaving: LocalEngine) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        log = misbehaving.measure(order("prints_for_ever")).measurement.log
        assert log.rstrip().endswith("BuildFailedError: it has all been said")
        assert len(log.encode()) <= 20_000
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB; 256 MiB were printed

    @pytest.mark.parametrize(("times", "outcome"), [(1, Outcome.OK), (20, Outcome.CRASHED)])
    def test_a_fork_that_fails_is_tried_again_and_ends_no_run(
        self, misbehaving: LocalEngine, tmp_path: Path, times: int, outcome: Outcome
    ) -> None:
        (tmp_path / "unforkable").write_text(str(times))
        ended = misbehaving.measure(order("sound")).measurement
        assert ended.outcome is outcome
        assert ("no process could be started" in ended.message) == (outcome is Outcome.CRASHED)
        (tmp_path / "unforkable").unlink()
        assert misbehaving.measure(order("sound")).measurement.outcome is Outcome.OK

    def test_weights_that_cannot_be_had_are_replaced_by_random_ones(self, misbehaving: LocalEngine) -> None:
        result = misbehaving.measure(order("needs_weights", pretrained=True))
        assert result.weights_missing
        assert result.measurement.message == "built on random weights"
        assert not misbehaving.measure(order("sound", pretrained=True)).weights_missing

    def test_children_have_the_threads_of_the_environment(self, misbehaving: LocalEngine) -> None:
        told = misbehaving.measure(order("tells_environment")).measurement.message
        assert told == "OMP_NUM_THREADS=3 MKL_NUM_THREADS=3 OPENBLAS_NUM_THREADS=3 HF_HUB_OFFLINE=1"

    def test_a_killed_fork_server_is_replaced_by_its_like(self, misbehaving: LocalEngine) -> None:
        before = misbehaving.measure(order("tells_environment")).measurement.message
        killed = _fork_server()
        os.kill(killed, signal.SIGKILL)
        assert await_end([killed]) == set()
        assert misbehaving.measure(order("tells_environment")).measurement.message == before


class TestProcesses:
    def test_an_import_that_kills_the_server_does_not_end_the_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Dying(Fake):
            preload = (*Fake.preload, "support.dying_server")

        monkeypatch.setenv("PYTHONPATH", str(TESTS), prepend=os.pathsep)
        with engine(tmp_path, Dying()) as entered:
            assert entered.measure(order("sound")).measurement.outcome is Outcome.OK

    def test_two_engines_and_a_fork_server_of_the_callers_do_not_meet(self, tmp_path: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        with context.Pool(1) as pool, engine(tmp_path / "one") as one:
            with engine(tmp_path / "two") as two:
                assert two.measure(order("sound")).measurement.outcome is Outcome.OK
            assert one.measure(order("sound")).measurement.outcome is Outcome.OK
            assert pool.apply(abs, (-1,)) == 1

    def test_what_a_killed_run_left_is_removed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
        (tmp_path / "temporary").mkdir()
        cache = ArtifactCache(tmp_path / "cache")
        child = os.fork()
        if child == 0:
            Path(tempfile.mkdtemp(prefix=f"selector-{owner_token()}-")).joinpath("file").touch()
            with cache.writing(cache.path("weights", "x", ".bin")) as temporary:
                temporary.touch()
                os._exit(0)
        os.waitpid(child, 0)
        mine = Path(tempfile.mkdtemp(prefix=f"selector-{owner_token()}-"))
        assert len(list(cache.folder.glob("*/.*"))) == 1
        server.remove_left(cache)
        assert list((tmp_path / "temporary").iterdir()) == [mine]
        assert not list(cache.folder.glob("*/.*"))

    def test_the_callers_environment_is_left_alone(self, tmp_path: Path) -> None:
        before = dict(os.environ)
        with engine(tmp_path, offline=True) as entered:
            assert dict(os.environ) == before
            entered.measure(order("sound"))
        assert dict(os.environ) == before

    def test_nothing_is_left_after_a_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
        (tmp_path / "temporary").mkdir()
        before = measuring(os.getpid())
        with engine(tmp_path / "cache") as entered:
            entered.measure(order("sound"))
            during = measuring(os.getpid()) - before
            assert during
        assert await_end(during) == set()
        assert not list((tmp_path / "temporary").glob("selector-*"))

    def test_a_server_killed_under_a_candidate_is_no_fault_of_the_candidate(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "hangs.*=timed_out")
        killed: set[int] = set()

        def kill() -> bool:
            """Kills the server under the candidate; the next time the candidate alone."""
            servers, below = _at_work()
            if below and not below <= killed:
                for target in below if killed else servers:
                    os.kill(target, signal.SIGKILL)
                killed.update(servers | below if not killed else below)
            return False

        with engine(tmp_path, stopping=kill) as entered:
            ended = entered.measure(order("hangs")).measurement
            assert ended.outcome is Outcome.CRASHED
            assert ended.message.startswith("killed by SIGKILL during")
            assert await_end(killed) == set()
            monkeypatch.setattr(entered, "_stopping", lambda: False)
            assert entered.measure(order("sound")).measurement.outcome is Outcome.OK

    def test_a_candidate_that_always_takes_the_server_along_has_crashed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "hangs.*=timed_out")
        killed: set[int] = set()

        def kill() -> bool:
            servers, below = _at_work()
            if below:
                killed.update(servers | below)
                for server in servers:
                    os.kill(server, signal.SIGKILL)
            return False

        with engine(tmp_path, stopping=kill) as entered:
            ended = entered.measure(order("hangs")).measurement
            assert ended.outcome is Outcome.CRASHED
            assert "died (SIGKILL), each time" in ended.message
            assert await_end(killed) == set()
            monkeypatch.setattr(entered, "_stopping", lambda: False)
            assert entered.measure(order("sound")).measurement.outcome is Outcome.OK

    def test_stopping_drops_the_candidate_at_work(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "hangs.*=timed_out")
        asked: list[set[int]] = []

        def stop_while_it_hangs() -> bool:
            """Says stop once a candidate's child is at work."""
            _, below = _at_work()
            asked.extend([below] if below and not asked else [])
            return below == asked[0] if asked else False

        with engine(tmp_path, stopping=stop_while_it_hangs) as entered:
            with pytest.raises(Stopped):
                entered.measure(order("hangs"))
            assert await_end(asked[0]) == set()
            assert entered.measure(order("sound")).measurement.outcome is Outcome.OK

    def test_a_measurement_is_an_error_outside_a_with_block(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="with"):
            engine(tmp_path).measure(order("sound"))


class TestLock:
    def test_a_second_run_waits_until_the_first_ends(self, tmp_path: Path) -> None:
        told: list[str] = []
        first = engine(tmp_path)
        first.__enter__()

        def end_the_first() -> bool:
            told.append("asked whether to stop")
            first.__exit__(None, None, None)
            return False

        with engine(tmp_path, waiting=lambda: told.append("waits"), stopping=end_the_first) as second:
            assert told == ["waits", "asked whether to stop"]
            assert second.waited > 0
            assert second.measure(order("sound")).measurement.outcome is Outcome.OK

    def test_waiting_can_be_stopped(self, tmp_path: Path) -> None:
        with engine(tmp_path) as first:
            second = engine(tmp_path, stopping=lambda: True)
            with pytest.raises(Stopped):
                second.__enter__()
            assert first.measure(order("sound")).measurement.outcome is Outcome.OK

    def test_a_free_device_is_not_waited_for(self, tmp_path: Path) -> None:
        told: list[str] = []
        with engine(tmp_path, waiting=lambda: told.append("waits")) as entered:
            assert entered.waited == 0
        assert told == []

    def test_a_failed_entry_gives_the_device_back(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(self: server.ForkServer) -> server.ForkServer:
            raise OSError("no more processes")

        with monkeypatch.context() as patch:
            patch.setattr(server.ForkServer, "__enter__", fail)
            with pytest.raises(OSError, match="no more processes"):
                engine(tmp_path).__enter__()
        with engine(tmp_path) as entered:
            assert entered.waited == 0


SCRIPT = """
import sys
from pathlib import Path
from selector import Store, evaluate
from selector.requirements import parse_profile

with open("ran", "a") as file:
    file.write("once ")
profile = parse_profile(Path("profile.yaml").read_text())
with Store("sqlite:///selector.db") as store:
    print(evaluate(profile, store).winner.id)
"""
PROFILE = """
name: script
workload: {task: image-classification}
device: {target: fake}
objective: {minimize: latency_p50}
candidates: {models: [resnet18.a1_in1k], optimizations: [eager, openvino]}
"""


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a script that evaluates at its top level, as a user's may, without a `__main__` guard."""
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "profile.yaml").write_text(PROFILE)

    def start(**variables: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "SELECTOR_CACHE": str(tmp_path / "cache"), **variables}
        return subprocess.Popen(
            [sys.executable, "script.py"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
        )

    return start


def test_a_script_needs_no_guard(script: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    output, _ = script().communicate(timeout=120)
    assert output == "resnet18.a1_in1k@openvino\n"
    assert (tmp_path / "ran").read_text() == "once "


def test_a_killed_run_leaves_neither_processes_nor_the_lock(
    script: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    running = script(SELECTOR_FAKE_FAULTS="*=timed_out")
    with running, contextlib.ExitStack() as cleaning:
        cleaning.callback(running.kill)
        below = _await_candidate(running.pid)
        running.kill()
        running.wait()
        assert await_end(below) == set()
    told: list[str] = []
    with engine(tmp_path / "cache", waiting=lambda: told.append("waits")):
        assert told == []


def _await_candidate(pid: int) -> set[int]:
    """All processes below a script, once a candidate's child is among them."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        servers = {one for one in measuring(pid) if "selector.engines.warm" in command(one)}
        if any(descendants(one) for one in servers):
            return descendants(pid)
        time.sleep(0.05)
    raise AssertionError(f"no candidate was begun; below {pid} run {alive(descendants(pid))}")


def _fork_servers() -> set[int]:
    """The warmed processes below this one; candidates' processes, which fork from them, have their command line."""
    warm = {one for one in descendants(os.getpid()) if "selector.engines.warm" in command(one)}
    below = {each for one in warm for each in descendants(one)}
    return warm - below


def _fork_server() -> int:
    """The only one."""
    (found,) = _fork_servers()
    return found


def _at_work() -> tuple[set[int], set[int]]:
    """The warmed process, if there is one just now, and the candidates' processes below it."""
    servers = _fork_servers()
    return servers, {below for one in servers for below in descendants(one)}


def test_results_say_whose_they_are(tmp_path: Path) -> None:
    """Measurements of equal identities are of the same candidate, environment and protocol; ids never repeat."""
    with engine(tmp_path) as entered:
        first, again, other = (_measured(entered.measure(order(*one))) for one in (("a",), ("a",), ("a", "compile")))
    assert first.identity == again.identity != other.identity
    assert first.id != again.id
    assert first.observation is not None
    assert again.observation is not None
    assert first.observation.latencies == again.observation.latencies
    assert other.observation is not None
    assert other.observation.build_seconds == 30.0


def _measured(result: Result) -> Measurement:
    assert not result.weights_missing
    return result.measurement
