"""Progress on a terminal: what stands below the lines while a candidate is measured."""

from __future__ import annotations

import io

from rich.console import Console
from support.evidence import make_measurement
from support.fake_profiles import LONG, fake_profile

from selector.cli.bars import BarProgress, bars
from selector.cli.log import RunLog
from selector.journey import Observer, survey
from selector.types import Outcome

PROFILE = fake_profile()


def drawn(progress: BarProgress) -> list[str]:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(progress)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_it_tells_how_far_it_is_the_best_so_far_and_the_phase_at_work() -> None:
    prospect = survey(PROFILE, None)
    first, second = prospect.open[0], prospect.open[2]
    progress = BarProgress(PROFILE, None, Console(file=io.StringIO()), verbose=False)
    assert drawn(progress) == []
    progress.begins(prospect)
    progress.started("r1")
    progress.measures(first, 0, 4)
    overall, current = drawn(progress)
    assert "0/4" in overall
    assert "none feasible so far" in overall
    assert current.startswith(f"  {first.candidate.id}: ")
    for phase in ("build", "agreement", "warm-up", "timing"):
        progress.phase(first, phase)
        assert f"{first.candidate.id}: {phase}, " in drawn(progress)[1]
    measured = make_measurement(first.candidate, p50=0.003, environment=prospect.plan.environment)
    progress.measured(first, measured)
    assert drawn(progress) == []
    progress.measures(second, 1, 2)
    overall, current = drawn(progress)
    assert "2/4" in overall
    assert f"best so far: {LONG}@" in overall or "best so far: " in overall
    assert " left" in overall or "almost done" in overall
    assert ": build" not in current, "a phase ends with its candidate"


def test_names_are_never_read_as_markup_and_the_bars_vanish() -> None:
    console = Console(file=io.StringIO(), width=90, force_terminal=True)
    prospect = survey(PROFILE, None)
    planned = prospect.open[0]
    with bars(PROFILE, RunLog("sqlite://"), verbose=False, console=console) as progress:
        assert isinstance(progress, Observer)
        progress.begins(prospect)
        progress.measures(planned, 0, 4)
        progress.measured(
            planned, make_measurement(planned.candidate, outcome=Outcome.CRASHED, message="[bold]broken[/]")
        )
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "crashed: [bold]broken[/]" in written
    assert written.rfind("\x1b[?25h") >= written.rfind("\x1b[?25l"), "the cursor is shown again"
