"""Messages between a run and a candidate's process, over a socket, read so that no child can harm its reader.

`multiprocessing.Connection.recv` waits for the rest of a message that never comes and makes room for any length
that it is told. A candidate may print into the wrong descriptor, die in the middle of a message, or go on for ever.
"""

from __future__ import annotations

import contextlib
import pickle
import socket
import struct
from typing import Any

_HEAD = struct.Struct("!8sQ")
_MARK = b"selector"
_LARGEST = 2**30
_CHUNK = 2**16


class GarbledError(Exception):
    """What came is no message."""


class Channel:
    """One end.

    Args:
        end: Of a socket pair; the channel closes it.

    Attributes:
        ended: Whether the other side has closed its end.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._read = bytearray()
        self.ended = False

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Both ends."""
        ours, theirs = socket.socketpair()
        return cls(ours), cls(theirs)

    def fileno(self) -> int:
        """The descriptor, to wait for."""
        return self._socket.fileno()

    def send(self, message: Any) -> None:
        """Sends anything that pickles.

        Raises:
            Exception: Whatever pickling raises; nothing was sent then.
            OSError: The other side is gone.
        """
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        self._socket.sendall(_HEAD.pack(_MARK, len(data)) + data)

    def receive(self) -> Any:
        """Waits for one message.

        Raises:
            EOFError: The other side closed its end.
            GarbledError: What came is no message.
        """
        while not self.ended:
            if (whole := self._take()) is not None:
                return _unpickled(whole)
            self._fill(0)
        raise EOFError("the other side is gone")

    def received(self) -> list[Any]:
        """The messages that have arrived whole; waits for none.

        Raises:
            GarbledError: What came is no message.
        """
        with contextlib.suppress(BlockingIOError):
            while not self.ended:
                self._fill(socket.MSG_DONTWAIT)
        messages = []
        while (whole := self._take()) is not None:
            messages.append(_unpickled(whole))
        return messages

    def close(self) -> None:
        """Closes this end."""
        self._socket.close()

    def detach(self) -> int:
        """Gives the descriptor away."""
        return self._socket.detach()

    def _fill(self, flags: int) -> None:
        try:
            data = self._socket.recv(_CHUNK, flags)
        except ConnectionError:
            data = b""
        self.ended = not data
        self._read += data
        self._check()

    def _check(self) -> None:
        """Garbage is told by its first bytes: waiting for all that it promises would fill the memory."""
        mark, length = bytes(self._read[:8]), 0
        if len(self._read) >= _HEAD.size:
            mark, length = _HEAD.unpack_from(self._read)
        if not _MARK.startswith(mark) or length > _LARGEST:
            raise GarbledError(f"the first bytes are {bytes(self._read[:16])!r}")

    def _take(self) -> bytes | None:
        if len(self._read) < _HEAD.size:
            return None
        self._check()
        end = _HEAD.size + _HEAD.unpack_from(self._read)[1]
        if len(self._read) < end:
            return None
        whole = bytes(self._read[_HEAD.size : end])
        del self._read[:end]
        return whole


def _unpickled(data: bytes) -> Any:
    try:
        return pickle.loads(data)
    except Exception as error:  # unpickling may raise anything
        raise GarbledError(f"{type(error).__name__}: {error}") from error
