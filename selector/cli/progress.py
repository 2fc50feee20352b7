"""How a run's progress is shown: a bar on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from selector.cli.options import fancy, say
from selector.journey import Observer, Prospect
from selector.quantities import format_quantity
from selector.types import Measurement, Outcome, Planned

if TYPE_CHECKING:
    from rich.progress import Progress


def prospect_lines(prospect: Prospect) -> list[str]:
    """What a run is going to do, as lines."""
    unavailable = sum(one.unavailable is not None for one in prospect.plan.considered)
    models = len({one.facts.name for one in prospect.plan.considered})
    ways = len({one.candidate.optimization for one in prospect.plan.considered})
    lines = [
        f"{prospect.device.name}: {models} models × {ways} ways = {len(prospect.plan.considered)} candidates",
        f"{len(prospect.excluded)} excluded by known facts, {unavailable} unavailable here, "
        f"{len(prospect.stored)} in the store already, {len(prospect.open)} to measure"
        + (f" (about {format_quantity(prospect.estimate.seconds, 'time', 2)})" if prospect.open else ""),
    ]
    return [*lines, *(f"note: {note}" for note in prospect.plan.notes)]


class PlainProgress(Observer):
    """One line for each candidate that has ended.

    Args:
        verbose: Whether to print the logs of failures.
    """

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._total = 0
        self._done = 0

    def begins(self, prospect: Prospect) -> None:
        """See `Observer`."""
        self._total = len(prospect.open)
        for line in prospect_lines(prospect):
            self.tell(line)

    def waits(self) -> None:
        """See `Observer`."""
        self.tell("another run is measuring on this device; waiting for it to end")

    def measured(self, planned: Planned, measurement: Measurement) -> None:
        """See `Observer`."""
        self._done += 1
        width = len(str(self._total))
        self.tell(f"[{self._done:{width}}/{self._total}] {planned.candidate.id}  {outcome_text(measurement)}")
        if self._verbose and measurement.log:
            self.tell(measurement.log.rstrip())

    def tell(self, line: str) -> None:
        """Prints a line."""
        say(line)


class BarProgress(PlainProgress):
    """The same lines above a bar with the time that is left."""

    def __init__(self, progress: Progress, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._progress = progress
        self._task: Any = None

    def begins(self, prospect: Prospect) -> None:
        """See `Observer`."""
        super().begins(prospect)
        if prospect.open:
            self._task = self._progress.add_task("measuring", total=len(prospect.open))

    def measures(self, planned: Planned, done: int, left: int) -> None:
        """See `Observer`."""
        self._progress.update(self._task, description=planned.candidate.id, completed=done, total=done + left)

    def measured(self, planned: Planned, measurement: Measurement) -> None:
        """See `Observer`."""
        super().measured(planned, measurement)
        self._progress.advance(self._task)

    def tell(self, line: str) -> None:
        """Prints a line above the bar; never read as markup."""
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def observing(*, quiet: bool, verbose: bool) -> Iterator[Observer]:
    """The observer that fits the terminal."""
    if quiet:
        yield Observer()
    elif not fancy(sys.stderr):
        yield PlainProgress(verbose=verbose)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            yield BarProgress(progress, verbose=verbose)


def outcome_text(measurement: Measurement) -> str:
    """How a measurement ended, in one line."""
    observation = measurement.observation
    spent = f"({format_quantity(measurement.wall_seconds, 'time', 2)})"
    if measurement.outcome is Outcome.OK and observation is not None:
        median = observation.summary.percentiles["p50"].value
        return f"p50 {format_quantity(median, 'time')}  {observation.summary.samples} queries {spent}"
    return f"{measurement.outcome.value}: {measurement.message} {spent}"


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
