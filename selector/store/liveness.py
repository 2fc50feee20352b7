"""Which of a store's runs still go on: a killed one cannot note its end.

Each run holds a lock on one byte of a file beside the SQLite store, the byte whose offset is the revision at which
it began. The kernel gives the lock up with the process, so nothing has to be guessed from process ids or clocks, and
it holds between users and containers that share the file. The locks belong to the open file ("open file description
locks", fcntl(2)), so that a reader in the same process does not undo them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from pathlib import Path

_LOCK = struct.Struct("hhqqi4x")  # struct flock on 64-bit Linux: type, whence, start, length, pid
_EVERYTHING = (0, 0)


class Liveness:
    """The locks of one store's runs.

    Args:
        store: The SQLite file; None for other databases, of whose runs nothing is known.
    """

    def __init__(self, store: Path | None) -> None:
        self._path = None if store is None else store.with_name(f"{store.name}-runs")
        self._held: dict[str, int] = {}

    def begin(self, run_id: str, revision: int) -> None:
        """This process's run goes on from now. Where no lock can be had (no space, no right), it counts as ended."""
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            while True:
                file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
                try:
                    _set(file, fcntl.F_WRLCK, revision, 1)
                    same = os.fstat(file).st_ino == self._path.stat().st_ino
                except FileNotFoundError:
                    same = False  # the last run of another process has just ended, and removed the file
                except OSError:
                    os.close(file)
                    raise
                if same:
                    self._held[run_id] = file
                    return
                os.close(file)

    def end(self, run_id: str) -> None:
        """This process's run has ended. The last one removes the file."""
        file = self._held.pop(run_id, None)
        if file is None or self._path is None:
            return
        with contextlib.suppress(OSError):
            _set(file, fcntl.F_WRLCK, *_EVERYTHING)
            self._path.unlink()
        os.close(file)

    def close(self) -> None:
        """Ends all of this process's runs."""
        for run_id in list(self._held):
            self.end(run_id)

    def is_over(self, revision: int) -> bool:
        """Whether the run that began at `revision` is known to go on no more."""
        if self._path is None:
            return False
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        try:
            asked = _LOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, revision, 1, 0)
            kind, *_ = _LOCK.unpack(fcntl.fcntl(file, fcntl.F_OFD_GETLK, asked))
        except OSError:
            return False
        finally:
            os.close(file)
        return bool(kind == fcntl.F_UNLCK)


def _set(file: int, kind: int, start: int, length: int) -> None:
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, _LOCK.pack(kind, os.SEEK_SET, start, length, 0))
