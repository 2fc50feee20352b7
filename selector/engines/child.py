"""One candidate's process, followed until it ends, and ended then whatever it does."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from selector.profiler.channel import Channel, GarbledError
from selector.profiler.child import Failure
from selector.types import Outcome

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 1.0
_END_SECONDS = 30.0
_START_SECONDS = 300.0
"""For its parent to import torch and the runtimes, from a slow disk, on a busy machine."""
_VMSTAT = Path("/proc/vmstat")


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        phase: The last phase that it reported; "done"; or "answer" of one that is held for a run-off.
        result: What its stage returned, or None.
        failure: How it failed, or None.
    """

    phase: str
    result: Any
    failure: Failure | None


class Stopped(Exception):  # noqa: N818 - not an error: the user asked to stop
    """The run was asked to stop while a child was at work; the child is gone."""


class ServerDied(Exception):  # noqa: N818 - an event
    """The process that children fork from is dead, and so are its children."""


class Child:
    """A child at work. A context manager: at its end the child and all that it started are gone.

    Args:
        channel: To the child.
        status: Descriptor on which its parent tells of it: "pid N", then "code N"; or "unforked ERRNO".
        folder: Its temporary files.
        kill: Has the child of an id killed.
        unbegun: Ends its parent, if that is still not ready to fork it.
        lose: Ends its parent, which does not answer.
    """

    def __init__(
        self,
        channel: Channel,
        status: int,
        folder: Path,
        *,
        kill: Callable[[int], None],
        unbegun: Callable[[], None],
        lose: Callable[[], None],
    ) -> None:
        self.channel = channel
        self.phase = "start"
        self._status = status
        self._told = b""
        self._folder = folder
        self._kill = kill
        self._unbegun = unbegun
        self._lose = lose
        self._pid: int | None = None
        self._code: int | None = None
        self._kills_before = _kernel_kills()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        deadline = time.monotonic() + _END_SECONDS
        killed = False
        if self._pid is None:
            self._unbegun()
        with contextlib.suppress(ServerDied, OSError):
            while self._code is None:
                if self._pid is not None and not killed:
                    self._kill(self._pid)
                    killed = True
                if time.monotonic() > deadline:
                    self._lose()
                    break
                self._wait(reading=False)
        os.close(self._status)
        self.channel.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def follow(
        self, limit: float, stopping: Callable[[], bool], told: Callable[[str], None] = lambda _: None
    ) -> Ended:
        """Waits until the stage is done, answers, has failed, or must be ended.

        Args:
            limit: Seconds from its start.
            stopping: Asked every 0.1 s.
            told: Takes the name of each phase that begins.

        Raises:
            Stopped: `stopping` said so.
            ServerDied: The child's parent died, and the child with it.
            OSError: The child's parent could not fork.
        """
        deadline, begun = time.monotonic() + _START_SECONDS, False
        silent_since: float | None = None
        while True:
            self._wait(reading=silent_since is None)
            if self._pid is not None and not begun:
                deadline, begun = time.monotonic() + limit, True
            try:
                ended = self._heard(told)
            except GarbledError as error:
                return self._failed(Outcome.CRASHED, f"wrote into the channel of its results ({error})")
            if ended is not None:
                return ended
            if self._code is not None:
                return self._dead(self._code, stopping)
            if self.channel.ended:
                silent_since = silent_since or time.monotonic()
                if time.monotonic() - silent_since > _GRACE_SECONDS:
                    return self._failed(Outcome.CRASHED, "closed the channel of its results and went on")
            if stopping():
                raise Stopped
            if time.monotonic() > deadline and not begun:
                self._lose()
                raise ServerDied
            if time.monotonic() > deadline:
                return self._failed(Outcome.TIMED_OUT, f"stopped after its limit of {limit:.0f} s,")

    def _wait(self, *, reading: bool) -> None:
        """Until something comes, for 0.1 s at most. What its parent tells is then known."""
        found = wait([self._status, *([self.channel] if reading else [])], _POLL_SECONDS)  # type: ignore[list-item]
        if self._status in found:
            data = os.read(self._status, 256)
            self._told += data
            *lines, self._told = self._told.split(b"\n")
            for line in lines:
                self._note(*line.decode().split())
            if not data and self._code is None:
                raise ServerDied

    def _note(self, what: str, number: str) -> None:
        if what == "unforked":
            self._code = 1
            raise OSError(int(number), os.strerror(int(number)))
        if what == "pid":
            self._pid = int(number)
        else:
            self._code = int(number)

    def _heard(self, told: Callable[[str], None]) -> Ended | None:
        for message in self.channel.received():
            if not isinstance(message, tuple) or len(message) != 2:
                raise GarbledError(f"{message!r:.100}")
            kind, value = message
            if kind in ("done", "answer"):
                return Ended(kind, value, None)
            if kind == "failed":
                return Ended(self.phase, None, value)
            self.phase = value
            told(value)
        return None

    def _failed(self, outcome: Outcome, what: str) -> Ended:
        return Ended(self.phase, None, Failure(outcome, f"{what} during {self.phase}"))

    def _dead(self, code: int, stopping: Callable[[], bool]) -> Ended:
        """What an exit without a result means."""
        if _soon(stopping) if code == -signal.SIGTERM else stopping():
            raise Stopped  # whoever ended the run ended its children too
        if code == -signal.SIGKILL and _kernel_kills() > self._kills_before:
            return self._failed(Outcome.OUT_OF_MEMORY, "killed by the kernel, which ran out of memory,")
        if code < 0:
            return self._failed(Outcome.CRASHED, f"killed by {_signal_name(-code)}")
        return self._failed(Outcome.CRASHED, f"exited with code {code}")


def _soon(stopping: Callable[[], bool]) -> bool:
    """Whether stopping is asked for within the time by which one process of a group is told after another."""
    deadline = time.monotonic() + _GRACE_SECONDS
    while not stopping():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # real-time signals have no names


def _kernel_kills() -> int:
    """How many processes the kernel's out-of-memory killer has killed since boot."""
    for line in _VMSTAT.read_text().splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return 0
