"""Timing until it was not disturbed, or patience ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from selector.devices import Device
from selector.profiler import protocol
from selector.profiler.harness import Stopwatch, time_queries, warm_up
from selector.profiler.lookout import Conditions, Lookout, wait_until_quiet
from selector.profiler.protocol import StoppingRule
from selector.profiler.statistics import Samples


@dataclass(frozen=True)
class Quiet:
    """What is known of the device's peace before something is timed on it.

    Attributes:
        calibration: Seconds that `Device.spin` usually takes; see `lookout.calibrate`.
        patience: Seconds to wait for quiet at most, between two attempts.
    """

    calibration: float
    patience: float


@dataclass(frozen=True)
class Timed:
    """Samples of one attempt, and how it went.

    Attributes:
        samples: Seconds per query in order, shape (n,).
        stopped_because: See `StoppingRule.verdict`.
        warmup: Seconds of each warm-up query before the first attempt.
        conditions: What else used the device during this attempt.
        attempts: How many there were.
        waited: Seconds of waiting for quiet.
        joules: Of this attempt, or None without a counter.
    """

    samples: Samples
    stopped_because: str
    warmup: tuple[float, ...]
    conditions: Conditions
    attempts: int
    waited: float
    joules: float | None


def time_calmly(
    watch: Stopwatch,
    rule: StoppingRule,
    device: Device,
    *,
    threads: int,
    quiet: Quiet,
    phase: Callable[[str], None],
) -> Timed:
    """Warms up and times queries; once more, from the first sample on, whenever something disturbed it.

    A sample set is kept or replaced as a whole: leaving out what looks disturbed would leave out slow queries that
    are the model's own.

    Args:
        watch: What is timed.
        rule: When timing stops.
        device: Where.
        threads: Host threads that it uses.
        quiet: What is known of the device's peace.
        phase: Is told what begins.

    Returns:
        The first attempt that was left alone, or else the last of `protocol.ATTEMPTS`.
    """
    warmup: tuple[float, ...] = ()
    waited = 0.0
    for attempt in range(1, protocol.ATTEMPTS + 1):
        if attempt > 1:
            phase("waiting for quiet")
            waited += wait_until_quiet(device, threads, quiet.calibration, quiet.patience - waited)
        phase("warm-up")
        trace = warm_up(watch, protocol.WARMUP_SHARE * rule.time_cap)
        warmup = warmup or trace
        lookout = Lookout(device, threads, quiet.calibration)
        joules = device.energy()
        phase("timing")
        lookout.begin()
        samples, stopped_because = time_queries(watch, rule, lookout.look)
        lookout.end()
        joules_after = device.energy()
        spent = None if joules is None or joules_after is None else joules_after - joules
        timed = Timed(samples, stopped_because, warmup, lookout.conditions(), attempt, waited, spent)
        if not timed.conditions.disturbed_by:
            break
    return timed
