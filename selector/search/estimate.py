"""How long measuring will take, roughly, before anything is known of the device.

The figures are orders of magnitude for one CPU core or GPU of 2026; they order candidates and warn of hours, no
decision rests on them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from selector.profiler.plateau import FEWEST
from selector.profiler.protocol import MIN_QUERIES
from selector.requirements import RequirementProfile
from selector.types import DeviceKind, Environment, Planned

_GMACS_PER_SECOND: dict[DeviceKind, float] = {"cpu": 20.0, "cuda": 4000.0, "fake": 1e6}
"""Per thread of a CPU, per GPU otherwise."""
_START_SECONDS = 0.6
_EXPORT_SECONDS, _COMPILE_SECONDS = 2.0, 45.0
_LAYER_SECONDS = 2e-3
"""What a forward pass takes however small the model is."""


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to take.

    Attributes:
        candidates: To be measured.
        seconds: In all.
    """

    candidates: int
    seconds: float


def estimate_seconds(profile: RequirementProfile, planned: Planned, environment: Environment | None = None) -> float:
    """Expected seconds to build and time one candidate.

    Args:
        profile: Batch size and time cap.
        planned: The candidate.
        environment: The device; a two-thread CPU without it.
    """
    if environment is not None and environment.device_kind == "fake":
        return 0.1
    candidate, facts = planned.candidate, planned.facts
    scale = math.prod(candidate.image_size) / math.prod(facts.image_size)
    gmacs = (facts.gmacs if facts.gmacs is not None else (facts.parameters or 1e7) / 5e6) * scale
    kind: DeviceKind = environment.device_kind if environment else "cpu"
    speed = _GMACS_PER_SECOND[kind] * (min(environment.threads, 16) if environment and kind == "cpu" else 1)
    query = _LAYER_SECONDS + candidate.batch_size * gmacs / speed
    timing = min(profile.evaluation.candidate_time, max(0.5, 3 * MIN_QUERIES * query))
    build = 0.0
    if "compile" in candidate.optimization or any(name.startswith("compile.") for name, _ in candidate.settings):
        build = _COMPILE_SECONDS
    elif "onnx" in candidate.libraries:
        build = _EXPORT_SECONDS
    return _START_SECONDS + build + timing + (FEWEST + 6) * query


def estimate_run(
    profile: RequirementProfile, planned: Sequence[Planned], environment: Environment | None = None
) -> Estimate:
    """Expected cost of measuring all of `planned`, within the profile's time budget."""
    seconds = sum(estimate_seconds(profile, one, environment) for one in planned)
    budget = profile.evaluation.time_budget
    return Estimate(len(planned), seconds if budget is None else min(seconds, budget))
