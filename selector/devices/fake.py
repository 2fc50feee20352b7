"""A device that exists only in arithmetic, with an injected clock.

It ships as product code: `--device fake` runs the whole journey in seconds, to try a profile before the real
machine is there and to test scheduling, stopping, resuming and the handling of failures. Its figures are made up
from the model's size, the way's name and a seeded noise; reports name the device "fake", and its measurements can
never speak for a real one, because the device is part of every identity. It is also the template for a new kind
of device.

The environment variable ``SELECTOR_FAKE_FAULTS`` plants faults: ``GLOB=FAULT`` pairs separated by commas, GLOB
over candidate ids, FAULT one of `FAULTS`. ``SELECTOR_FAKE_SESSION`` names a session: any text. Each draws another
noise, and is faster or slower than others by 1.5 % (one standard deviation), as real sessions are; without it all are
alike.
"""

from __future__ import annotations

import fnmatch
import math
import os
import signal
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from selector.devices.base import DEVICES, Device, Signal, host_signals, library_versions
from selector.errors import BuildFailedError, ExportFailedError, FallbackError, OutOfMemoryError
from selector.types import Candidate, DeviceKind, Environment, ModelFacts, content_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from selector.devices.base import Batch

FAULTS = (
    "export_failed",
    "build_failed",
    "out_of_memory",
    "wrong_output",
    "fallback",
    "timed_out",
    "crashed",
    "slow",
    "slower",
    "disturbed",
    "unstable",
    "uneven",
)
"""What can be planted: outcomes by their names; "slow" takes a hundred times as long, "slower" 1.3 times, "disturbed"
is under foreign load until the device was left alone for a while, "unstable" always is; "uneven" runs on a device
that is now fast, now slow."""

_FACTORS = {"channels_last": 0.92, "amp-bf16": 0.6, "amp-fp16": 0.55, "compile": 0.5}
_SLOW, _MOOD_CALLS = 1.3, 20
_SLOWER = {"slow": 100.0, "slower": 1.3}
_SESSIONS = 0.015
_WAYS = {"onnxruntime": 0.45, "openvino": 0.35, "openvino-bf16": 0.22}


class Fake(Device):
    """A device of 10 invented teraflops with 16 GiB of memory."""

    kind: ClassVar[DeviceKind] = "fake"

    def __init__(self, index: int = 0) -> None:
        super().__init__(index)
        self._now = 0.0
        self._memory = 0
        self._foreign = 0.0
        self._load = 0.0
        self._spins = 0
        self.uneven = False

    @classmethod
    def detect(cls) -> list[Device]:
        """Always there."""
        return [cls()]

    @property
    def name(self) -> str:
        """Says what it is."""
        return "fake device (simulated, not a real measurement)"

    @property
    def default_threads(self) -> int:
        """One."""
        return 1

    def environment(self, threads: int | None, libraries: tuple[str, ...]) -> Environment:
        """See `Device`."""
        return Environment(
            device_kind=self.kind,
            device_name=self.name,
            device_id="fake-0",
            driver="1",
            power_limit=None,
            memory_total=16 * 2**30,
            threads=threads or 1,
            capabilities=(),
            versions=library_versions(libraries),
        )

    def clock(self) -> float:
        """The injected clock: it moves only when a simulated query runs."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Moves the clock."""
        self._now += seconds
        self._foreign += self._load * seconds

    def start_memory(self) -> None:
        """Nothing to reset."""

    def read_memory(self) -> Mapping[str, int]:
        """What the simulated model holds."""
        return {"peak": self._memory}

    def counters(self) -> Mapping[str, float]:
        """What planted faults say."""
        return {"foreign_seconds": self._foreign}

    def signals(self, threads: int) -> tuple[Signal, ...]:
        """Foreign load; nobody steals from a simulation."""
        return tuple(one for one in host_signals(threads, 1) if one.reading == "foreign_seconds")

    def spin(self) -> float:
        """Takes no time; always the same, but on an uneven device."""
        self._spins += 1
        return 3e-4 * (_SLOW if self.uneven and self._spins % 2 else 1.0)

    def mood(self, calls: int) -> float:
        """How many times as long a runner's next query takes: on an uneven device that changes now and then."""
        if not self.uneven:
            return 1.0
        return _SLOW if int(content_hash(str(calls // _MOOD_CALLS))[:4], 16) % 2 else 1.0

    def pause(self, seconds: float) -> None:
        """Moves the clock; a load that only disturbs ends meanwhile."""
        if self._load < 1:
            self._load = 0.0
        self.advance(seconds)

    def load(self, share: float) -> None:
        """Lets something else use a share of the device from now on; below 1 it ends with the first pause."""
        self._load = share

    def built(self, candidate: Candidate) -> float | None:
        """Seconds that a build of this way would take."""
        fault = planted_fault(candidate)
        if fault == "export_failed":
            raise ExportFailedError("planted fault: the exporter met an operator that it does not know")
        if fault == "build_failed":
            raise BuildFailedError("planted fault: the engine could not be built")
        if fault == "timed_out":
            time.sleep(3600)
        if fault == "crashed":
            os.kill(os.getpid(), signal.SIGSEGV)
        if "compile" in candidate.optimization:
            return 30.0
        return 2.0 if candidate.optimization in _WAYS else 0.0

    def simulate(self, candidate: Candidate, facts: ModelFacts) -> FakeRunner:
        """A runner whose queries take a made-up, repeatable time."""
        fault = planted_fault(candidate)
        if fault == "out_of_memory":
            raise OutOfMemoryError("planted fault: tried to allocate 20 GiB, 16 GiB in all")
        if fault == "fallback":
            raise FallbackError("planted fault: asked for the provider A, B ran")
        self.load({"unstable": 1.0, "disturbed": 0.5}.get(fault or "", 0.0))
        self.uneven = fault == "uneven"
        size = (facts.parameters or 5_000_000) * 4
        self._memory = int(size * 1.2) + candidate.batch_size * 3 * math.prod(candidate.image_size) * 40
        return FakeRunner(
            self, candidate, facts, wrong=fault == "wrong_output", slowness=_SLOWER.get(fault or "", 1.0)
        )

    def answers(
        self, candidate: Candidate, facts: ModelFacts, classes: Sequence[int], start: int
    ) -> tuple[bytes, bytes]:
        """Made-up answers: right as often as the published figure says, a little less in lower precision.

        All ways of a model draw the same number for an image, so that they err together as real ones do.
        """
        import numpy as np

        published = facts.published[0].top1 if facts.published else 0.7
        share = published - {"fp32": 0.0, "bf16": 0.001, "fp16": 0.0005, "int8": 0.02}[candidate.precision]
        numbers = range(start, start + len(classes))
        luck = [int(content_hash([facts.name, number])[:8], 16) / 2**32 for number in numbers]
        ranks = np.array([0 if draw < share else 1 + int((draw - share) * 40) for draw in luck], np.uint8)
        pairs = zip(classes, ranks, strict=True)
        firsts = np.array([right if rank == 0 else (right + 1) % facts.num_classes for right, rank in pairs], "<i4")
        return ranks.tobytes(), firsts.tobytes()


class FakeRunner:
    """Answers queries by moving the clock.

    Args:
        device: Whose clock moves.
        candidate: What is simulated.
        facts: Its model.
        wrong: Whether it answers with something that has nothing to do with the model.
        slowness: How many times as long it takes.
    """

    def __init__(
        self, device: Fake, candidate: Candidate, facts: ModelFacts, *, wrong: bool, slowness: float
    ) -> None:
        import numpy as np

        self._device = device
        self._candidate = candidate
        self._wrong = wrong
        session = os.environ.get("SELECTOR_FAKE_SESSION", "")
        drawn = content_hash([candidate.id, session] if session else candidate.id)
        self._random = np.random.default_rng(int(drawn[:8], 16))
        pace = math.exp(_SESSIONS * self._random.standard_normal()) if session else 1.0
        self._seconds = _query_seconds(candidate, facts) * slowness * pace
        self._calls = 0

    def feed(self, batch: Batch) -> Any:
        """The batch as it is."""
        return batch

    def run(self, fed: Any) -> Any:
        """Takes simulated time: slower in the first calls, then a log-normal noise of 3 %."""
        self._calls += 1
        mood = self._device.mood(self._calls)
        warming = 1 + 2 * math.exp(-self._calls / 3)
        self._device.advance(self._seconds * mood * warming * math.exp(0.03 * self._random.standard_normal()))
        return fed

    def read(self, answer: Any) -> NDArray[np.float32]:
        """Logits that depend on the images only, or on nothing."""
        import numpy as np

        means = answer.mean(axis=(1, 2, 3), dtype=np.float64)[:, None]
        logits: NDArray[np.float32] = np.sin(np.arange(1, 11) * (means + 1)).astype(np.float32)
        return np.zeros_like(logits) if self._wrong else logits


def planted_fault(candidate: Candidate) -> str | None:
    """The fault that SELECTOR_FAKE_FAULTS plants into `candidate`, or None."""
    for pair in filter(None, os.environ.get("SELECTOR_FAKE_FAULTS", "").split(",")):
        pattern, _, fault = pair.partition("=")
        if fault in FAULTS and fnmatch.fnmatchcase(candidate.id, pattern):
            return fault
    return None


def _query_seconds(candidate: Candidate, facts: ModelFacts) -> float:
    """Work over an invented speed, times the factors of the way, plus a launch overhead."""
    gmacs = facts.gmacs or (facts.parameters or 5_000_000) / 5e6
    scale = math.prod(candidate.image_size) / math.prod(facts.image_size)
    factor = _WAYS.get(candidate.optimization, 1.0)
    for part in candidate.optimization.split("+"):
        factor *= _FACTORS.get(part, 1.0)
    # Families differ at equal work; a fixed pseudo-random factor per architecture stands for that.
    spread = 0.7 + 0.6 * int(content_hash(candidate.architecture)[:4], 16) / 0xFFFF
    return 1e-3 + candidate.batch_size * gmacs * scale * factor * spread * 2e-2


DEVICES.register("fake", Fake)
