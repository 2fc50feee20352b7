"""The timing loop. It adds nothing to what it times: no allocation, printing or hashing between two clock reads."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from selector.profiler import protocol
from selector.profiler.protocol import StoppingRule
from selector.profiler.statistics import Samples, summarize

_KEPT_WARMUP = 500


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
    medians: list[float] = []
    began = watch.clock()
    while True:
        # One by one at first and near the end: a query may take seconds, and a window of them must not overrun.
        fits = len(trace) >= 3 and watch.clock() - began + protocol.WARMUP_WINDOW * min(trace) < seconds
        window = watch.times(protocol.WARMUP_WINDOW if fits else 1, len(trace))
        trace += window
        if watch.clock() - began >= seconds and len(trace) >= 3:
            break
        if len(window) < protocol.WARMUP_WINDOW:
            continue
        medians.append(float(np.median(window)))
        if len(trace) >= protocol.WARMUP_MIN_QUERIES and len(medians) > 1:
            best = min(medians[:-1])
            if medians[-1] >= protocol.WARMUP_PLATEAU * best:
                break
    return tuple(trace[:_KEPT_WARMUP])


def time_queries(watch: Stopwatch, rule: StoppingRule) -> tuple[Samples, str]:
    """Times queries until the rule says stop.

    Returns:
        Seconds per query in order, shape (n,), and why timing stopped.
    """
    samples = np.empty(0)
    with _no_garbage_collection():
        count = 1
        while True:
            samples = np.concatenate((samples, watch.times(count, len(samples))))
            summary = summarize(samples)
            reason = rule.verdict(summary)
            if reason is not None:
                return samples, reason
            typical = max(float(np.median(samples)), 1e-7)
            # No chunk may overrun the time cap by more than a query.
            remaining = min(protocol.CHECK_EVERY_SECONDS, max(0.0, rule.time_cap - summary.seconds))
            count = max(1, min(int(remaining / typical), protocol.MAX_QUERIES - len(samples)))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """As `timeit` does: a collection in the middle of a query would be counted as its latency."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
