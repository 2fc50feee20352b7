"""The warmed process from which children fork, and the safe handling of one child.

`multiprocessing`'s fork server imports torch and the runtimes once; a child then starts in about 20 ms instead of
five seconds.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from selector.profiler.child import Failure, run_stage
from selector.profiler.stages import BuildRecord, Job
from selector.types import Outcome

_POLL_SECONDS = 0.1
_VMSTAT = Path("/proc/vmstat")


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        phase: The last phase that it reported.
        result: What its stage returned, or None.
        failure: How it failed, or None.
    """

    phase: str
    result: Any
    failure: Failure | None


class Stopped(Exception):  # noqa: N818 - not an error: the user asked to stop
    """The run was asked to stop while a child was at work; the child is gone."""


class ForkServer:
    """A context manager that holds the warmed process for one run.

    Args:
        preload: Modules that it imports beforehand. Imports only: running anything there can deadlock children.
        environment: Variables that the server and so all children get on top of this process's.
    """

    def __init__(self, preload: tuple[str, ...], environment: dict[str, str]) -> None:
        self._preload = preload
        self._environment = environment
        self._context = multiprocessing.get_context("forkserver")

    def __enter__(self) -> ForkServer:
        _stop_server()  # one of another run in this process would have other preloads and an old environment
        self._context.set_forkserver_preload([*self._preload, "selector.profiler.child"])
        with _variables(self._environment):
            multiprocessing.forkserver.ensure_running()
        return self

    def __exit__(self, *_: object) -> None:
        _stop_server()

    def run(
        self,
        job: Job,
        record: BuildRecord | None,
        *,
        log: Path,
        limit: float,
        stopping: Callable[[], bool],
    ) -> Ended:
        """Runs one stage in a child and waits for it.

        Args:
            job: The job.
            record: None for the build stage.
            log: Takes what the child prints.
            limit: Seconds until its whole process group is killed.
            stopping: Asked every 0.1 s; when true the child is killed.

        Raises:
            Stopped: `stopping` said so.
        """
        ours, theirs = self._context.Pipe(duplex=False)
        kills_before = _kernel_kills()
        process = self._context.Process(target=run_stage, args=(theirs, job, record, log))
        with _no_main_module(), _variables(self._environment):
            process.start()  # starts the server again if it was killed
        theirs.close()
        try:
            return self._follow(process, ours, limit, stopping, kills_before)
        finally:
            _kill_group(process.pid)
            process.join()
            process.close()
            ours.close()

    def _follow(
        self, process: Any, pipe: Connection, limit: float, stopping: Callable[[], bool], kills_before: int
    ) -> Ended:
        phase = "start"
        deadline = time.monotonic() + limit
        while True:
            wait([pipe, process.sentinel], timeout=_POLL_SECONDS)
            dead = not process.is_alive()  # asked before reading: what it sent is then all there
            for kind, value in _received(pipe):
                if kind == "done":
                    return Ended("done", value, None)
                if kind == "failed":
                    return Ended(phase, None, value)
                phase = value
            if dead:
                return Ended(phase, None, _death(process.exitcode, phase, _kernel_kills() > kills_before))
            if stopping():
                raise Stopped
            if time.monotonic() > deadline:
                message = f"stopped after its limit of {limit:.0f} s, during {phase}"
                return Ended(phase, None, Failure(Outcome.TIMED_OUT, message))


def _received(pipe: Connection) -> Iterator[tuple[str, Any]]:
    """The messages that have arrived whole; a pipe whose other end is closed has none, or the beginning of one."""
    with contextlib.suppress(EOFError, OSError):
        while pipe.poll():
            yield pipe.recv()


def _death(code: int, phase: str, kernel_killed: bool) -> Failure:
    """What an exit without a message means."""
    if code == -signal.SIGKILL and kernel_killed:
        return Failure(Outcome.OUT_OF_MEMORY, f"killed by the kernel, which ran out of memory, during {phase}")
    if code < 0:
        return Failure(Outcome.CRASHED, f"killed by {signal.Signals(-code).name} during {phase}")
    return Failure(Outcome.CRASHED, f"exited with code {code} during {phase}")


def _kernel_kills() -> int:
    """How many processes the kernel's out-of-memory killer has killed since boot."""
    for line in _VMSTAT.read_text().splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return 0


def _kill_group(pid: int | None) -> None:
    """Kills the child and whatever it started; it leads a process group of its own."""
    if pid is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # a child that had not yet made its group


def _stop_server() -> None:
    """Ends the fork server of this process, if there is one.

    There is no public way; the test suite of CPython uses this one.
    """
    multiprocessing.forkserver._forkserver._stop()  # type: ignore[attr-defined]


@contextlib.contextmanager
def _no_main_module() -> Iterator[None]:
    """Hides the caller's script from the child.

    `multiprocessing` would import it again in every child, which costs time and forces a guard upon scripts; a
    candidate needs nothing of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _variables(values: dict[str, str]) -> Iterator[None]:
    """Environment variables set for the time of a block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
