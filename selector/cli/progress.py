"""How a run's progress is shown: bars on a terminal, plain lines elsewhere, nothing when quiet; how it is stopped."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from selector.cli.log import RunLog
from selector.cli.options import fancy
from selector.cli.output import say
from selector.cli.wording import (
    best_text,
    examines_text,
    left_text,
    met_text,
    outcome_text,
    prospect_lines,
    together_text,
)
from selector.decision.best import Best
from selector.journey import Observer, Prospect
from selector.requirements import RequirementProfile
from selector.search.remaining import Remaining
from selector.types import Measurement, Outcome, Planned, RunOff


class Several(Observer):
    """Tells several observers, one after the other."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def begins(self, prospect: Prospect) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.begins(prospect)

    def started(self, run_id: str) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.started(run_id)

    def waits(self) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.waits()

    def measures(self, planned: Planned, done: int, left: int) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.measures(planned, done, left)

    def phase(self, planned: Planned, name: str) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.phase(planned, name)

    def measured(self, planned: Planned, measurement: Measurement) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.measured(planned, measurement)

    def examines(self, planned: Planned, images: int, total: int) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.examines(planned, images, total)

    def meets(self, finalists: Sequence[Planned]) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.meets(finalists)

    def met(self, run_off: RunOff | None, why: str) -> None:
        """See `Observer`."""
        for one in self._observers:
            one.met(run_off, why)


class PlainProgress(Observer):
    """One line for each measurement that has ended: its figure, the best so far, the time that is left.

    Counted are candidates: one measurement settles every tag of an architecture.

    Args:
        profile: What is asked; without it nobody is the best so far.
        log: The run's log file, named with every failure, where there is one.
        verbose: Whether to print the logs of failures.
    """

    def __init__(
        self, profile: RequirementProfile | None = None, log: RunLog | None = None, *, verbose: bool = False
    ) -> None:
        self._profile = profile
        self._log = log
        self._verbose = verbose
        self.done = 0
        self.total = 0
        self.best: Best | None = None
        self.remaining: Remaining | None = None

    def begins(self, prospect: Prospect) -> None:
        """See `Observer`."""
        self.done, self.total = 0, len(prospect.open)
        if prospect.open and self._profile is not None:
            self.best = Best(self._profile, prospect.plan, prospect.stored)
            self.remaining = Remaining(self._profile, prospect.open, prospect.plan.environment)
        for line in prospect_lines(prospect):
            self.tell(line)

    def waits(self) -> None:
        """See `Observer`."""
        self.tell("another run is measuring on this device; waiting for it to end")

    def measures(self, planned: Planned, done: int, left: int) -> None:  # noqa: ARG002
        """See `Observer`."""
        self.done = self.total - left

    def measured(self, planned: Planned, measurement: Measurement) -> None:
        """See `Observer`."""
        figure, settled = "", 1
        if self.best is not None and self.remaining is not None:
            self.best.add(measurement)
            settled = self.remaining.seen(planned, measurement.wall_seconds)
            figure = self.best.told(planned, measurement)
        self.done = min(self.done + settled, self.total)
        width = len(str(self.total))
        text = outcome_text(measurement, figure)
        self.tell(
            f"[{self.done:{width}}/{self.total}] {planned.candidate.id}  {text}"
            f"{self._named(measurement)}{self._so_far()}"
        )
        if self._verbose and measurement.log:
            self.tell(measurement.log.rstrip())

    def examines(self, planned: Planned, images: int, total: int) -> None:
        """See `Observer`."""
        self.tell(examines_text(planned, images, total))

    def meets(self, finalists: Sequence[Planned]) -> None:
        """See `Observer`."""
        self.tell(together_text(finalists))

    def met(self, run_off: RunOff | None, why: str) -> None:
        """See `Observer`."""
        self.tell(met_text(run_off, why))

    def tell(self, line: str) -> None:
        """Prints a line."""
        say(line)

    def _named(self, measurement: Measurement) -> str:
        failed = measurement.outcome is not Outcome.OK
        path = None if self._log is None else self._log.path
        return f"; log: {path}" if failed and path is not None else ""

    def _so_far(self) -> str:
        if self.best is None or self.remaining is None:
            return ""
        seconds = self.remaining.seconds()
        left = f", {left_text(seconds)}" if seconds else ""
        return f"  ({best_text(self.best)}{left})"


@contextlib.contextmanager
def observing(
    profile: RequirementProfile | None = None, log: RunLog | None = None, *, quiet: bool, verbose: bool
) -> Iterator[Observer]:
    """The observer that fits the terminal, beside the run's log.

    Args:
        profile: What is asked; without it nobody is the best so far.
        log: The run's log file, where there is one.
        quiet: Whether to say nothing.
        verbose: Whether to print the logs of failures.
    """
    written = () if log is None else (log,)
    if quiet:
        yield Several(*written)
    elif not fancy(sys.stderr):
        yield Several(*written, PlainProgress(profile, log, verbose=verbose))
    else:
        from selector.cli.bars import bars

        with bars(profile, log, verbose=verbose) as shown:
            yield Several(*written, shown)


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C (or SIGTERM) into a request to stop; the second ends at once.

    Yields:
        A function that tells whether stopping was asked for.
    """
    asked: list[float] = []

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        if asked:
            raise KeyboardInterrupt
        asked.append(time.monotonic())
        say("stopping: the candidate at work is dropped; then comes the decision. Again to end at once")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
