"""Every way of running a model, proven here on a tiny one: built, compared with fp32 eager, timed.

It is the real journey on a model of 0.4 million weights, in a cache and a store of its own that are thrown away,
on random weights and without a download.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from selector.artifacts import ArtifactCache
from selector.decision import Decision
from selector.devices import Device
from selector.doctor.base import Finding, Visit, check
from selector.doctor.visiting import SYMPTOMS, symptom
from selector.engines.run import Observer, Prospect
from selector.journey import evaluate
from selector.metrics import PERCENTILE_SAMPLES
from selector.optimizations import OPTIMIZATIONS, all_libraries
from selector.optimizations.calibration import RANDOM
from selector.quantities import format_quantity
from selector.requirements import (
    Calibration,
    CandidateSelection,
    DeviceBudget,
    Evaluation,
    Objective,
    RequirementProfile,
    Workload,
)
from selector.store import Store
from selector.types import Measurement, Outcome, Planned

MODEL = "test_vit.r160_in1k"
_TIMING_SECONDS = 0.5
_CALIBRATION_IMAGES = 16
"""Made-up ones, which is enough to prove that an int8 way runs."""
_PATIENCE_SECONDS = 20.0
"""How long to wait for a run that holds the device."""


@check("ways", "Ways of running a model, on a tiny one", 60)
def ways(visit: Visit) -> Iterator[Finding]:
    """Each way: available, built, right, and how fast beside eager."""
    if visit.quick:
        yield Finding("all ways", "skipped", "left out by --quick")
        return
    broken = list(_broken(visit.device))
    if broken:
        yield from broken
        return
    watcher = _Watcher(visit)
    decision = _evaluated(visit, watcher)
    if watcher.gave_up:
        yield Finding(
            "all ways",
            "skipped",
            f"another run has been measuring on {visit.device.target} for {_PATIENCE_SECONDS:.0f} s",
            "give the command again when it has ended, or add --quick",
        )
        return
    measurements = decision.evidence.measurements
    eager = next((_p50(one) for one in measurements.values() if one.candidate.optimization == "eager"), None)
    for planned in decision.evidence.plan.considered:
        yield _finding(planned, measurements, eager)


def _evaluated(visit: Visit, watcher: _Watcher) -> Decision:
    profile = RequirementProfile(
        name="doctor",
        workload=Workload(),
        device=DeviceBudget(target=visit.device.target),
        objective=Objective(direction="minimize", metric="latency_p50"),
        candidates=CandidateSelection(models=(MODEL,), optimizations=visit.ways),
        calibration=Calibration(images=RANDOM, count=_CALIBRATION_IMAGES),
        evaluation=Evaluation(candidate_time=_TIMING_SECONDS),
    )
    with tempfile.TemporaryDirectory(prefix="doctor-") as name:
        folder = Path(name)
        cache = ArtifactCache(folder / "cache")
        options = replace(visit.options, cache=cache, offline=True, stopping=watcher.stopping)
        with Store(f"sqlite:///{folder / 'doctor.db'}") as store:
            return evaluate(profile, store, options, watcher)


def _broken(device: Device) -> Iterator[Finding]:
    """Ways that cannot even be asked: no run could be planned while there is one."""
    environment = device.environment(None, all_libraries())
    for name, way in OPTIMIZATIONS:
        try:
            way.unavailable(environment)
        except SYMPTOMS as error:
            yield Finding(
                name,
                "fail",
                f"asking whether it can run raised {symptom(error)}; until then nothing can be evaluated",
                "mend or uninstall the package that brings it",
            )


class _Watcher(Observer):
    """Passes on how it goes, and does not wait for another run for ever."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._waiting_since: float | None = None
        self.gave_up = False

    def stopping(self) -> bool:
        """Whether the user said so, or another run holds the device for too long."""
        since = self._waiting_since
        self.gave_up = self.gave_up or (since is not None and time.monotonic() - since > _PATIENCE_SECONDS)
        return self.gave_up or self._visit.options.stopping()

    def begins(self, prospect: Prospect) -> None:
        """See `Observer`. The notes of a run (weights, other programs) are findings of their own here, or none."""
        self._visit.observer.begins(replace(prospect, plan=replace(prospect.plan, notes=())))

    def waits(self) -> None:
        """See `Observer`."""
        self._waiting_since = time.monotonic()
        self._visit.observer.waits()

    def measures(self, planned: Planned, done: int, left: int) -> None:
        """See `Observer`."""
        self._waiting_since = None
        self._visit.observer.measures(planned, done, left)

    def measured(self, planned: Planned, measurement: Measurement) -> None:
        """See `Observer`."""
        self._visit.observer.measured(planned, measurement)


def _p50(measurement: Measurement) -> float | None:
    """Seconds of a query in the median, None where too few were timed for one."""
    observation = measurement.observation
    if observation is None or observation.summary.samples < PERCENTILE_SAMPLES["p50"]:
        return None
    return observation.summary.percentiles["p50"].value


def _finding(planned: Planned, measurements: Mapping[str, Measurement], eager: float | None) -> Finding:
    way = planned.candidate.optimization
    if planned.unavailable is not None:
        return Finding(way, "skipped", f"not available: {planned.unavailable}")
    measurement = measurements.get(planned.candidate.id)
    if measurement is None:
        return Finding(way, "skipped", "stopped before it was reached")
    if measurement.outcome not in (Outcome.OK, Outcome.UNSTABLE):
        return Finding(
            way,
            "fail",
            f"{measurement.outcome.value} during {measurement.phase}: {measurement.message}",
            f"its log: selector doctor --only '{way}' --verbose",
            {"wall_seconds": measurement.wall_seconds},
        )
    text, figures = _figures(measurement, eager)
    if measurement.outcome is Outcome.UNSTABLE:
        return Finding(way, "warn", f"unstable: {measurement.message}; {text}", "see the noise above", figures)
    if "latency_p50" not in figures:
        return Finding(way, "warn", text, "see the noise above, and give the command again when it is quiet", figures)
    return Finding(way, "ok", text, figures=figures)


def _figures(measurement: Measurement, eager: float | None) -> tuple[str, dict[str, float]]:
    observation = measurement.observation
    if observation is None:
        return "no figures", {}
    p50, queries = _p50(measurement), observation.summary.samples
    figures = {"queries": float(queries), "build_seconds": observation.build_seconds}
    if p50 is None:
        parts = [f"too slow to be timed here: {queries} quer{'y' if queries == 1 else 'ies'} in all"]
    else:
        figures["latency_p50"] = p50
        parts = [f"p50 {format_quantity(p50, 'time')}"]
    if eager is not None and p50 is not None and measurement.candidate.optimization != "eager":
        figures["times_eager"] = eager / p50
        parts.append(f"{eager / p50:.2g} × as fast as eager")
    if observation.agreement is not None:
        error, allowed = observation.agreement.relative_error, observation.agreement.tolerance
        figures |= {"relative_error": error, "tolerance": allowed}
        parts.append(f"output within {error:.1g} of fp32 ({allowed:g} allowed)")
    if observation.build_seconds:
        parts.append(f"built in {format_quantity(observation.build_seconds, 'time', 2)}")
    return ", ".join(parts), figures
