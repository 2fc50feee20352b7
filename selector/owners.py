"""Whose a process, a folder or a temporary file is, and whether that owner still lives.

A process that is killed cannot clean up. What it leaves carries its token, and the next run removes what belongs to
the dead. A token names a process for good: its id alone is given again, its id and the moment of its start are not.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from functools import cache
from pathlib import Path

from selector.processes import process_of

_TOKEN = re.compile(r"(?P<space>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>\d+)")
_FOREIGN_SECONDS = 7 * 86_400.0
"""Age from which on the files of another machine, or of before a reboot, count as left."""


def owner_token() -> str:
    """Names this process: where its id counts (boot and process namespace), the id, and its start in clock ticks."""
    return f"{_space()}-{os.getpid()}-{_start(os.getpid())}"


def has_ended(text: str) -> bool:
    """Whether the owner that `text` names is known to be gone; False where that cannot be known from here.

    Args:
        text: Contains a token.
    """
    token = _TOKEN.search(text)
    if token is None or token["space"] != _space():
        return False
    return _start(int(token["pid"])) != int(token["start"])


def is_left(path: Path) -> bool:
    """Whether a file or folder with a token in its name was left by a process that is gone."""
    if has_ended(path.name):
        return True
    token = _TOKEN.search(path.name)
    if token is None or token["space"] == _space():
        return False
    try:
        return time.time() - path.stat().st_mtime > _FOREIGN_SECONDS
    except OSError:
        return False


@cache
def _space() -> str:
    """Process ids of another boot, or of another container, say nothing here."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    return hashlib.sha256((boot + str(Path("/proc/self/ns/pid").readlink())).encode()).hexdigest()[:8]


def _start(pid: int) -> int | None:
    """When a process started, None when it is gone; one that only waits for its parent's notice is gone."""
    found = process_of(pid)
    return None if found is None or found.ended else found.started
