"""Processes that a run left behind, found by the variable that all of a fork server's descendants inherit."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from selector.owners import has_ended
from selector.processes import process_ids

OWNER_VARIABLE = "SELECTOR_OWNER"
"""Environment variable with the token of the run's process and the number of its fork server."""


def end_marked(mark: str, seconds: float = 10.0) -> None:
    """Kills every process of one fork server, also those that made a session of their own.

    Args:
        mark: Value of the variable.
        seconds: How long to wait for their end.
    """
    _end(lambda value: value == mark, seconds)


def end_orphans(seconds: float = 10.0) -> None:
    """Kills what belongs to runs that are dead, and waits: a device is free when nothing uses it any more."""
    _end(has_ended, seconds)


def _end(chosen: Callable[[str], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while found := [pid for pid, value in _marks() if chosen(value)]:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return  # a process in the kernel's hands (a driver that hangs) ends later
        time.sleep(0.005)


def _marks() -> list[tuple[int, str]]:
    """(process id, value of the variable) of all processes that may be read and have it."""
    start = f"{OWNER_VARIABLE}=".encode()
    found = []
    for pid in process_ids():
        if pid == os.getpid():
            continue
        try:
            variables = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if start in variables:  # dead ones that wait for their parent's notice have none
            value = next((one for one in variables.split(b"\0") if one.startswith(start)), None)
            if value is not None:
                found.append((pid, value[len(start) :].decode(errors="replace")))
    return found
