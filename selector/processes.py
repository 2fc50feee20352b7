"""The processes of this machine, as proc(5) tells of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """One process at one moment.

    Attributes:
        pid: Its id.
        name: Of its program, as the kernel cuts it.
        ended: Whether it is gone but for its parent's notice.
        parent: Its parent's id.
        seconds: Of processor time that it has used.
        started: When it began, in clock ticks since boot: its id is given again, its id and this are not.
    """

    pid: int
    name: str
    ended: bool
    parent: int
    seconds: float
    started: int


def process_of(pid: int) -> Process | None:
    """The process of an id, or None where there is none, or none that may be seen."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    head, _, tail = text.rpartition(")")  # a name may hold any character
    fields = tail.split()  # from the 3rd field of proc_pid_stat(5) on
    return Process(
        pid=pid,
        name=head.partition("(")[2],
        ended=fields[0] in "ZX",
        parent=int(fields[1]),
        seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
        started=int(fields[19]),
    )


def process_ids() -> Iterator[int]:
    """Ids of all processes that may be seen."""
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())


def processes() -> Iterator[Process]:
    """All processes that may be seen and have not ended meanwhile."""
    return (one for pid in process_ids() if (one := process_of(pid)) is not None)
