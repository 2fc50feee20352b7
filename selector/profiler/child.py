"""What runs in a candidate's child process: one stage, and every way in which it can fail.

This is the one place where any exception of a candidate becomes an outcome. What a process cannot tell about
itself (a crash, a hang, the kernel's out-of-memory killer) the engine tells from outside.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import faulthandler
import os
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selector.errors import CandidateError, LabelledImageError, OutOfMemoryError
from selector.profiler.channel import Channel
from selector.profiler.examining import Questions, examine
from selector.profiler.stages import BuildRecord, Job, build, hold, measure
from selector.types import Outcome

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_OOM_SCORE = "800"
"""Out of 1000: where memory runs out, the kernel ends the candidate, not the run nor other programs."""
_PHASE_OUTCOMES = {
    "features": Outcome.BUILD_FAILED,
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
        disk_full: Whether it was for want of space on a disk, which says nothing of the candidate.
        refused: Whether what the profile names is wrong, which says nothing of the candidate either.
    """

    outcome: Outcome
    message: str
    disk_full: bool = False
    refused: bool = False


@dataclass(frozen=True)
class Task:
    """What a candidate's process is told to do.

    Attributes:
        job: The job.
        record: None for the build stage, else what the build left, for the measuring stage.
        folder: For the process's temporary files; removed when it has ended, however it ended.
        held: Whether to stay ready for a run-off instead of measuring.
        questions: Labelled images to answer instead of measuring, or None.
    """

    job: Job
    record: BuildRecord | None
    folder: Path
    held: bool = False
    questions: Questions | None = None


def run_child(channel: int, output: int, server: int) -> int:
    """What a process does that was just forked for a candidate.

    Args:
        channel: Descriptor of its end of the channel, by which its `Task` comes.
        output: Descriptor that takes everything it prints.
        server: Id of the process that it forked from.

    Returns:
        Its exit code.
    """
    _detach(output, server)
    line = Channel(socket.socket(fileno=channel))
    try:
        task: Task = line.receive()
    except EOFError:
        return 0  # the run was stopped before it could say what to do
    os.environ["TMPDIR"] = str(task.folder)
    tempfile.tempdir = None  # what was worked out before the fork
    try:
        run_stage(line, task)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    return 0


def run_stage(channel: Channel, task: Task) -> None:
    """One stage of a candidate.

    Sends ("phase", name) as it goes, ("answer", value) in a run-off, then ("done", result) or ("failed", Failure).

    Args:
        channel: To whoever waits.
        task: What to do.
    """
    current = "start"

    def phase(name: str) -> None:
        nonlocal current
        current = name
        channel.send(("phase", name))

    try:
        _prepare_process(task.job)
        result: Any
        if task.record is None:
            result = build(task.job, phase)
        elif task.held:
            result = hold(task.job, phase, lambda value: channel.send(("answer", value)), channel.receive)
        elif task.questions is not None:
            result = examine(task.job, task.questions, phase)
        else:
            result = measure(task.job, task.record, phase)
        channel.send(("done", result))
    except Exception as error:  # noqa: BLE001 - the one place that turns whatever a candidate raises into an outcome
        traceback.print_exc()
        channel.send(("failed", _failure(error, current)))


def be_subreaper() -> None:
    """Processes whose parents die, anywhere below this one, become its children instead of the system's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _detach(output: int, server: int) -> None:
    """A session of its own, death with its parent, and its output where it is read."""
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)  # the parent died before its death could have been told
    be_subreaper()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    faulthandler.enable(file=2)  # where it was, when a signal ends it


def _prepare_process(job: Job) -> None:
    """Threads as the profile says; nothing that only real devices need for a simulated one."""
    if job.device_kind == "fake":
        return
    import torch

    torch.set_num_threads(job.threads)


def _failure(error: Exception, phase: str) -> Failure:
    reason = _first_line(error)
    if _is_disk_full(error):
        return Failure(Outcome.BUILD_FAILED, f"no space left on a disk during {phase}: {reason}", disk_full=True)
    if isinstance(error, LabelledImageError):
        return Failure(Outcome.CRASHED, str(error), refused=True)
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
    text = _words(error)
    return any(
        words in text for words in ("can't allocate memory", "out of memory", "bad_alloc", "failed to allocate")
    )


def _is_disk_full(error: BaseException) -> bool:
    """Also where a library, or a compiler that it called, says it in words."""
    return any(
        (isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT))
        or os.strerror(errno.ENOSPC).lower() in _words(one)
        for one in _chain(error)
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it."""
    following: BaseException | None = error
    seen: set[int] = set()
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _words(error: BaseException) -> str:
    try:
        return str(error).lower()
    except Exception:  # noqa: BLE001 - a library's error that cannot even be printed
        return ""


def _first_line(error: Exception) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - see above
        return "no message"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:500] if lines else "no message"
