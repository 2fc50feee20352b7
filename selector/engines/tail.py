"""The end of what a candidate prints. It is kept in memory: a candidate that prints for ever must not fill a disk."""

from __future__ import annotations

import os
import threading

LOG_BYTES = 20_000


class Tail:
    """Takes the output of one or more processes, the last `LOG_BYTES` of it."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._readers: list[threading.Thread] = []

    def writer(self) -> int:
        """A descriptor for a process to write to; a thread reads until every copy of it is closed."""
        reading, writing = os.pipe()
        # Read by a thread, so that a process which prints never waits for whoever waits for it.
        reader = threading.Thread(target=self._read, args=(reading,), daemon=True, name="candidate's output")
        reader.start()
        self._readers.append(reader)
        return writing

    def text(self, seconds: float = 2.0) -> str:
        """What was printed.

        Args:
            seconds: How long to wait for the end of the output, of processes that are dead.
        """
        for reader in self._readers:
            reader.join(seconds)
        return bytes(self._kept[-LOG_BYTES:]).decode(errors="replace")

    def _read(self, descriptor: int) -> None:
        with open(descriptor, "rb", buffering=0) as output:
            while data := output.read(2**16):
                self._kept += data
                del self._kept[:-LOG_BYTES]
