"""What a run is told and tells: options, prospect, observer. Light, so that whoever only reads can import it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from selector.artifacts import ArtifactCache
from selector.devices import Device
from selector.errors import UsageError, excerpt
from selector.quantities import parse_quantity
from selector.requirements import Exclusion
from selector.search.estimate import Estimate
from selector.types import Measurement, Plan, Planned, RunOff

BUILD_SECONDS = 900.0
"""Limit of one build where ``SELECTOR_BUILD_LIMIT`` says nothing: a compiler may take minutes, a hang must end."""


def build_limit() -> float:
    """Seconds that one build may take: ``SELECTOR_BUILD_LIMIT``, e.g. "30 min", else `BUILD_SECONDS`.

    Raises:
        UsageError: The variable is no time above zero.
    """
    configured = os.environ.get("SELECTOR_BUILD_LIMIT")
    if not configured:
        return BUILD_SECONDS
    seconds = parse_quantity(configured, "time", "30 min")
    if seconds <= 0:
        raise UsageError(f"SELECTOR_BUILD_LIMIT must be above zero, not {excerpt(configured)}")
    return seconds


@dataclass(frozen=True)
class Options:
    """How a run goes, beside what the profile says.

    Attributes:
        only: Globs over candidate ids; others are not considered. Empty for all.
        skip: Globs over candidate ids that are not considered.
        force: Measure again what is stored.
        offline: Never ask the model hub.
        stopping: Asked often; when true the run ends and decides from what it has.
        build_seconds: Limit of one build.
        cache: The artifact cache.
    """

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    force: bool = False
    offline: bool = False
    stopping: Callable[[], bool] = lambda: False
    build_seconds: float = field(default_factory=build_limit)
    cache: ArtifactCache = field(default_factory=ArtifactCache)


@dataclass(frozen=True)
class Prospect:
    """What a run is going to do.

    Attributes:
        device: Where.
        plan: What is considered.
        excluded: What static facts exclude, by candidate id.
        left_out: Ids of candidates that `Options.only` and `Options.skip` took from the plan.
        stored: Sufficient measurements that the store has, by candidate id.
        open: What remains to be measured.
        estimate: What that is expected to take.
        strategy: Name of the strategy.
    """

    device: Device
    plan: Plan
    excluded: Mapping[str, Exclusion]
    left_out: tuple[str, ...]
    stored: Mapping[str, Measurement]
    open: tuple[Planned, ...]
    estimate: Estimate
    strategy: str


class Observer:
    """Is told how a run goes. Does nothing; override what is of interest."""

    def begins(self, prospect: Prospect) -> None:
        """The plan stands; nothing is measured yet."""

    def started(self, run_id: str) -> None:
        """The run is in the store under this id."""

    def waits(self) -> None:
        """Another run holds the device."""

    def measures(self, planned: Planned, done: int, left: int) -> None:
        """A candidate is begun; `done` were measured in this run, `left` are open, this one included."""

    def phase(self, planned: Planned, name: str) -> None:
        """The candidate at work begins a phase, such as "build" or "timing"."""

    def measured(self, planned: Planned, measurement: Measurement) -> None:
        """A candidate has ended and is in the store."""

    def examines(self, planned: Planned, images: int, total: int) -> None:
        """A candidate begins to answer labelled images, up to so many of all."""

    def meets(self, finalists: Sequence[Planned]) -> None:
        """Finalists are timed in turn."""

    def met(self, run_off: RunOff | None, why: str) -> None:
        """A run-off has ended and is in the store.

        Args:
            run_off: None when a finalist did not come through.
            why: What kept it from deciding anything; "" when nothing did.
        """
