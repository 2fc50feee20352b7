"""Timing again when something disturbed it, on the fake device's clock."""

import numpy as np
import pytest

from selector.devices.fake import Fake
from selector.profiler import protocol
from selector.profiler.calm import Quiet, time_calmly
from selector.profiler.harness import Stopwatch
from selector.profiler.protocol import StoppingRule, Target

RULE = StoppingRule((Target("p50"),), time_cap=2.0)


def _timed(device: Fake, patience: float = 8.0):
    phases: list[str] = []

    def run(_: object) -> None:
        device.advance(0.01)

    watch = Stopwatch(run, [None], device.synchronize, device.clock)
    timed = time_calmly(watch, RULE, device, threads=1, quiet=Quiet(3e-4, patience), phase=phases.append)
    return timed, phases


def test_once_is_enough_when_left_alone():
    timed, phases = _timed(Fake())
    assert (timed.attempts, timed.waited, timed.conditions.disturbed_by) == (1, 0.0, ())
    assert phases == ["warm-up", "timing"]
    assert timed.samples == pytest.approx(np.full(len(timed.samples), 0.01))


def test_what_was_disturbed_is_timed_again_when_it_is_quiet():
    device = Fake()
    device.load(0.5)  # ends with the first pause
    timed, phases = _timed(device)
    assert timed.attempts == 2
    assert timed.conditions.disturbed_by == ()
    assert timed.conditions.readings["foreign_seconds"] == 0.0
    assert timed.waited == pytest.approx(protocol.CALM_WINDOWS * protocol.WINDOW_SECONDS)
    assert phases == ["warm-up", "timing", "waiting for quiet", "warm-up", "timing"]


def test_a_bounded_number_of_times():
    device = Fake()
    device.load(1.0)
    timed, phases = _timed(device)
    assert timed.attempts == protocol.ATTEMPTS == phases.count("timing")
    assert timed.conditions.disturbed_by
    assert 8.0 <= timed.waited <= 8.0 + 2 * protocol.WINDOW_SECONDS  # patience is for all attempts together


def test_without_patience_it_does_not_wait():
    device = Fake()
    device.load(1.0)
    timed, _ = _timed(device, patience=0.0)
    assert (timed.attempts, timed.waited) == (protocol.ATTEMPTS, 0.0)
