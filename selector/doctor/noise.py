"""How quiet this machine is: what others take while fixed work is repeated, judged as a measurement will be."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from selector.decision.visits import UNEVEN
from selector.devices import DEVICES, Device
from selector.doctor.base import Finding, Visit, check
from selector.processes import processes
from selector.profiler.lookout import Lookout, calibrate, values
from selector.quantities import format_quantity

SECONDS = 2.0
"""How long it listens."""
_LOOK_SECONDS = 0.05
_WAITING = 0.05
"""Share of the time in which a ready thread may wait for a processor."""
_NAMED = 0.05
"""Processors from which on a program is named."""
_COARSE = 1e-5
"""Seconds between two readings of the clock from which on it is too coarse for a query below a millisecond."""

_QUIET = "stop what does not need to run, or expect `unstable` and figures that are too high"
_ADVICE = {
    "foreign_seconds": _QUIET,
    "steal_seconds": "nothing on this machine helps: measure at another time, or on a dedicated one",
    "throttled_seconds": "grant the control group more, or set device.threads below its quota",
    "spin": "its clock has fallen since a moment ago: let it cool, or measure when it is quiet",
    "spin_spread": "expect wide intervals and ties; measure when it is quiet, and give a candidate more time",
}
_SUBJECTS = {"foreign_seconds": "other programs", "throttled_seconds": "quota reached", "spin": "usual speed"}


@dataclass(frozen=True)
class Listening:
    """What was read while fixed work was repeated.

    Attributes:
        seconds: How long.
        grown: What each counter of the device grew by.
        levels: Means of the device's readings of the moment, "spin" and "spin_spread"; see `lookout.Conditions`.
        busiest: Other programs by the processors that they used, the greatest first.
    """

    seconds: float
    grown: Mapping[str, float]
    levels: Mapping[str, float]
    busiest: tuple[tuple[str, float], ...] = ()


@check("noise", "Noise", 50)
def noise(visit: Visit) -> Iterator[Finding]:
    """Listens for two seconds; beside a simulated device to the CPU that simulates it."""
    device = DEVICES.get("cpu")(0) if visit.device.kind == "fake" else visit.device
    yield from judge(device, listen(device, SECONDS))
    yield _clock()


def judge(device: Device, heard: Listening) -> Iterator[Finding]:
    """What was heard, by the signals that make a measurement `unstable` on this device.

    Args:
        device: Whose signals count, at the threads that it uses by default.
        heard: What was read.
    """
    readings = {**heard.grown, **heard.levels}
    for signal, value in values(device.signals(device.default_threads), readings, heard.grown.keys(), heard.seconds):
        name = signal.reading
        subject = _SUBJECTS.get(name, name.removesuffix("_seconds").replace("_", " "))
        who = ", ".join(f"{program} {used:.1f}" for program, used in heard.busiest)
        named = f" ({who})" if who and name == "foreign_seconds" else ""
        if value > signal.limit:
            yield Finding(subject, "warn", signal.says(value) + named, _ADVICE.get(name, _QUIET), {"value": value})
        else:
            yield Finding(
                subject, "ok", f"{value:.2g}, up to {signal.limit:.2g} counts as quiet", figures={"value": value}
            )
    spread = heard.levels["spin_spread"]
    found = f"the time of fixed work varies by {spread:.0%}"
    if spread > UNEVEN:
        yield Finding("even speed", "warn", found, _ADVICE["spin_spread"], {"value": spread})
    else:
        yield Finding("even speed", "ok", f"{found}, up to {UNEVEN:.0%} counts as even", figures={"value": spread})
    waited = heard.grown.get("run_queue_seconds")
    if waited is not None:
        share = waited / heard.seconds
        found = f"a thread that was ready waited {share:.1%} of the time for a processor"
        if share > _WAITING:
            yield Finding("run queue", "warn", found, _QUIET, {"value": share})
        else:
            yield Finding("run queue", "ok", found, figures={"value": share})


def listen(device: Device, seconds: float) -> Listening:
    """Repeats the device's fixed work and watches it as a measurement does.

    Args:
        device: A real one.
        seconds: How long.
    """
    lookout = Lookout(device, device.default_threads, calibrate(device))
    programs, began = _programs(), time.perf_counter()
    lookout.begin()
    looked = began
    while (now := time.perf_counter()) - began < seconds:
        device.spin()  # busy, so that waiting for a processor shows
        if now - looked > _LOOK_SECONDS:
            lookout.look()
            looked = now
    lookout.end()
    elapsed, readings = time.perf_counter() - began, lookout.conditions().readings
    return Listening(
        seconds=elapsed,
        grown=dict(lookout.growth),
        levels={name: value for name, value in readings.items() if name not in lookout.growth},
        busiest=busiest(programs, _programs(), elapsed),
    )


Programs = Mapping[tuple[int, str], float]
"""Seconds of processor time by process id and name."""


def _programs() -> Programs:
    """Every other process of this machine that may be seen."""
    return {(one.pid, one.name): one.seconds for one in processes() if one.pid != os.getpid()}


def busiest(before: Programs, after: Programs, seconds: float, shown: int = 3) -> tuple[tuple[str, float], ...]:
    """Programs by name with the processors that their processes used; those that hardly ran are left out."""
    totals: Counter[str] = Counter()
    for process, spent in after.items():
        totals[process[1]] += spent - before.get(process, spent)  # type: ignore[assignment]
    used = ((name, taken / seconds) for name, taken in totals.most_common(shown))
    return tuple((name, processors) for name, processors in used if processors >= _NAMED)


def _clock() -> Finding:
    """The smallest step of the clock that measures."""
    steps = []
    for _ in range(200):
        last = time.perf_counter()
        while (now := time.perf_counter()) == last:
            pass
        steps.append(now - last)
    step = sorted(steps)[len(steps) // 2]
    text, figures = f"two readings are {format_quantity(step, 'time')} apart", {"value": step}
    if step > _COARSE:
        return Finding("clock", "warn", text, "do not trust times of queries below a millisecond", figures)
    return Finding("clock", "ok", text, figures=figures)
