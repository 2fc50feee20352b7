"""The contract of a device."""

from __future__ import annotations

import os
import resource
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from selector.registry import Registry
from selector.types import Candidate, DeviceKind, Environment, ModelFacts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Batch = NDArray[np.float32]
    """Images, shape (batch, 3, height, width), normalized as the model expects."""


class Runner(Protocol):
    """A prepared model: something that answers queries.

    The three steps are apart so that only `run` is timed.
    """

    def feed(self, batch: Batch) -> Any:
        """`batch` in the form that `run` takes, on the device."""

    def run(self, fed: Any) -> Any:
        """Answers one query. Work may still be under way on the device when this returns."""

    def read(self, answer: Any) -> NDArray[np.float32]:
        """The logits of an answer, shape (batch, classes), on the host."""


class Device(ABC):
    """One device of one kind.

    Attributes:
        kind: Name of the kind.
        preload: Modules that the process from which children fork imports beforehand; imports only.
    """

    kind: ClassVar[DeviceKind]
    preload: ClassVar[tuple[str, ...]] = ("scipy.special",)

    def __init__(self, index: int = 0) -> None:
        self.index = index

    @classmethod
    @abstractmethod
    def detect(cls) -> list[Device]:
        """The devices of this kind on this machine; quick, without torch."""

    @classmethod
    def why_absent(cls) -> str:
        """Why `detect` finds none, as a clause."""
        return "none was found"

    @property
    @abstractmethod
    def name(self) -> str:
        """What the vendor calls it."""

    @property
    def target(self) -> str:
        """How a profile or `--device` names it."""
        return self.kind

    @property
    def torch_device(self) -> str:
        """How torch names it."""
        return "cpu"

    @property
    @abstractmethod
    def default_threads(self) -> int:
        """Host threads used when a profile names none."""

    @abstractmethod
    def environment(self, threads: int | None, libraries: tuple[str, ...]) -> Environment:
        """Everything that can change a figure on this device.

        Args:
            threads: Host threads, or None for the device's default.
            libraries: Distributions whose versions are recorded.
        """

    def clock(self) -> float:
        """Seconds on a monotonic clock."""
        return time.perf_counter()

    def synchronize(self) -> None:  # noqa: B027 - nothing to wait for is the right default, not a missing override
        """Waits until the device has done all its work."""

    @abstractmethod
    def start_memory(self) -> None:
        """Notes what the empty process holds and resets the high-water marks."""

    @abstractmethod
    def read_memory(self) -> Mapping[str, int]:
        """Bytes by kind since `start_memory`; "peak" is what counts as the memory of the model."""

    def energy(self) -> float | None:
        """Joules on a hardware counter that only grows, or None without one."""
        return None

    def disturbance(self) -> Mapping[str, float]:
        """Counters that grow when something else uses the machine; their differences explain a figure."""
        return host_disturbance()

    def simulate(self, candidate: Candidate, facts: ModelFacts) -> Runner | None:  # noqa: ARG002 - the fake's hook
        """A simulated runner in place of the real one, or None on every real device."""
        return None

    def built(self, candidate: Candidate) -> float | None:  # noqa: ARG002 - the fake's hook
        """Seconds of a simulated build, or None on every real device."""
        return None


DEVICES: Registry[type[Device]] = Registry("device", "selector.devices")


def host_disturbance() -> Mapping[str, float]:
    """Involuntary context switches of this process, and seconds of steal over all processors (Linux)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    steal = Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]
    return {
        "involuntary_switches": float(usage.ru_nivcsw),
        "steal_seconds": int(steal) / os.sysconf("SC_CLK_TCK"),
    }


def others_running(seconds: float = 0.4) -> float:
    """How many other tasks of this machine want a processor, on average over `seconds` (Linux).

    The load average would still remember what has ended a minute ago, such as an installation.
    """
    counts = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
        counts.append(running - 1)  # this one is running while it looks
        time.sleep(0.02)
    return sum(counts) / len(counts)


def library_versions(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """(distribution, version) of those that are installed, sorted."""
    found = []
    for name in sorted(set(names)):
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)
