"""A simulated device whose candidates misbehave in ways that only a process of their own survives.

A candidate's architecture names what it does (see `MISBEHAVIOURS`). The device replaces the fake one in the process
from which children fork, and only there: `Misbehaving.preload` has `support.misbehaving_server` imported by it.
"""

from __future__ import annotations

import gc
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from selector.devices import DEVICES
from selector.devices.fake import Fake, FakeRunner
from selector.errors import BuildFailedError
from selector.profiler import models
from selector.profiler.channel import Channel
from selector.types import Candidate, ModelFacts

NOTES = "MISBEHAVING_NOTES"
"""Environment variable with the folder in which candidates leave files for the test."""


class Misbehaving(Fake):
    """The fake device, but for what `MISBEHAVIOURS` has under a candidate's architecture."""

    preload: ClassVar[tuple[str, ...]] = (*Fake.preload, "support.misbehaving_server")

    def built(self, candidate: Candidate) -> float | None:
        if candidate.architecture == "needs_weights":
            return None
        _act("build", candidate)
        if candidate.architecture == "answers_unspeakably":
            return lambda: 1.0  # type: ignore[return-value]  # does not pickle
        return super().built(candidate)

    def simulate(self, candidate: Candidate, facts: ModelFacts) -> FakeRunner:
        _act("load", candidate)
        runner = super().simulate(candidate, facts)
        if candidate.architecture == "raises_later":
            answer = runner.run

            def run(fed: Any) -> Any:
                if runner._calls > 40:
                    raise ArithmeticError("the forty-first query")
                return answer(fed)

            runner.run = run  # type: ignore[method-assign]
        return runner


def install() -> None:
    """Puts the device in the place of the fake one, and weights out of reach. For the fork server."""
    DEVICES.names()
    DEVICES._entries["fake"] = Misbehaving
    models.fetch_weights = _no_weights


def _no_weights(*_: Any, pretrained: bool) -> models.StoredWeights:
    if pretrained:
        raise OSError("the published weights are out of reach")
    raise BuildFailedError("built on random weights")


def _act(phase: str, candidate: Candidate) -> None:
    if candidate.architecture in MISBEHAVIOURS and MISBEHAVIOURS[candidate.architecture][0] == phase:
        MISBEHAVIOURS[candidate.architecture][1]()


def _note(name: str, text: str) -> None:
    (Path(os.environ[NOTES]) / name).write_text(text)


def _raise(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


class UnspeakableError(Exception):
    """Cannot even be printed."""

    def __str__(self) -> str:
        raise ValueError("no words")


def _kernel_kills() -> None:
    _note("vmstat", "nr_free_pages 1\noom_kill 4\n")
    os.kill(os.getpid(), signal.SIGKILL)


def _leave_a_grandchild() -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    _note("grandchild", str(sleeper.pid))


def _channel() -> Channel:
    (channel,) = (one for one in gc.get_objects() if isinstance(one, Channel))
    return channel


def _speak_half() -> None:
    os.write(_channel().fileno(), struct.pack("!8sQ", b"selector", 100_000) + b"half a message")
    os._exit(1)


def _write_garbage() -> None:
    os.write(_channel().fileno(), b"loss: 0.693, a library's line in the wrong place")
    time.sleep(3600)


def _promise_much() -> None:
    os.write(_channel().fileno(), struct.pack("!8sQ", b"selector", 2**60))
    time.sleep(3600)


def _promise_and_hang() -> None:
    os.write(_channel().fileno(), struct.pack("!8sQ", b"selector", 100_000) + b"half a message")
    time.sleep(3600)


def _close_descriptors() -> None:
    os.closerange(0, 1024)
    time.sleep(3600)


def _leave_a_daemon() -> None:
    """As daemons do: forked twice, in a session of its own, deaf to what ends others, without the environment."""
    program = (
        "import os, signal, sys, time\n"
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        "if os.fork(): os._exit(0)\n"
        "for one in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(one, signal.SIG_IGN)\n"
        "open(sys.argv[1] + '.part', 'w').write(str(os.getpid()))\n"
        "os.rename(sys.argv[1] + '.part', sys.argv[1])\n"
        "time.sleep(3600)\n"
    )
    note = Path(os.environ[NOTES]) / "daemon"
    subprocess.run([sys.executable, "-c", program, str(note)], check=True, env={}, start_new_session=True)
    while not note.exists():
        time.sleep(0.01)


def _leave_a_thread() -> None:
    threading.Thread(target=time.sleep, args=(3600,)).start()


def _print_for_ever() -> None:
    for _ in range(4096):
        os.write(1, 65_536 * b"x")  # 256 MiB
    raise BuildFailedError("it has all been said")


def _leave_files() -> None:
    _note("folder", tempfile.mkdtemp())


def _go_elsewhere() -> None:
    os.chdir("/")
    os.environ.clear()


def _chatter() -> None:
    print("the beginning of the log", flush=True)
    os.write(1, b"\xff\x1b[31m" + 60_000 * b"x" + b"\n")
    raise BuildFailedError("too much was said")


def _tell_environment() -> None:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "HF_HUB_OFFLINE")
    raise BuildFailedError(" ".join(f"{name}={os.environ.get(name)}" for name in names))


MISBEHAVIOURS: dict[str, tuple[str, Callable[[], None]]] = {
    "exits": ("build", lambda: os._exit(3)),
    "exits_well": ("load", lambda: os._exit(0)),
    "gives_up": ("build", _raise(SystemExit("enough"))),
    "aborts": ("load", os.abort),
    "is_killed": ("load", lambda: os.kill(os.getpid(), signal.SIGKILL)),
    "is_killed_by_kernel": ("load", _kernel_kills),
    "hangs": ("load", lambda: time.sleep(3600)),
    "lacks_memory": ("load", _raise(MemoryError())),
    "lacks_memory_in_words": (
        "load",
        _raise(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")),
    ),
    "raises": ("build", _raise(KeyError("no such operator"))),
    "raises_in_load": ("load", _raise(ValueError("\n  the engine is of another version\nlong story"))),
    "is_unspeakable": ("load", _raise(UnspeakableError())),
    "leaves_a_grandchild": ("build", _leave_a_grandchild),
    "speaks_half": ("load", _speak_half),
    "chatters": ("build", _chatter),
    "writes_garbage": ("load", _write_garbage),
    "promises_much": ("load", _promise_much),
    "promises_and_hangs": ("build", _promise_and_hang),
    "closes_descriptors": ("load", _close_descriptors),
    "leaves_a_daemon": ("build", _leave_a_daemon),
    "leaves_a_thread": ("build", _leave_a_thread),
    "prints_for_ever": ("build", _print_for_ever),
    "leaves_files": ("build", _leave_files),
    "goes_elsewhere": ("load", _go_elsewhere),
    "tells_environment": ("build", _tell_environment),
}
"""By architecture: the phase in which it happens, and what happens."""
