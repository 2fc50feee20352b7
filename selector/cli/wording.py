"""What is told of a run as it goes, in lines: the same on a terminal, in a pipe and in the log file."""

from __future__ import annotations

from collections.abc import Sequence

from selector.decision.best import Best
from selector.journey import Prospect
from selector.quantities import format_quantity
from selector.types import Measurement, Outcome, Planned, RunOff


def prospect_lines(prospect: Prospect) -> list[str]:
    """What a run is going to do, as lines."""
    considered = prospect.plan.considered
    unavailable = sum(one.unavailable is not None for one in considered)
    models = len({one.facts.name for one in considered})
    ways = len({one.candidate.optimization for one in considered})
    lines = [
        f"{prospect.device.name}: {counted(models, 'model')} × {counted(ways, 'way')} = "
        f"{counted(len(considered), 'candidate')}",
        f"{len(prospect.excluded):,} excluded by known facts, {unavailable:,} unavailable here, "
        f"{len(prospect.stored):,} in the store already, {len(prospect.open):,} to measure"
        + (f" (about {format_quantity(prospect.estimate.seconds, 'time', 2)})" if prospect.open else ""),
    ]
    return [*lines, *(f"note: {note}" for note in prospect.plan.notes)]


def outcome_text(measurement: Measurement, figure: str = "") -> str:
    """How a measurement ended, in one line.

    Args:
        measurement: What was measured.
        figure: The figure to tell of one that came through; without, its median.
    """
    observation = measurement.observation
    spent = f"({format_quantity(measurement.wall_seconds, 'time', 2)})"
    if measurement.outcome is Outcome.OK and observation is not None:
        median = format_quantity(observation.summary.percentiles["p50"].value, "time")
        return f"{figure or f'p50 {median}'}  {counted(observation.summary.samples, 'query', 'queries')} {spent}"
    return f"{measurement.outcome.value}: {measurement.message} {spent}"


def best_text(best: Best) -> str:
    """The best so far: "best so far: MODEL@WAY, top-1 79.1 % (published)"."""
    return f"best so far: {best.id}, {best.figure}" if best.id else "none feasible so far"


def left_text(seconds: float) -> str:
    """The time that is left, as far as one can tell."""
    return f"{format_quantity(seconds, 'time', 2)} left" if seconds >= 1 else "almost done"


def examines_text(planned: Planned, images: int, total: int) -> str:
    """That a candidate answers labelled images."""
    part = f"{images:,}" if images == total else f"the first {images:,} of {total:,}"
    return f"examination: {planned.candidate.id} answers {part} labelled images"


def together_text(finalists: Sequence[Planned]) -> str:
    """That finalists are timed in turn."""
    return f"run-off, too near to tell apart: {', '.join(one.candidate.id for one in finalists)} are timed in turn"


def met_text(run_off: RunOff | None, why: str) -> str:
    """How a run-off ended."""
    if run_off is None:
        return f"the run-off did not come about: {why}"
    rounds = f"{counted(run_off.rounds, 'round')}, took {format_quantity(run_off.wall_seconds, 'time', 2)}"
    return f"the run-off decides nothing: {why} ({rounds})" if why else f"run-off done: {rounds}"


def counted(number: int, noun: str, several: str = "") -> str:
    """A number of things: "1 model", "2 queries"."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"
