"""What runs below a process, read from /proc."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path


def descendants(pid: int) -> set[int]:
    """Ids of all living processes below `pid`; those that died and await their parent's notice do not count."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            state, parent = _stat(entry)
            if state not in ("", "Z"):
                children.setdefault(parent, []).append(int(entry.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found.update(below)
        waiting += below
    return found


def measuring(pid: int) -> set[int]:
    """`descendants` without the resource tracker, which `multiprocessing` keeps for as long as a process lives."""
    return {one for one in descendants(pid) if "resource_tracker" not in command(one)}


def command(pid: int) -> str:
    """The command line, "" for a process that is gone."""
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def alive(pids: Iterable[int]) -> set[int]:
    """Those that still run."""
    return {one for one in pids if _stat(Path("/proc") / str(one))[0] not in ("", "Z")}


def await_end(pids: Iterable[int], seconds: float = 60.0) -> set[int]:
    """Waits for processes to end; those that still ran after `seconds`, and were then killed."""
    deadline = time.monotonic() + seconds
    left = alive(pids)
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = alive(left)
    for one in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    return left


def _stat(entry: Path) -> tuple[str, int]:
    """State and parent of a process; ("", 0) when it is gone."""
    try:
        text = (entry / "stat").read_text(errors="replace")
    except OSError:
        return "", 0
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)
