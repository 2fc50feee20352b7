"""Progress on a terminal: a bar over all candidates, below it the one at work; finished ones scroll by above."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from selector.cli.log import RunLog
from selector.cli.output import visible
from selector.cli.progress import PlainProgress
from selector.cli.wording import best_text, left_text
from selector.quantities import format_quantity
from selector.requirements import RequirementProfile
from selector.types import Measurement, Planned, RunOff

_BAR = 30
"""Columns of the bar."""


class BarProgress(PlainProgress):
    """The plain lines, and below them how far the run is.

    Args:
        profile: As of `PlainProgress`.
        log: Likewise.
        console: Where to.
        verbose: Whether to print the logs of failures.
    """

    def __init__(
        self, profile: RequirementProfile | None, log: RunLog | None, console: Console, *, verbose: bool
    ) -> None:
        super().__init__(profile, log, verbose=verbose)
        self._console = console
        self._now = ""
        self._phase = ""
        self._since = time.monotonic()

    def __rich__(self) -> Group:
        """What stands below the lines, drawn anew several times a second."""
        if not self._now:
            return Group()
        running = time.monotonic() - self._since
        overall = Table.grid(padding=(0, 1))
        cells: list[ProgressBar | Text] = [
            ProgressBar(total=max(1, self.total), completed=self.done, width=_BAR),
            Text(f"{self.done:,}/{self.total:,}"),
        ]
        if self.remaining is not None and self.best is not None:
            best = visible(best_text(self.best))
            cells.append(Text(left_text(self.remaining.seconds(running)), style="cyan"))
            cells.append(Text(best, style="green", no_wrap=True, overflow="ellipsis"))
        overall.add_row(*cells)
        spent = format_quantity(max(running, 0.1), "time", 2)
        phase = f"{self._phase}, " if self._phase else ""
        current = Text(visible(f"  {self._now}: {phase}{spent}"), style="dim", no_wrap=True, overflow="ellipsis")
        return Group(overall, current)

    def measures(self, planned: Planned, done: int, left: int) -> None:
        """See `Observer`."""
        super().measures(planned, done, left)
        self._begin(planned.candidate.id)

    def phase(self, planned: Planned, name: str) -> None:  # noqa: ARG002
        """See `Observer`."""
        self._phase = name

    def measured(self, planned: Planned, measurement: Measurement) -> None:
        """See `Observer`."""
        super().measured(planned, measurement)
        self._begin("")

    def examines(self, planned: Planned, images: int, total: int) -> None:
        """See `Observer`."""
        super().examines(planned, images, total)
        self._begin(planned.candidate.id)

    def meets(self, finalists: Sequence[Planned]) -> None:
        """See `Observer`."""
        super().meets(finalists)
        self._begin(" against ".join(one.candidate.id for one in finalists))

    def met(self, run_off: RunOff | None, why: str) -> None:
        """See `Observer`."""
        super().met(run_off, why)
        self._begin("")

    def tell(self, line: str) -> None:
        """Prints a line above the bars; never read as markup."""
        self._console.print(visible(line), markup=False, highlight=False, soft_wrap=True)

    def _begin(self, what: str) -> None:
        self._now, self._phase, self._since = what, "", time.monotonic()


@contextlib.contextmanager
def bars(
    profile: RequirementProfile | None, log: RunLog | None, *, verbose: bool, console: Console | None = None
) -> Iterator[BarProgress]:
    """Progress with bars that vanish at the end.

    Args:
        profile: As of `PlainProgress`.
        log: Likewise.
        verbose: Whether to print the logs of failures.
        console: Where to, standard error without it.
    """
    console = console or Console(stderr=True)
    progress = BarProgress(profile, log, console, verbose=verbose)
    with Live(progress, console=console, transient=True, refresh_per_second=4):
        yield progress
