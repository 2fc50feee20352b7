"""The timing loop. It adds nothing to what it times: no allocation, printing or hashing between two clock reads."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from selector.profiler import protocol
from selector.profiler.plateau import FEWEST, has_plateaued
from selector.profiler.protocol import StoppingRule
from selector.profiler.statistics import Samples, summarize

_KEPT_WARMUP = 500
_COMPARED = 1000
"""Queries, the last of a warm-up, that are compared with each other."""
_GROWTH = 1.25
"""A warm-up that still falls is looked at again when it is so many times as long."""


@dataclass(frozen=True)
class Stopwatch:
    """What the loop needs of a device and a runner.

    Attributes:
        run: Answers one query.
        inputs: What the queries rotate among.
        synchronize: Waits for the device.
        clock: Seconds.
    """

    run: Callable[[Any], Any]
    inputs: Sequence[Any]
    synchronize: Callable[[], None]
    clock: Callable[[], float]

    def times(self, count: int, start: int = 0) -> list[float]:
        """Seconds of each of `count` queries, one after the other, the device synchronized for each.

        Args:
            count: Number of queries.
            start: Position in the rotation of inputs.
        """
        run, synchronize, clock = self.run, self.synchronize, self.clock
        rotation = [self.inputs[(start + index) % len(self.inputs)] for index in range(count)]
        seconds = [0.0] * count
        for index, fed in enumerate(rotation):
            began = clock()
            run(fed)
            synchronize()
            seconds[index] = clock() - began
        return seconds


def warm_up(watch: Stopwatch, seconds: float) -> tuple[float, ...]:
    """Runs queries until their time no longer falls.

    Args:
        watch: What to run.
        seconds: Time after which it ends anyway.

    Returns:
        Seconds of each query (of the first 500).
    """
    trace: list[float] = []
    look = FEWEST
    began = watch.clock()
    while True:
        # One by one at first and near the end: a query may take seconds, and a window of them must not overrun.
        fits = len(trace) >= 3 and watch.clock() - began + protocol.WARMUP_WINDOW * min(trace) < seconds
        trace += watch.times(protocol.WARMUP_WINDOW if fits else 1, len(trace))
        if watch.clock() - began >= seconds and len(trace) >= 3:
            break
        if len(trace) >= look:
            if has_plateaued(trace[-_COMPARED:]):
                break
            look = math.ceil(_GROWTH * len(trace))
    return tuple(trace[:_KEPT_WARMUP])


def time_queries(
    watch: Stopwatch, rule: StoppingRule, look: Callable[[], None] = lambda: None
) -> tuple[Samples, str]:
    """Times queries until the rule says stop.

    Args:
        watch: What to run.
        rule: When timing stops.
        look: Called between two chunks of queries, about ten times a second; what it takes is not timed.

    Returns:
        Seconds per query in order, shape (n,), and why timing stopped.
    """
    samples = np.empty(0)
    with no_garbage_collection():
        count = 1
        while True:
            samples = np.concatenate((samples, watch.times(count, len(samples))))
            look()
            summary = summarize(samples)
            reason = rule.verdict(summary)
            if reason is not None:
                return samples, reason
            typical = max(float(np.median(samples)), 1e-7)
            # No chunk may overrun the time cap by more than a query.
            remaining = min(protocol.CHECK_EVERY_SECONDS, max(0.0, rule.time_cap - summary.seconds))
            count = max(1, min(int(remaining / typical), protocol.MAX_QUERIES - len(samples)))


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """As `timeit` does: a collection in the middle of a query would be counted as its latency."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
