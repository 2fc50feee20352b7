"""Measuring on this machine: one candidate after the other, each in child processes, one run per device."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from selector.artifacts import ArtifactCache, cache_limit
from selector.devices import Device
from selector.engines.lock import device_lock
from selector.engines.run import BUILD_SECONDS
from selector.engines.runoff import Conductor, RunOffFailed
from selector.engines.server import Ended, ForkServer
from selector.engines.tail import Tail
from selector.optimizations.calibration import CalibrationSet
from selector.profiler import protocol
from selector.profiler.calm import Quiet
from selector.profiler.examining import Answers, Questions
from selector.profiler.lookout import calibrate
from selector.profiler.protocol import StoppingRule
from selector.profiler.stages import BuildRecord, Job, Measured, find_build
from selector.types import (
    Candidate,
    Environment,
    Measurement,
    ModelFacts,
    Outcome,
    RunOff,
    speed_identity,
)

_ANSWERING_SECONDS, _ANSWER_SECONDS = 600.0, 5.0
"""To end a hang: for loading, and for each labelled image."""
PATIENCE_SECONDS = 60.0
"""Seconds of waiting for quiet, in a run, before it has measured anything."""


@dataclass(frozen=True)
class Order:
    """What to measure.

    Attributes:
        candidate: The candidate.
        facts: Its model.
        rule: When timing stops.
        tolerance: Relative error allowed against fp32 eager.
        pretrained: Whether published weights are wanted, should they be had.
        calibration: What int8 is calibrated on, or None.
    """

    candidate: Candidate
    facts: ModelFacts
    rule: StoppingRule
    tolerance: float
    pretrained: bool
    calibration: CalibrationSet | None = None


@dataclass(frozen=True)
class Result:
    """A measurement, and whether the published weights that were wanted could not be had."""

    measurement: Measurement
    weights_missing: bool


@dataclass(frozen=True)
class Answered:
    """What came of an examination.

    Attributes:
        answers: None when it failed, or had no real weights.
        outcome: How it ended.
        message: One sentence; "" when it came through.
        log: What the process printed, when it failed.
    """

    answers: Answers | None
    outcome: Outcome
    message: str
    log: str


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
        patience: Seconds of waiting for quiet before anything is measured; a tenth of what measuring takes is added.

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
        patience: float = PATIENCE_SECONDS,
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
        self._server: ForkServer | None = None
        self._quiet = Quiet(math.inf, 0.0)
        self._patience = self._most = patience

    def __enter__(self) -> LocalEngine:
        with contextlib.ExitStack() as stack:
            device, where = self._environment, self._cache.folder
            stack.enter_context(self._cache.in_use())
            lock = device_lock(
                device.device_kind, device.device_id, where, waiting=self._waiting, stopping=self._stopping
            )
            self.waited = stack.enter_context(lock)
            self._quiet = Quiet(calibrate(self._device), protocol.PATIENCE_SECONDS)
            self._server = stack.enter_context(ForkServer(self._device.preload, self._variables()))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._cache.prune(cache_limit())

    def measure(self, order: Order, told: Callable[[str], None] = lambda _: None) -> Result:
        """Builds and times one candidate; failures come back as measurements.

        Args:
            order: What to measure.
            told: Takes the name of each phase that begins.

        Raises:
            Stopped: The run was asked to stop; nothing came of this candidate.
        """
        started = time.monotonic()
        job = self._job(order)
        log = Tail()
        job, record, ended = self._built(job, log, told)
        missing = order.pretrained and not job.pretrained
        if record is not None:
            stands = find_build(job) is not None
            ended = self._run(job, record, log, self._measure_seconds(order), told)
            if ended.failure is not None and stands and find_build(job) is None:
                # What was built is gone from the cache, which somebody has emptied: no fault of the candidate.
                job, record, ended = self._built(job, log, told)
                if record is not None:
                    ended = self._run(job, record, log, self._measure_seconds(order), told)
        assert ended is not None
        self._spend_patience(ended, time.monotonic() - started)
        measurement = self._measurement(order, job, ended, log, time.monotonic() - started)
        return Result(measurement, missing)

    def _built(
        self, job: Job, log: Tail, told: Callable[[str], None]
    ) -> tuple[Job, BuildRecord | None, Ended | None]:
        """The job as it can be done, its build, found or made, and how making it ended."""
        record = find_build(job)
        if record is not None:
            return job, record, None
        ended = self._run(job, None, log, self._build_seconds, told)
        own = job.facts.checkpoint is not None
        if ended.failure is not None and job.pretrained and not own and ended.phase == "weights":
            # The published weights cannot be had: speed does not need them.
            return self._built(replace(job, pretrained=False), log, told)
        return job, ended.result, ended

    def examine(self, order: Order, questions: Questions, told: Callable[[str], None] = lambda _: None) -> Answered:
        """Lets one candidate answer labelled images; failures come back too.

        Args:
            order: The candidate.
            questions: The images.
            told: Takes the name of each phase that begins.

        Raises:
            LabelledImageError: An image cannot be decoded.
            Stopped: The run was asked to stop; nothing came of it.
        """
        log = Tail()
        job, record, ended = self._built(self._job(order), log, told)
        if order.pretrained and not job.pretrained:
            return Answered(None, Outcome.OK, "its published weights could not be had", "")
        if record is not None:
            ended = self._entered().run(
                job,
                record,
                log=log,
                limit=_ANSWERING_SECONDS + _ANSWER_SECONDS * len(questions.files),
                stopping=self._stopping,
                told=told,
                questions=questions,
            )
        assert ended is not None
        if ended.failure is not None:
            return Answered(None, ended.failure.outcome, ended.failure.message, log.text())
        return Answered(ended.result, Outcome.OK, "", "")

    def run_off(self, orders: Sequence[Order], statistic: str) -> RunOff:
        """Lets finalists that this environment has measured meet, round by round.

        Args:
            orders: At least two.
            statistic: What they are ranked by.

        Raises:
            RunOffFailed: A finalist did not come through.
            Stopped: The run was asked to stop.
        """
        built = []
        for order in orders:
            job, record, _ = self._built(self._job(order), Tail(), lambda _: None)
            if record is None:
                raise RunOffFailed(f"{job.candidate.id} could not be built again")
            built.append((job, record))
        return Conductor(self._entered(), self._device, self._environment, self._stopping).meet(
            built, statistic, self._run_id
        )

    def _spend_patience(self, ended: Ended, seconds: float) -> None:
        """On a machine that is never quiet, waiting must not cost more than a tenth of the run."""
        waited = 0.0
        if ended.failure is None:
            waited = ended.result.observation.diagnostics["waited_seconds"]
        self._patience = min(self._most, self._patience - waited + 0.1 * seconds)

    def _run(
        self, job: Job, record: BuildRecord | None, log: Tail, limit: float, told: Callable[[str], None]
    ) -> Ended:
        return self._entered().run(job, record, log=log, limit=limit, stopping=self._stopping, told=told)

    def _entered(self) -> ForkServer:
        if self._server is None:
            raise RuntimeError("LocalEngine must be entered with `with` before it measures")
        return self._server

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
            calibration=order.calibration,
            quiet=replace(self._quiet, patience=min(self._quiet.patience, self._patience)),
        )

    def _measure_seconds(self, order: Order) -> float:
        """Loading, agreement and warm-up have no cap of their own; this one ends a hang."""
        return 120.0 + protocol.ATTEMPTS * 2 * order.rule.time_cap + self._quiet.patience

    def _measurement(self, order: Order, job: Job, ended: Ended, log: Tail, wall: float) -> Measurement:
        measured: Measured | None = ended.result if ended.failure is None else None
        outcome, message = _told(ended)
        return Measurement(
            id=uuid.uuid4().hex,
            identity=job.identity,
            candidate=order.candidate,
            environment=self._environment,
            weights=measured.weights if measured else None,
            outcome=outcome,
            message=message,
            log="" if ended.failure is None else log.text(),
            phase=ended.phase,
            observation=measured.observation if measured else None,
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


def _told(ended: Ended) -> tuple[Outcome, str]:
    """The outcome of a candidate's last stage, and the sentence that tells of it."""
    if ended.failure is not None:
        return ended.failure.outcome, ended.failure.message
    measured: Measured = ended.result
    if not measured.disturbed_by:
        return Outcome.OK, ""
    attempts = measured.observation.diagnostics["attempts"]
    return Outcome.UNSTABLE, f"{'; '.join(measured.disturbed_by)} while it was timed, {attempts:.0f} times in a row"
