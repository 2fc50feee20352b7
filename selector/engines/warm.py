"""The warmed process: it imports torch and the runtimes once, and candidates' processes fork from it.

Not `multiprocessing`'s fork server: there is one of that per program, which two runs in one program, or the program
that embeds this one, would take from each other; it ends when it cannot fork; and it leaves alone what a child
started. This one is a *subreaper* (prctl(2)): whatever a candidate's process leaves behind, in whichever session and
however often forked, becomes this process's child and is ended with the candidate.

It is told by its control socket to fork (with three descriptors: the child's channel, where to tell of its end, and
where it prints) or to kill a child. When that socket ends, the run is gone, and so are, in a moment, all below.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import selectors
import signal
import socket
import time
import warnings
from collections.abc import Sequence
from typing import NoReturn

from selector.processes import processes
from selector.profiler.child import be_subreaper, run_child

READY = b"ready"
FORK = b"fork"
KILL = b"kill"
_PATIENCE_SECONDS = 5.0


def main(control: int, preload: Sequence[str]) -> None:
    """Serves until the control socket ends.

    Args:
        control: Its descriptor.
        preload: Modules to import beforehand. One that fails does so again, and tells of it, in the child.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the run decides what a signal means
    be_subreaper()
    for module in preload:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    with socket.socket(fileno=control) as line:
        Warm(line).serve()


class Warm:
    """The serving loop.

    Args:
        line: The control socket.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._children: dict[int, int] = {}  # process id -> where to tell of its end

    def serve(self) -> None:
        """Forks, kills and tells of ends, until the control socket ends."""
        woken, waker = socket.socketpair()
        for end in (woken, waker):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self._ends = (woken, waker)
        with contextlib.suppress(OSError):
            self._line.send(READY)
        with selectors.DefaultSelector() as waiting:
            self._waiting = waiting
            waiting.register(self._line, selectors.EVENT_READ)
            waiting.register(woken, selectors.EVENT_READ)
            while True:
                found = {key.fileobj for key, _ in waiting.select()}
                if woken in found:
                    with contextlib.suppress(BlockingIOError):
                        woken.recv(4096)
                    self._reap()
                if self._line in found and not self._obey():
                    break
        self._end_all()

    def _obey(self) -> bool:
        """Does what it is told; False when nobody is there to tell any more."""
        try:
            message, descriptors, *_ = socket.recv_fds(self._line, 64, 3)
        except ConnectionError:
            return False
        if message.startswith(FORK):
            self._fork(*descriptors)
        elif message.startswith(KILL):
            self._kill(int(message.split()[1]))
        return bool(message)

    def _fork(self, channel: int, status: int, output: int) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of threads that the libraries have begun
                pid = os.fork()
        except OSError as error:
            _tell(status, f"unforked {error.errno}")
            os.close(status)
        else:
            if pid == 0:
                self._become(channel, status, output)
            self._children[pid] = status
            _tell(status, f"pid {pid}")
        os.close(channel)
        os.close(output)

    def _become(self, channel: int, status: int, output: int) -> NoReturn:
        """What the forked process does. Nothing of the server stays open in it, and it never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            server = os.getppid()
            self._waiting.close()
            for end in (self._line, *self._ends):
                end.close()
            for descriptor in (status, *self._children.values()):
                os.close(descriptor)
            code = run_child(channel, output, server)
        finally:
            # Not through the interpreter's end, which waits for threads that a candidate left.
            os._exit(code)

    def _kill(self, pid: int) -> None:
        if pid in self._children:  # not reaped yet, so the id is still its own
            _kill_group(pid)

    def _reap(self) -> None:
        """Tells of children that have ended, once nothing that they started is left."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            if ended.si_pid in self._children:
                _kill_group(ended.si_pid)  # before it is reaped: until then the number is taken
            _, status = os.waitpid(ended.si_pid, 0)
            told = self._children.pop(ended.si_pid, None)
            if told is not None:
                self._end_strays()
                _tell(told, f"code {os.waitstatus_to_exitcode(status)}")
                os.close(told)

    def _end_strays(self) -> None:
        """Ends what dead children left; whatever that leaves comes here too. Children of living ones are theirs."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while strays := _children_of(os.getpid()) - self._children.keys():
            for pid in strays:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            if time.monotonic() > deadline:
                return
            time.sleep(0.002)

    def _end_all(self) -> None:
        for pid in self._children:
            _kill_group(pid)
        self._children.clear()
        self._end_strays()


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # one that had not yet made its group


def _tell(descriptor: int, text: str) -> None:
    with contextlib.suppress(OSError):  # nobody waits any more
        os.write(descriptor, f"{text}\n".encode())


def _children_of(pid: int) -> set[int]:
    return {one.pid for one in processes() if one.parent == pid}
