"""Candidates' processes, seen from the run: started warm, followed, and ended with all that they started.

A child forks from a process that has imported torch and the runtimes once (`selector.engines.warm`), so that it
starts in about 20 ms instead of five seconds.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from selector.artifacts import ArtifactCache
from selector.engines import warm
from selector.engines.child import Child, Ended, ServerDied, Stopped
from selector.engines.orphans import OWNER_VARIABLE, end_marked
from selector.engines.tail import Tail
from selector.errors import DiskFullError, LabelledImageError
from selector.owners import is_left, owner_token
from selector.profiler.channel import Channel
from selector.profiler.child import Failure, Task
from selector.profiler.examining import Questions
from selector.profiler.stages import BuildRecord, Job
from selector.types import Outcome

__all__ = ["Child", "Ended", "ForkServer", "Stopped", "remove_left"]

_ATTEMPTS = 3
_PAUSE_SECONDS = 0.3
_END_SECONDS = 30.0
_FOLDER_PREFIX = "selector-"
_numbers = itertools.count(1)


class ForkServer:
    """A context manager that holds the warmed process for one run. Several may be held at once.

    Args:
        preload: Modules that it imports beforehand. Imports only: running anything there can deadlock children.
        environment: Variables that it and so all children get on top of this process's.

    Attributes:
        pid: Id of the warmed process, or None while there is none.
    """

    def __init__(self, preload: tuple[str, ...], environment: dict[str, str]) -> None:
        self._preload = preload
        self._environment = environment
        self._mark = f"{owner_token()}.{next(_numbers)}"
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._folder: Path | None = None
        self._ready = False
        self._children = itertools.count(1)

    def __enter__(self) -> ForkServer:
        try:
            self._folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER_PREFIX}{owner_token()}-"))
        except OSError as error:
            raise DiskFullError(
                f"a temporary folder could not be made in {tempfile.gettempdir()} ({error.strerror}). Free some "
                "space there, or name another place in TMPDIR, then give the same command again"
            ) from error
        with contextlib.suppress(OSError):
            self._ensure()  # now, so that it is warm when it is needed; if it cannot, a candidate's start tells why
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int | None:
        """See the class."""
        return None if self._process is None else self._process.pid

    def run(
        self,
        job: Job,
        record: BuildRecord | None,
        *,
        log: Tail,
        limit: float,
        stopping: Callable[[], bool],
        told: Callable[[str], None] = lambda _: None,
        questions: Questions | None = None,
    ) -> Ended:
        """Runs one stage in a child and waits for it.

        Whatever the child does comes back as its end. If the process that it forks from dies or cannot fork, that is
        tried again: it is no fault of the candidate, unless it happens each time.

        Args:
            job: The job.
            record: None for the build stage.
            log: Takes what the child prints.
            limit: Seconds until it is killed, with all that it started.
            stopping: Asked every 0.1 s; when true the child is killed.
            told: Takes the name of each phase that begins.
            questions: Labelled images to answer instead of measuring.

        Raises:
            Stopped: `stopping` said so.
            LabelledImageError: One of them cannot be decoded.
            DiskFullError: There was no space left for what the child had to write.
        """
        ended = Ended("start", None, None)
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_PAUSE_SECONDS * attempt)
            try:
                with self.child(job, record, log=log, questions=questions) as child:
                    ended = child.follow(limit, stopping, told)
                break
            except (ServerDied, OSError) as error:
                if stopping():
                    raise Stopped from None
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise DiskFullError(_no_space(str(error), job)) from error
                ended = Ended("start", None, Failure(Outcome.CRASHED, self._abandon(error)))
        if ended.failure is not None and ended.failure.disk_full:
            raise DiskFullError(_no_space(ended.failure.message, job))
        if ended.failure is not None and ended.failure.refused:
            raise LabelledImageError(ended.failure.message)
        return ended

    def child(
        self,
        job: Job,
        record: BuildRecord | None,
        *,
        log: Tail,
        held: bool = False,
        questions: Questions | None = None,
    ) -> Child:
        """Starts a stage in a child, a context manager that ends it. Several may be held at once.

        Raises:
            OSError: No process could be started.
            ServerDied: The process that it forks from is dead.
        """
        line = self._ensure()
        assert self._folder is not None
        folder = self._folder / str(next(self._children))
        folder.mkdir(parents=True)
        ours, theirs = Channel.pair()
        status, told = os.pipe()
        output = log.writer()
        try:
            socket.send_fds(line, [warm.FORK], [theirs.fileno(), told, output])
            ours.send(Task(job, record, folder, held, questions))
        except BaseException as error:
            ours.close()
            os.close(status)
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, ConnectionError):
                raise ServerDied from error
            raise
        finally:
            theirs.close()
            os.close(told)
            os.close(output)
        return Child(ours, status, folder, kill=self._kill, unbegun=self._end_unready, lose=self._end)

    def _kill(self, pid: int) -> None:
        """Has a child killed by its parent, which alone knows that the id is still the child's."""
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.send(b"%s %d" % (warm.KILL, pid))

    def _ensure(self) -> socket.socket:
        """The line to a living server."""
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._line is None:
            self._start()
        assert self._line is not None
        return self._line

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        preload = [*self._preload, "selector.profiler.child"]
        program = (
            f"import sys; sys.path[:] = {sys.path!r}; from selector.engines.warm import main; "
            f"main({theirs.fileno()}, {preload!r})"
        )
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **self._environment, OWNER_VARIABLE: self._mark},
                # Signals of the terminal and of the group are for the run, which then ends this process.
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._line, self._ready = ours, False

    def _abandon(self, error: Exception) -> str:
        """Ends a server that does not serve, so that the next child has another one; says what was wrong.

        One that died before it was ready may have died of what it imported: the next one imports nothing beforehand,
        and only those candidates fail that need it.
        """
        if isinstance(error, OSError) and not isinstance(error, ConnectionError):
            self._end()
            return f"no process could be started for it ({error.strerror}); memory or process numbers may be short"
        process, ready = self._process, self._is_ready()
        self._end()
        if not ready:
            self._preload = ()
        code = None if process is None else process.returncode
        how = f" ({signal.Signals(-code).name})" if code is not None and code < 0 else ""
        return f"the process that it forks from died{how}, each time that it was tried"

    def _is_ready(self) -> bool:
        """Whether the server has imported what it shall, and serves."""
        if self._line is not None and not self._ready:
            with contextlib.suppress(OSError):
                self._ready = self._line.recv(16, socket.MSG_DONTWAIT) == warm.READY
        return self._ready

    def _end_unready(self) -> None:
        if not self._is_ready():
            self._end()

    def _end(self) -> None:
        """Ends the server and all that it started; it does so itself when its line ends, unless it is dead."""
        ready = self._is_ready()
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._process is not None:
            if not ready:
                self._process.kill()  # it imports, hears nothing until that is done, and has forked nothing
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
            end_marked(self._mark)


def remove_left(cache: ArtifactCache) -> None:
    """Removes temporary folders and files of runs that were killed."""
    cache.remove_left()
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        with contextlib.suppress(OSError):
            if is_left(folder) and folder.lstat().st_uid == os.getuid():
                shutil.rmtree(folder, ignore_errors=True)


def _no_space(what: str, job: Job) -> str:
    return (
        f"{what}. Free some space where the cache {job.cache} and temporary files ({tempfile.gettempdir()}) are, "
        "then give the same command again; what was measured is kept"
    )
