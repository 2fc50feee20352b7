"""Imported by the process from which candidates' processes fork, and by nothing else."""

import errno
import os
from pathlib import Path

from support.misbehaving import NOTES, install

install()
_fork = os.fork


def _fork_if_possible() -> int:
    """Fails as often as the file "unforkable" says, as where a user may have no more processes."""
    note = Path(os.environ.get(NOTES, "/nonexistent")) / "unforkable"
    left = int(note.read_text()) if note.exists() else 0
    if left:
        note.write_text(str(left - 1))
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return _fork()


os.fork = _fork_if_possible
