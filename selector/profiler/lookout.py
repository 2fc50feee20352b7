"""Whether a device was left alone while something was timed on it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from selector.devices import Device
from selector.devices.base import Signal
from selector.profiler import protocol

_DECILES = 2.563
"""From the first to the last decile of a normal distribution, in standard deviations."""


@dataclass(frozen=True)
class Conditions:
    """What a lookout saw.

    Attributes:
        readings: Growth of each counter, mean of each level; "spin": the time of fixed work relative to the
            calibrated one; "spin_spread": by how much that time varied, as a fraction (one standard deviation).
        disturbed_by: A clause for each sign of foreign load; empty when the device was left alone.
    """

    readings: Mapping[str, float]
    disturbed_by: tuple[str, ...]


class Lookout:
    """Watches a device over one stretch of timing, or over several that count as one.

    It costs the timing nothing: it looks between queries, about ten times a second.

    Args:
        device: The device.
        threads: Host threads that the candidate uses.
        calibration: Seconds that `Device.spin` usually takes on this device; see `calibrate`.
    """

    def __init__(self, device: Device, threads: int, calibration: float) -> None:
        self._device = device
        self._signals = device.signals(threads)
        self._calibration = calibration
        self._seconds = 0.0
        self._growth: dict[str, float] = {}
        self._levels: dict[str, list[float]] = {}
        self._spins: list[float] = []
        self._before: Mapping[str, float] = {}
        self._began = 0.0

    @property
    def growth(self) -> Mapping[str, float]:
        """What each counter grew by while timing went on."""
        return self._growth

    def begin(self) -> None:
        """Timing begins, or goes on."""
        self.look()
        self._before, self._began = self._device.counters(), self._device.clock()

    def look(self) -> None:
        """Reads what can only be read at a moment."""
        self._spins.append(self._device.spin())
        for name, value in self._device.levels().items():
            self._levels.setdefault(name, []).append(value)

    def end(self) -> None:
        """Timing has ended, for now."""
        self._seconds += self._device.clock() - self._began
        for name, value in self._device.counters().items():
            self._growth[name] = self._growth.get(name, 0.0) + value - self._before[name]
        self.look()

    def conditions(self) -> Conditions:
        """What all stretches together say."""
        spins = sorted(self._spins)
        readings = {name: sum(values) / len(values) for name, values in self._levels.items()}
        readings |= {
            **self._growth,
            "spin": spins[len(spins) // 2] / self._calibration,
            "spin_spread": _spread(spins),
        }
        judged = values(self._signals, readings, self._growth.keys(), self._seconds)
        return Conditions(readings, tuple(signal.says(value) for signal, value in judged if value > signal.limit))


def values(
    signals: Iterable[Signal], readings: Mapping[str, float], grown: Collection[str], seconds: float
) -> tuple[tuple[Signal, float], ...]:
    """What each signal is judged by, against its limit.

    Args:
        signals: Of the device; those that were not read are left out.
        readings: As in `Conditions`.
        grown: Which of them are growth.
        seconds: Over which they grew.
    """
    return tuple(
        (
            one,
            max(0.0, readings[one.reading] - one.slack) / max(seconds, 1e-9)
            if one.reading in grown
            else readings[one.reading],
        )
        for one in signals
        if one.reading in readings
    )


def _spread(ordered: list[float]) -> float:
    """Standard deviation of the logarithms, read from the first and last decile: one stray spin tells nothing."""
    low, high = ordered[len(ordered) // 10], ordered[-1 - len(ordered) // 10]
    return math.log(high / low) / _DECILES


def calibrate(device: Device) -> float:
    """Seconds that `Device.spin` usually takes on this device as the run begins.

    Not the least of many: on a shared host, fixed work may take 1.7 times as long whenever a neighbour uses the other
    half of the core, and for most of the time one does. What is usual there must not be called disturbed.
    """
    spins = []
    for _ in range(protocol.CALIBRATION_SPINS):
        device.pause(protocol.CALIBRATION_PAUSE)
        spins.append(device.spin())
    return sorted(spins)[int(protocol.CALIBRATION_SHARE * len(spins))]


def wait_until_quiet(device: Device, threads: int, calibration: float, seconds: float) -> float:
    """Lets time pass until the device is left alone.

    Args:
        device: The device.
        threads: Host threads that the candidate uses.
        calibration: See `Lookout`.
        seconds: To wait at most.

    Returns:
        Seconds that passed.
    """
    began = device.clock()
    calm = 0
    while calm < protocol.CALM_WINDOWS and device.clock() - began < seconds:
        lookout = Lookout(device, threads, calibration)
        lookout.begin()
        device.pause(protocol.WINDOW_SECONDS)
        lookout.end()
        calm = 0 if lookout.conditions().disturbed_by else calm + 1
    return device.clock() - began
