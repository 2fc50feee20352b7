"""What counts as foreign load, on the fake device's clock."""

import pytest

from selector.devices.base import Signal, host_signals
from selector.devices.fake import Fake
from selector.profiler import protocol
from selector.profiler.lookout import Lookout, calibrate, wait_until_quiet


class Levelled(Fake):
    """A device with a reading of the moment, and fixed work that may become slower."""

    def __init__(self) -> None:
        super().__init__()
        self.level = 0.0
        self.slower = 1.0

    def levels(self):
        return {"heat": self.level}

    def spin(self):
        return 3e-4 * self.slower

    def signals(self, threads):
        return (*host_signals(threads, 1), Signal("heat", 0.5, lambda value: f"heat {value:.2f}"))


def _watched(device, seconds, *, calibration=3e-4):
    lookout = Lookout(device, 1, calibration)
    lookout.begin()
    for _ in range(10):
        device.advance(seconds / 10)
        lookout.look()
    lookout.end()
    return lookout.conditions()


def test_left_alone():
    conditions = _watched(Fake(), 1.0)
    assert conditions.disturbed_by == ()
    assert conditions.readings == {"foreign_seconds": 0.0, "spin": pytest.approx(1.0), "spin_spread": 0.0}


def test_foreign_load_is_told_with_its_size():
    device = Fake()
    device.load(0.8)
    [clause] = _watched(device, 2.0).disturbed_by
    assert clause == "other programs kept 0.8 of 1 cores busy"


def test_a_tick_of_the_kernels_accounting_is_not_load():
    device = Fake()
    device.load(0.1)
    assert _watched(device, 0.25).disturbed_by == ()
    assert _watched(device, 5.0).disturbed_by == ()
    device.load(0.15)
    assert _watched(device, 5.0).disturbed_by != ()


def test_what_a_candidate_leaves_free_others_may_use():
    foreign = {name: one for one in host_signals(2, 8) for name in [one.reading]}["foreign_seconds"]
    assert foreign.limit >= 6
    full = {name: one for one in host_signals(8, 8) for name in [one.reading]}["foreign_seconds"]
    assert full.limit < 0.2


def test_levels_are_judged_by_their_mean():
    device = Levelled()
    device.level = 0.4
    assert _watched(device, 1.0).disturbed_by == ()
    device.level = 0.75
    conditions = _watched(device, 1.0)
    assert conditions.disturbed_by == ("heat 0.75",)
    assert conditions.readings["heat"] == pytest.approx(0.75)


def test_slow_fixed_work_is_a_sign():
    device = Levelled()
    calibration = calibrate(device)
    device.slower = 1.2
    assert _watched(device, 1.0, calibration=calibration).disturbed_by == ()
    device.slower = 1.6
    assert _watched(device, 1.0, calibration=calibration).disturbed_by == (
        "fixed work took 1.6 times its usual time",
    )


def test_stretches_count_together():
    device = Fake()
    lookout = Lookout(device, 1, 3e-4)
    for load in (0.0, 0.5, 0.0, 0.5):
        device.load(0.0)
        device.advance(10)  # between two stretches nothing is watched
        lookout.begin()
        device.load(load)
        device.advance(1.0)
        lookout.end()
    conditions = lookout.conditions()
    assert conditions.readings["foreign_seconds"] == pytest.approx(1.0)
    assert conditions.disturbed_by == ("other programs kept 0.2 of 1 cores busy",)


def test_waiting_ends_when_it_is_quiet_and_when_patience_ends():
    device = Fake()
    assert wait_until_quiet(device, 1, 3e-4, 8.0) == pytest.approx(protocol.CALM_WINDOWS * protocol.WINDOW_SECONDS)
    device.load(1.0)
    assert 8.0 <= wait_until_quiet(device, 1, 3e-4, 8.0) <= 8.0 + protocol.WINDOW_SECONDS
    assert wait_until_quiet(device, 1, 3e-4, 0.0) == 0.0
