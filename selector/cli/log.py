"""The log file of a run: everything that progress tells, and the whole log of what failed, with times.

It is made when the first candidate is begun, so that a run that measures nothing leaves none.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from selector.artifacts import cache_folder
from selector.cli.output import say, visible
from selector.cli.wording import met_text, outcome_text, prospect_lines, together_text
from selector.journey import Observer, Prospect
from selector.types import Measurement, Outcome, Planned, RunOff

FOLDER = "selector-logs"
"""Beside the file of an SQLite store."""


def log_path(store: str, run_id: str) -> Path:
    """Where the log of a run is, or would be: beside the file of an SQLite store, else in the cache folder.

    Args:
        store: The store's address.
        run_id: The run.
    """
    from selector.store.opening import parse_address

    path = parse_address(store).path
    if path is None:
        return cache_folder() / "logs" / f"{run_id}.log"
    beside = path.parent / FOLDER
    with contextlib.suppress(ValueError):
        beside = beside.relative_to(Path.cwd())  # shorter to read, and to type
    return beside / f"{run_id}.log"


class RunLog(Observer):
    """Writes a run's log file. A context manager: an error that ends the run is written, too.

    A log that cannot be written is told of once and then done without: measuring matters more.

    Args:
        store: The store's address.
        quiet: Whether not to say where it is when an error ends the run.

    Attributes:
        path: The file, None until it is there.
    """

    def __init__(self, store: str, *, quiet: bool = False) -> None:
        self.path: Path | None = None
        self._store = store
        self._quiet = quiet
        self._run_id = ""
        self._waiting: list[str] = []
        self._file: TextIO | None = None
        self._broken = False

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        if error is not None:
            self._write("the run ended by an error\n" + "".join(traceback.format_exception(kind, error, trace)))
            if self.path is not None and not self._quiet:
                say(f"the log of this run: {self.path}")
        else:
            self._write("the run ended")
        with contextlib.suppress(OSError):
            self._file.close()

    def begins(self, prospect: Prospect) -> None:
        """See `Observer`."""
        for line in prospect_lines(prospect):
            self._write(line)

    def started(self, run_id: str) -> None:
        """See `Observer`."""
        self._run_id = run_id
        self._write(f"run {run_id} in the store {self._store_name()}")

    def waits(self) -> None:
        """See `Observer`."""
        self._write("another run is measuring on this device; waiting for it to end")

    def measures(self, planned: Planned, done: int, left: int) -> None:
        """See `Observer`."""
        self._open()
        self._write(f"{planned.candidate.id}: begun, {done} done, {left} left")

    def phase(self, planned: Planned, name: str) -> None:
        """See `Observer`."""
        self._write(f"{planned.candidate.id}: {name}")

    def measured(self, planned: Planned, measurement: Measurement) -> None:
        """See `Observer`."""
        self._write(f"{planned.candidate.id}: {outcome_text(measurement)}")
        if measurement.outcome is not Outcome.OK and measurement.log.strip():
            indented = "\n".join(f"    {line}" for line in measurement.log.rstrip().splitlines())
            self._write(f"{planned.candidate.id}: the log of its process\n{indented}")

    def meets(self, finalists: Sequence[Planned]) -> None:
        """See `Observer`."""
        self._open()
        self._write(together_text(finalists))

    def met(self, run_off: RunOff | None, why: str) -> None:
        """See `Observer`."""
        self._write(met_text(run_off, why))

    def _store_name(self) -> str:
        from selector.store.opening import parse_address

        return parse_address(self._store).name

    def _open(self) -> None:
        if self._file is not None or self._broken or not self._run_id:
            return
        path = log_path(self._store, self._run_id)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            self._give_up(path, error)
            return
        self.path = path
        waiting, self._waiting = self._waiting, []
        self._put("".join(waiting))

    def _write(self, text: str) -> None:
        """A line with its time; more lines of the same text follow as they are."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = f"{now}  {visible(text.rstrip())}\n"
        if self._file is None:
            self._waiting.append(line)
        else:
            self._put(line)

    def _put(self, text: str) -> None:
        if self._file is None or self._broken:
            return
        try:
            self._file.write(text)
            self._file.flush()  # a kill must not swallow what led to it
        except OSError as error:
            self._give_up(Path(self._file.name), error)

    def _give_up(self, path: Path, error: OSError) -> None:
        self._broken = True
        self.path = None
        say(f"no log of this run is written: {path}: {error.strerror}")
