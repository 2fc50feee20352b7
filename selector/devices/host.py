"""What else the host's processors are doing (Linux).

Each reading is a counter that only grows; what it grew by while something was timed tells whether that was alone.
A narrow interval tells nothing of the kind: beside a busy process a model may read a hundred times too slow, to
within half a percent.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Mapping
from pathlib import Path

_STAT = Path("/proc/stat")
_TASKS = Path("/proc/self/task")
_CGROUP_CPU = Path("/sys/fs/cgroup/cpu.stat")

TICK_SECONDS = 0.03
"""What the kernel's accounting may be off by: it counts whole ticks of 10 ms on each processor."""


def host_counters() -> Mapping[str, float]:
    """What others and the kernel took from this process so far.

    Returns:
        "foreign_seconds": processor time that other processes used, on all processors.
        "steal_seconds": processor time that the hypervisor gave to other machines, on all processors.
        "throttled_seconds": time for which the control group's quota held its processes back.
        "run_queue_seconds": time for which this process's threads were ready and waited for a processor.
        "involuntary_switches": how often one was taken from them.
    """
    ticks = os.sysconf("SC_CLK_TCK")
    user, nice, system, _, _, irq, softirq, steal, *_ = map(int, _STAT.read_text().split("\n", 1)[0].split()[1:])
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    used = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return {
        "foreign_seconds": (user + nice + system + irq + softirq) / ticks - used,
        "steal_seconds": steal / ticks,
        "throttled_seconds": _throttled(),
        "run_queue_seconds": _waited_for_a_processor(),
        "involuntary_switches": float(own.ru_nivcsw),
    }


def foreign_load(seconds: float = 0.4) -> float:
    """How many processors others keep busy, on average over `seconds`, while this process sleeps.

    The load average would still remember what has ended a minute ago, such as an installation.
    """
    before, began = host_counters()["foreign_seconds"], time.monotonic()
    time.sleep(seconds)
    return max(0.0, host_counters()["foreign_seconds"] - before) / (time.monotonic() - began)


def _waited_for_a_processor() -> float:
    """The run-queue delay of every thread, from the scheduler's own statistics; 0 where it keeps none."""
    total = 0
    for task in _TASKS.iterdir():
        with contextlib.suppress(OSError):  # the thread has ended, or there is no such file
            total += int((task / "schedstat").read_text().split()[1])
    return total / 1e9


def _throttled() -> float:
    with contextlib.suppress(OSError):
        for line in _CGROUP_CPU.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == "throttled_usec":
                return int(value) / 1e6
    return 0.0
