"""What the processor's settings do to figures: frequency, turbo, hyper-threads and the control group's quota."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from selector.doctor.base import Finding, Visit, check

_SYSTEM = Path("/sys/devices/system/cpu")
_CGROUP = Path("/sys/fs/cgroup")


@check("processor", "Processor", 45)
def processor(visit: Visit) -> Iterator[Finding]:  # noqa: ARG001 - the host's, whatever the device
    """What sysfs tells."""
    yield governor(_SYSTEM)
    yield turbo(_SYSTEM)
    yield hyper_threads(_SYSTEM)
    yield from quota(_CGROUP)


def governor(system: Path) -> Finding:
    """Who sets the frequency.

    Args:
        system: ``/sys/devices/system/cpu``.
    """
    names = {_text(path) for path in system.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {""}
    if not names:
        return Finding("frequency", "skipped", "the kernel does not tell who sets it (as in most virtual machines)")
    shown = f"governor {', '.join(sorted(names))}"
    if names == {"performance"}:
        return Finding("frequency", "ok", shown)
    advice = "for steady figures: sudo cpupower frequency-set -g performance"
    return Finding("frequency", "warn", f"{shown}: the clock falls when idle and rises late", advice)


def turbo(system: Path) -> Finding:
    """Whether the clock may rise beyond what can be held."""
    readings: Mapping[Path, str] = {system / "intel_pstate" / "no_turbo": "0", system / "cpufreq" / "boost": "1"}
    for path, on in readings.items():
        value = _text(path)
        if value:
            if value == on:
                advice = "for steady figures switch it off (1 into no_turbo, 0 into boost); figures are then lower"
                return Finding("turbo", "warn", "is on: speed depends on warmth and on the other cores", advice)
            return Finding("turbo", "ok", "is off")
    return Finding("turbo", "skipped", "the kernel does not tell")


def hyper_threads(system: Path) -> Finding:
    """Whether two threads share a core."""
    active = _text(system / "smt" / "active")
    if not active:
        return Finding("hyper-threads", "skipped", "the kernel does not tell")
    if active == "1":
        return Finding("hyper-threads", "ok", "on; one thread a physical core is the default, so they do not matter")
    return Finding("hyper-threads", "ok", "off, or hidden by the host")


def quota(cgroup: Path) -> Iterator[Finding]:
    """What the control group grants, of either version.

    Args:
        cgroup: ``/sys/fs/cgroup``.
    """
    limit, _, period = _text(cgroup / "cpu.max").partition(" ")
    if not limit:
        limit, period = _text(cgroup / "cpu" / "cpu.cfs_quota_us"), _text(cgroup / "cpu" / "cpu.cfs_period_us")
    if limit in ("", "max", "-1") or not period:
        yield Finding("quota", "ok", "no control group limits the processors")
        return
    cores = int(limit) / int(period)
    text = f"the control group grants {cores:.2g} processors"
    figures = {"processors": cores}
    if cores == int(cores):
        yield Finding("quota", "ok", text, figures=figures)
    else:
        advice = (
            "grant whole processors, or set device.threads below the quota: what exceeds it is halted for a while"
        )
        yield Finding("quota", "warn", text, advice, figures)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
