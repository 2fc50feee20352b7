"""What else runs on the processors is noticed while a real model is timed on them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fake_profiles import fake_profile

from selector.artifacts import ArtifactCache
from selector.devices import resolve
from selector.devices.host import foreign_load, host_counters
from selector.engines.local import LocalEngine, Order
from selector.journey import survey
from selector.optimizations import all_libraries
from selector.profiler.protocol import StoppingRule, Target
from selector.types import Outcome

CORES = len(os.sched_getaffinity(0))


class Load:
    """Processes that keep every core busy, from when they are started."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self._processes += [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(CORES)]

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def load() -> Iterator[Load]:
    made = Load()
    yield made
    made.stop()


def test_a_core_that_is_loaded_in_the_middle_makes_it_unstable(tmp_path: Path, load: Load) -> None:
    profile = fake_profile(
        device={"target": "cpu"},
        requirements=None,
        objective={"minimize": "latency_p50"},
        candidates={"models": ["test_vit.r160_in1k"], "optimizations": ["eager"]},
    )
    [planned] = survey(profile, None).plan.considered
    # Nothing but the cap ends the timing: p99 needs 662 queries, of which each takes some milliseconds.
    rule = StoppingRule((Target("p99", ranked=True),), time_cap=2.0)
    device = resolve("cpu")
    phases: list[str] = []

    def told(phase: str) -> None:
        phases.append(phase)
        if phase == "timing" and len(phases) == phases.index("timing") + 1:
            time.sleep(0.3)  # the child has begun to time meanwhile
            load.start()

    with LocalEngine(device, device.environment(None, all_libraries()), ArtifactCache(tmp_path), "run") as engine:
        measurement = engine.measure(
            Order(planned.candidate, planned.facts, rule, 0.1, pretrained=False), told
        ).measurement
    assert measurement.outcome is Outcome.UNSTABLE
    assert "other programs kept" in measurement.message
    assert "3 times in a row" in measurement.message
    assert phases.count("timing") == 3
    assert "waiting for quiet" in phases
    assert measurement.observation is not None
    assert measurement.observation.summary.samples > 0
    assert measurement.observation.diagnostics["foreign_seconds"] > 0.1
    assert measurement.observation.diagnostics["run_queue_seconds"] > 0


def test_the_hosts_counters_tell_others_from_oneself(load: Load) -> None:
    load.start()
    time.sleep(0.3)
    before, own, began = host_counters(), time.process_time(), time.monotonic()
    while time.monotonic() - began < 1.0:
        sum(range(1000))
    after, own, wall = host_counters(), time.process_time() - own, time.monotonic() - began
    foreign = after["foreign_seconds"] - before["foreign_seconds"]
    # All cores are full: what this process does not get, the others do, and nothing is counted twice.
    assert foreign > 0.5 * (CORES - 1) * wall
    assert foreign + own <= CORES * wall + 0.1
    assert own > 0.1
    assert after["run_queue_seconds"] >= before["run_queue_seconds"]


def test_foreign_load_is_what_others_keep_busy(load: Load) -> None:
    load.start()
    time.sleep(0.3)
    assert foreign_load(0.5) > 0.7 * CORES
