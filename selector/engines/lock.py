"""One run at a time on a device of this machine, whoever starts it and whichever cache and store it uses."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from selector.engines.child import Stopped
from selector.engines.orphans import end_orphans
from selector.types import DeviceKind, content_hash

_POLL_SECONDS = 0.5


@contextlib.contextmanager
def device_lock(
    kind: DeviceKind, device_id: str, cache: Path, *, waiting: Callable[[], None], stopping: Callable[[], bool]
) -> Iterator[float]:
    """Holds a device for the time of a block, free of processes that dead runs left.

    The lock is a socket's name in Linux's abstract namespace (unix(7)). The kernel gives it to one process of the
    machine, of whichever user, and takes it back when that process is gone; there is no file that could be left,
    removed while it is held, or belong to somebody else.

    Args:
        kind: The kind of device.
        device_id: Which.
        cache: The run's cache. A simulated device is shared by nobody who has another one.
        waiting: Called once when another run holds the device.
        stopping: Asked while it waits.

    Yields:
        Seconds for which another run held the device.

    Raises:
        Stopped: `stopping` said so.
    """
    share = [kind, device_id, str(cache.absolute())] if kind == "fake" else [kind, device_id]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
        waited = _take(lock, f"\0selector-device-{content_hash(share)}", waiting, stopping)
        end_orphans()
        yield waited


def _take(lock: socket.socket, name: str, waiting: Callable[[], None], stopping: Callable[[], bool]) -> float:
    began = time.monotonic()
    told = False
    while True:
        try:
            lock.bind(name)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return time.monotonic() - began if told else 0.0
        if not told:
            waiting()
            told = True
        if stopping():
            raise Stopped
        time.sleep(_POLL_SECONDS)
