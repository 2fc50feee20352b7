"""The contract of a device."""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from selector.devices.host import TICK_SECONDS, host_counters
from selector.registry import Registry
from selector.types import Candidate, DeviceKind, Environment, ModelFacts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Batch = NDArray[np.float32]
    """Images, shape (batch, 3, height, width), normalized as the model expects."""


_SPIN_ROUNDS = 500
SPIN_LIMIT = 1.5
"""Times its usual time that fixed work may take; a processor that leaves its turbo clock stays below."""
FOREIGN_LIMIT = 0.1
"""Processors that others may use beyond those that a candidate leaves free."""
STEAL_LIMIT = 0.04
"""Processors that the hypervisor may take."""


@dataclass(frozen=True)
class Signal:
    """A sign that a device was not left alone.

    Attributes:
        reading: A name of `Device.counters`, which is judged by its growth per second, or of `Device.levels`,
            which is judged by its mean; or "spin", the time of fixed work relative to the calibrated one.
        limit: What is still taken for quiet.
        slack: Growth that means nothing, for counters of coarse resolution.
        says: The clause that tells of a value beyond the limit.
    """

    reading: str
    limit: float
    says: Callable[[float], str]
    slack: float = 0.0


class Runner(Protocol):
    """A prepared model: something that answers queries.

    The three steps are apart so that only `run` is timed.
    """

    def feed(self, batch: Batch) -> Any:
        """`batch` in the form that `run` takes, on the device."""

    def run(self, fed: Any) -> Any:
        """Answers one query. Work may still be under way on the device when this returns."""

    def read(self, answer: Any) -> NDArray[np.float32]:
        """An answer on the host: logits, shape (batch, classes), or what `one_array` makes of a backbone's maps."""


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

    def counters(self) -> Mapping[str, float]:
        """Readings that only grow, and grow when something else uses the device; kept with each measurement."""
        return host_counters()

    def levels(self) -> Mapping[str, float]:
        """Readings of the moment, taken between queries about ten times a second; their means are kept."""
        return {}

    def signals(self, threads: int) -> tuple[Signal, ...]:
        """Which readings tell that a sample was disturbed.

        Args:
            threads: Host threads that the candidate uses.
        """
        return host_signals(threads, self.default_threads)

    def spin(self) -> float:
        """Seconds for a fixed piece of work that needs the processor alone, no memory; about a third of a ms."""
        began = self.clock()
        hashlib.pbkdf2_hmac("sha256", b"selector", b"spin", _SPIN_ROUNDS)
        return self.clock() - began

    def pause(self, seconds: float) -> None:
        """Lets time pass without using the device."""
        time.sleep(seconds)

    def simulate(self, candidate: Candidate, facts: ModelFacts) -> Runner | None:  # noqa: ARG002 - the fake's hook
        """A simulated runner in place of the real one, or None on every real device."""
        return None

    def answers(
        self,
        candidate: Candidate,  # noqa: ARG002 - the fake's hook
        facts: ModelFacts,  # noqa: ARG002
        classes: Sequence[int],  # noqa: ARG002
        start: int,  # noqa: ARG002
    ) -> tuple[bytes, bytes] | None:
        """Simulated answers to labelled images (see `selector.types.Examination`), or None on every real device."""
        return None

    def built(self, candidate: Candidate) -> float | None:  # noqa: ARG002 - the fake's hook
        """Seconds of a simulated build, or None on every real device."""
        return None


DEVICES: Registry[type[Device]] = Registry("device", "selector.devices")


def host_signals(threads: int, processors: int) -> tuple[Signal, ...]:
    """Foreign load on the host.

    Args:
        threads: That the candidate uses. What others do on processors that it leaves free is not held against it.
        processors: Physical cores that may be used.
    """
    free = max(0, processors - threads)
    return (
        Signal(
            "foreign_seconds",
            free + max(FOREIGN_LIMIT, 0.02 * processors),
            lambda value: f"other programs kept {value:.1f} of {processors} cores busy",
            TICK_SECONDS,
        ),
        Signal(
            "steal_seconds",
            STEAL_LIMIT * processors,
            lambda value: f"the hypervisor gave {value:.1f} of {processors} cores to other machines",
            TICK_SECONDS,
        ),
        Signal(
            "throttled_seconds",
            0.02,
            lambda value: f"the control group's quota held this process back for {100 * value:.0f} % of the time",
        ),
        Signal("spin", SPIN_LIMIT, lambda value: f"fixed work took {value:.1f} times its usual time"),
    )


def library_versions(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """(distribution, version) of those that are installed, sorted."""
    found = []
    for name in sorted(set(names)):
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)
