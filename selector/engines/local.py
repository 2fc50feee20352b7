"""Measuring on this machine: one candidate after the other, each in child processes, one run per device."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from selector.artifacts import ArtifactCache
from selector.devices import Device
from selector.engines.run import BUILD_SECONDS
from selector.engines.server import Ended, ForkServer, Stopped
from selector.profiler.protocol import StoppingRule
from selector.profiler.stages import BuildRecord, Job, find_build
from selector.types import (
    Candidate,
    Environment,
    Measurement,
    ModelFacts,
    Observation,
    Outcome,
    Weights,
    content_hash,
    speed_identity,
)

_LOG_BYTES = 20_000
_LOCK_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Order:
    """What to measure.

    Attributes:
        candidate: The candidate.
        facts: Its model.
        rule: When timing stops.
        tolerance: Relative error allowed against fp32 eager.
        pretrained: Whether published weights are wanted, should they be had.
    """

    candidate: Candidate
    facts: ModelFacts
    rule: StoppingRule
    tolerance: float
    pretrained: bool


@dataclass(frozen=True)
class Result:
    """A measurement, and whether the published weights that were wanted could not be had."""

    measurement: Measurement
    weights_missing: bool


class LocalEngine:
    """Measures candidates on one device of this machine. A context manager: one run at a time holds the device.

    Args:
        device: The device.
        environment: Of the device, as it goes into measurements.
        cache: Where built files go.
        run_id: The run that the measurements belong to.
        stopping: Asked often; when true, the candidate at work is dropped and `Stopped` is raised.
        waiting: Called once when another run holds the device.
        build_seconds: Limit of one build.
        offline: Whether children must not ask the model hub.

    Attributes:
        waited: Seconds for which another run held the device.
    """

    def __init__(
        self,
        device: Device,
        environment: Environment,
        cache: ArtifactCache,
        run_id: str,
        *,
        stopping: Callable[[], bool] = lambda: False,
        waiting: Callable[[], None] = lambda: None,
        build_seconds: float = BUILD_SECONDS,
        offline: bool = False,
    ) -> None:
        self._device = device
        self._environment = environment
        self._cache = cache
        self._run_id = run_id
        self._stopping = stopping
        self._waiting = waiting
        self._build_seconds = build_seconds
        self._offline = offline
        self.waited = 0.0
        self._stack = contextlib.ExitStack()
        self._logs = Path()
        self._server: ForkServer | None = None

    def __enter__(self) -> LocalEngine:
        with contextlib.ExitStack() as stack:
            lock = stack.enter_context(self._lock_path().open("a"))
            self._take(lock)
            self._logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="selector-")))
            self._server = stack.enter_context(ForkServer(self._device.preload, self._variables()))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def measure(self, order: Order) -> Result:
        """Builds and times one candidate; failures come back as measurements.

        Raises:
            Stopped: The run was asked to stop; nothing came of this candidate.
        """
        started = time.monotonic()
        job = self._job(order)
        log = self._logs / f"{content_hash(order.candidate.id)}.log"
        missing = False
        record = find_build(job)
        ended: Ended | None = None
        if record is None:
            ended = self._run(job, None, log, self._build_seconds)
            if ended.failure is not None and job.pretrained and ended.phase == "weights":
                # The published weights cannot be had: speed does not need them.
                missing = True
                job = replace(job, pretrained=False)
                record = find_build(job)
                ended = self._run(job, None, log, self._build_seconds) if record is None else None
            record = ended.result if ended is not None else record
        if record is not None:
            ended = self._run(job, record, log, self._measure_seconds(order))
        assert ended is not None
        measurement = self._measurement(order, job, ended, log, time.monotonic() - started)
        log.unlink(missing_ok=True)
        return Result(measurement, missing)

    def _run(self, job: Job, record: BuildRecord | None, log: Path, limit: float) -> Ended:
        if self._server is None:
            raise RuntimeError("LocalEngine must be entered with `with` before it measures")
        return self._server.run(job, record, log=log, limit=limit, stopping=self._stopping)

    def _job(self, order: Order) -> Job:
        return Job(
            candidate=order.candidate,
            facts=order.facts,
            identity=speed_identity(order.candidate, self._environment),
            device_kind=self._device.kind,
            device_index=self._device.index,
            threads=self._environment.threads,
            rule=order.rule,
            tolerance=order.tolerance,
            pretrained=order.pretrained,
            cache=self._cache.folder,
        )

    def _measure_seconds(self, order: Order) -> float:
        """Loading, agreement and warm-up have no cap of their own; this one ends a hang."""
        return 120.0 + 4 * order.rule.time_cap

    def _measurement(self, order: Order, job: Job, ended: Ended, log: Path, wall: float) -> Measurement:
        observation: Observation | None = None
        weights: Weights | None = None
        if ended.failure is None:
            observation, weights = ended.result
        return Measurement(
            id=uuid.uuid4().hex,
            identity=job.identity,
            candidate=order.candidate,
            environment=self._environment,
            weights=weights,
            outcome=Outcome.OK if ended.failure is None else ended.failure.outcome,
            message="" if ended.failure is None else ended.failure.message,
            log="" if ended.failure is None else _tail(log),
            phase=ended.phase,
            observation=observation,
            run_id=self._run_id,
            created=dt.datetime.now(dt.UTC),
            wall_seconds=wall,
        )

    def _variables(self) -> dict[str, str]:
        """Environment of the fork server; changes after it has started do not reach children."""
        threads = str(self._environment.threads)
        offline = {"HF_HUB_OFFLINE": "1"} if self._offline else {}
        return {
            **offline,
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "TORCHINDUCTOR_CACHE_DIR": str(self._cache.folder / "inductor"),
            "OPENVINO_TELEMETRY_OPT_OUT": "1",
        }

    def _lock_path(self) -> Path:
        folder = self._cache.folder / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self._device.kind}-{content_hash(self._environment.device_id)}.lock"

    def _take(self, lock: IO[str]) -> None:
        """Waits for the device. The kernel releases the lock of a dead process by itself."""
        began = time.monotonic()
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not told:
                    self._waiting()
                    told = True
                if self._stopping():
                    raise Stopped from None
                time.sleep(_LOCK_POLL_SECONDS)
            else:
                self.waited = time.monotonic() - began if told else 0.0
                return


def _tail(log: Path) -> str:
    """The end of what a child printed."""
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_BYTES))
        return file.read().decode(errors="replace")
