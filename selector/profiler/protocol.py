"""How a figure is measured: the numbers behind `PROTOCOL_VERSION`, and when timing stops.

The rules are those of MLPerf LoadGen (a minimum of time and of queries), of nvbench (stop when the interval is
narrow) and of sequential testing (stop when the interval lies on one side of the limit). Changing any number here
that changes figures raises `selector.types.PROTOCOL_VERSION`.
"""

from __future__ import annotations

from dataclasses import dataclass

from selector.metrics import PERCENTILE_SAMPLES
from selector.profiler.intervals import half_width, statistic
from selector.types import LatencySummary

MIN_SECONDS = 0.5
"""Timing lasts at least this long, unless a limit is proven to be missed before."""
MIN_QUERIES = 30
HOPELESS_QUERIES = 10
"""Queries after which a proven miss may end the timing."""
HOPELESS_FACTOR = 2.0
"""A limit is missed by far when the statistic is proven to be beyond this many times the limit."""
HOPELESS_SECONDS = 1.0
"""Time in queries that a figure is worth even where the limit is missed by far: it says by how much."""
NARROW = 0.02
"""Half-width, relative to the value, at which an interval is narrow enough."""
CHECK_EVERY_SECONDS = 0.1
"""How often the stopping rule looks; between two looks nothing but queries runs."""
MAX_QUERIES = 200_000
WARMUP_WINDOW = 5
WARMUP_SHARE = 0.3
"""Warm-up takes at most this share of the time cap (and three queries at least)."""
INPUT_SETS = 4
"""Different inputs that the queries rotate among."""
AGREEMENT_IMAGES = 4
"""Images, at least, on which the prepared model is compared with fp32 eager."""

CALIBRATION_SPINS = 60
CALIBRATION_PAUSE = 0.01
CALIBRATION_SHARE = 0.75
"""What fixed work usually takes: this share of so many pieces, with pauses between them, takes no longer."""
ATTEMPTS = 3
"""How often a sample set is taken, at most, until nothing disturbed it."""
WINDOW_SECONDS = 0.25
CALM_WINDOWS = 2
"""A device is quiet when in so many windows, one after the other, nothing else used it."""
PATIENCE_SECONDS = 8.0
"""Waiting for quiet, at most, for one candidate."""

ROUND_SECONDS = 0.05
"""Time in queries of each candidate, at least, in a round of a run-off."""
ROUND_QUERIES = 5
SETTLING_QUERIES = 2
"""Queries before those of a round that are not timed: the others have used the caches meanwhile."""
SETTLING_SECONDS = 0.02
"""Pause before a candidate's turn: threads of the one before still spin in wait for work."""
ROUND_SPACING = 0.5
"""A round begins at least so many seconds after the one before: visits shall see the machine at different times."""
ROUND_LOOKS = (8, 16, 32, 64, 128)
"""Rounds after which a run-off looks whether it is decided."""
STEADY = 0.025
"""Half-width, relative to the value, at which the figure of many visits is narrow enough."""
VISITS_CAP = 7.5
"""A run-off ends after this many times the time cap of one candidate anyway."""
ALIKE = 0.01
"""Two finalists are alike when their ratio is proven to be within this of 1."""


@dataclass(frozen=True)
class Target:
    """A statistic that the profile asks for.

    Attributes:
        statistic: "mean", "p50", "p90", "p95" or "p99".
        limit: The statistic's limit in seconds per query, or None when the profile ranks by it.
        ranked: Whether candidates are ranked by it; a decided limit alone does not end the timing then.
    """

    statistic: str
    limit: float | None = None
    ranked: bool = False


@dataclass(frozen=True)
class StoppingRule:
    """When timing may stop.

    Attributes:
        targets: What must be settled.
        time_cap: Seconds spent in queries at most.
    """

    targets: tuple[Target, ...]
    time_cap: float

    def verdict(self, summary: LatencySummary) -> str | None:
        """Why timing stops now, or None to go on.

        Args:
            summary: Of all samples so far. Time is the time in queries, so that a stored sample is judged as it was
                when it was taken.

        Returns:
            "limit" (every limit is decided, or one is hopeless), "interval" (every interval is narrow), or
            "time_cap".
        """
        if summary.samples >= HOPELESS_QUERIES and any(self._hopeless(target, summary) for target in self.targets):
            return "limit"
        enough = summary.seconds >= MIN_SECONDS and summary.samples >= MIN_QUERIES
        settled = [_settled(target, summary) for target in self.targets]
        if enough and all(settled):
            return "limit" if "limit" in settled else "interval"
        return "time_cap" if summary.seconds >= self.time_cap or summary.samples >= MAX_QUERIES else None

    def _hopeless(self, target: Target, summary: LatencySummary) -> bool:
        """Whether a limit is proven missed and a figure that tells by how much is not worth its time.

        A near miss gets its figure, which says what to relax, unless the time cap would not give it one.
        """
        low = _proven_low(target, summary)
        if target.limit is None or low is None or low <= target.limit:
            return False
        needed = PERCENTILE_SAMPLES.get(target.statistic, MIN_QUERIES)
        seconds = needed * summary.mean.value
        by_far = low > HOPELESS_FACTOR * target.limit
        return summary.samples >= needed or seconds > self.time_cap or (by_far and seconds > HOPELESS_SECONDS)


def _proven_low(target: Target, summary: LatencySummary) -> float | None:
    """What the statistic is certainly not below, or None."""
    if target.statistic == "mean" and summary.samples < MIN_QUERIES:
        return None  # order statistics are exact for any number of samples, a bootstrap of ten is not
    return statistic(summary, target.statistic).low


def _settled(target: Target, summary: LatencySummary) -> str | None:
    """Why a target is settled, or None."""
    if summary.samples < PERCENTILE_SAMPLES.get(target.statistic, 1):
        return None
    interval = statistic(summary, target.statistic)
    if half_width(interval) <= NARROW:
        return "interval"
    held = target.limit is not None and interval.high is not None and interval.high < target.limit
    return "limit" if held and not target.ranked else None
