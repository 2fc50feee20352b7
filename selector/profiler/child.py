"""What runs in a candidate's child process: one stage, and every way in which it can fail.

This is the one place where any exception of a candidate becomes an outcome. What a process cannot tell about
itself (a crash, a hang, the kernel's out-of-memory killer) the engine tells from outside.
"""

from __future__ import annotations

import ctypes
import multiprocessing.forkserver
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from selector.errors import CandidateError, OutOfMemoryError
from selector.profiler.stages import BuildRecord, Job, build, measure
from selector.types import Outcome

_PR_SET_PDEATHSIG = 1
_PHASE_OUTCOMES = {
    "weights": Outcome.BUILD_FAILED,
    "reference": Outcome.BUILD_FAILED,
    "build": Outcome.BUILD_FAILED,
    "load": Outcome.BUILD_FAILED,
}
"""Outcome of an unexpected exception by phase; elsewhere it is a crash."""


@dataclass(frozen=True)
class Failure:
    """How a stage failed.

    Attributes:
        outcome: Its name.
        message: One sentence.
    """

    outcome: Outcome
    message: str


def run_stage(connection: Connection, job: Job, record: BuildRecord | None, log: Path) -> None:
    """The child's main function.

    Sends ("phase", name) as it goes, then ("done", result) or ("failed", Failure).

    Args:
        connection: The child's end of a pipe.
        job: What to do.
        record: None for the build stage, else what the build left, for the measuring stage.
        log: File that takes everything the process prints.
    """
    _detach(log)
    current = "start"

    def phase(name: str) -> None:
        nonlocal current
        current = name
        connection.send(("phase", name))

    try:
        _prepare_process(job)
        result: Any = build(job, phase) if record is None else measure(job, record, phase)
    except Exception as error:  # noqa: BLE001 - the one place that turns whatever a candidate raises into an outcome
        traceback.print_exc()
        connection.send(("failed", _failure(error, current)))
    else:
        connection.send(("done", result))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.close()


def _detach(log: Path) -> None:
    """A process group of its own, death with its parent, and output into the log."""
    os.setsid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _let_go_of_the_life_line()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _let_go_of_the_life_line() -> None:
    """Closes the pipe by whose end the fork server learns that the engine's process is gone.

    Every child inherits it. Were it kept open, the server, and so this child, would outlive an engine that was
    killed, and go on using a device whose lock is free again.
    """
    server: Any = vars(multiprocessing.forkserver)["_forkserver"]
    if server._forkserver_alive_fd is not None:
        os.close(server._forkserver_alive_fd)
        server._forkserver_alive_fd = None


def _prepare_process(job: Job) -> None:
    """Threads as the profile says; nothing that only real devices need for a simulated one."""
    if job.device_kind == "fake":
        return
    import torch

    torch.set_num_threads(job.threads)


def _failure(error: Exception, phase: str) -> Failure:
    reason = _first_line(error)
    if isinstance(error, CandidateError):
        return Failure(Outcome(error.outcome), str(error))
    if _is_out_of_memory(error):
        return Failure(Outcome.OUT_OF_MEMORY, f"not enough memory during {phase}: {reason}")
    return Failure(_PHASE_OUTCOMES.get(phase, Outcome.CRASHED), f"{type(error).__name__} during {phase}: {reason}")


def _is_out_of_memory(error: Exception) -> bool:
    """Python, torch (CPU and CUDA) and the runtimes each say it in their own way."""
    if isinstance(error, MemoryError | OutOfMemoryError):
        return True
    torch: Any = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return any(
        words in text for words in ("can't allocate memory", "out of memory", "bad_alloc", "failed to allocate")
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:500] if lines else "no message"
