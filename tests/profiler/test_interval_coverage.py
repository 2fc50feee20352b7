"""The stated 95 % intervals hold, also where queries resemble their neighbours, drift or come in bursts."""

from __future__ import annotations

import importlib.util
import sys
import zlib
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from selector.profiler.intervals import statistic
from selector.profiler.statistics import summarize

STREAMS_FILE = Path(__file__).parents[2] / "benchmarks" / "streams.py"
STATISTICS = ("p50", "p95", "mean")
QUERIES = 400
REPEATS = 200
HOLDS = 0.93

UNSEEN = {("Pareto spikes, 1 %", "mean")}
"""Of spikes as rare as that, 400 queries often show none or one: their mean is not known, whoever computes it."""


def _load() -> ModuleType:
    """The streams that the benchmark uses too; benchmarks are no package."""
    spec = importlib.util.spec_from_file_location("streams", STREAMS_FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["streams"] = module
    spec.loader.exec_module(module)
    return module


streams = _load()
BY_NAME = {stream.name: stream for stream in streams.STREAMS}


@cache
def _coverage(name: str) -> dict[str, float]:
    random = np.random.default_rng(zlib.crc32(name.encode()))
    held = dict.fromkeys(STATISTICS, 0)
    for _ in range(REPEATS):
        samples, levels = BY_NAME[name].draw(random, QUERIES)
        summary = summarize(samples)
        for asked in STATISTICS:
            interval, truth = statistic(summary, asked), BY_NAME[name].truth(asked, levels)
            above = interval.low is None or interval.low <= truth * (1 + 1e-9)
            held[asked] += above and (interval.high is None or truth * (1 - 1e-9) <= interval.high)
    return {asked: count / REPEATS for asked, count in held.items()}


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("asked", STATISTICS)
def test_a_stated_interval_holds(name, asked):
    if (name, asked) in UNSEEN:
        pytest.skip("no sample of this size shows what is asked")
    assert _coverage(name)[asked] >= HOLDS


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("asked", STATISTICS)
def test_the_truth_of_a_stream_is_that_of_many_draws(name, asked):
    random = np.random.default_rng(5)
    samples, levels = BY_NAME[name].draw(random, 400_000)
    drawn = samples.mean() if asked == "mean" else np.quantile(samples, float(asked[1:]) / 100)
    # A slow stream drifts to many times its level within so many queries; the noise of the rest is far smaller.
    assert drawn == pytest.approx(BY_NAME[name].truth(asked, levels), rel=0.02)
