"""Really measuring small timm models: an engine with a cache of its own, and orders for it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from support.evidence import make_profile
from support.photographs import make_photographs

from selector.artifacts import ArtifactCache
from selector.catalog import load_catalog
from selector.devices import Device
from selector.engines.local import LocalEngine, Order, Result
from selector.optimizations import all_libraries, unavailable_ways
from selector.optimizations.calibration import find_calibration
from selector.profiler.rule import stopping_rule
from selector.requirements import RequirementProfile
from selector.search import make_plan
from selector.search.plan import with_digest
from selector.types import Environment, Plan, Planned

VIT = "test_vit.r160_in1k"
CONVNEXT = "test_convnext.r160_in1k"
EFFICIENTNET = "test_efficientnet.r160_in1k"
MOBILENET = "mobilenetv3_small_050.lamb_in1k"
SMALL_MODELS = (VIT, CONVNEXT, EFFICIENTNET, MOBILENET)
"""Transformer, convolutions with LayerScale, convolutions with BatchNorm, and a published mobile model."""

TIMING_SECONDS = 0.3


@dataclass(frozen=True)
class Workbench:
    """An engine at work.

    Attributes:
        engine: The engine.
        environment: What it measures in.
        cache: Its artifact cache, empty at first.
        photographs: What int8 is calibrated on, and what all outputs are compared on.
    """

    engine: LocalEngine
    environment: Environment
    cache: ArtifactCache
    photographs: Path

    def plan(self, model: str, *, batch_size: int = 1) -> Plan:
        """Every way of running one model here."""
        unavailable = unavailable_ways(self.environment)
        return make_plan(self._profile(model, batch_size), load_catalog(), self.environment, unavailable)

    def planned(self, model: str, way: str, *, batch_size: int = 1) -> Planned:
        """One way of running one model."""
        plan = self.plan(model, batch_size=batch_size)
        return next(one for one in plan.considered if one.candidate.optimization == way)

    def ways(self, model: str, *, compiling: bool) -> list[Planned]:
        """What can run here: the ways that compile, or all others."""
        found = [one for one in self.plan(model).considered if one.unavailable is None]
        return [
            one
            for one in found
            if any(name.startswith("compile.") for name, _ in one.candidate.settings) is compiling
        ]

    def measure(self, planned: Planned) -> Result:
        """Measures on random weights, with the tolerance that profiles have by default."""
        profile = self._profile(planned.candidate.model, planned.candidate.batch_size)
        calibration = find_calibration(str(self.photographs), None)
        tolerance = profile.agreement[planned.candidate.precision]
        order = Order(planned.candidate, planned.facts, stopping_rule(profile), tolerance, False, calibration)
        return self.engine.measure(order)

    def _profile(self, model: str, batch_size: int) -> RequirementProfile:
        return with_digest(
            make_profile(
                objective={"direction": "minimize", "metric": "latency_p50"},
                candidates={"models": (model,)},
                workload={"batch_size": batch_size},
                evaluation={"candidate_time": TIMING_SECONDS},
                calibration={"images": str(self.photographs)},
            )
        )

    def graphs(self) -> set[Path]:
        """The exported ONNX files in the cache."""
        return set(self.cache.folder.glob("onnx/*.onnx"))


@contextmanager
def workbench(device: Device, folder: Path) -> Iterator[Workbench]:
    """An engine on `device` with a cache in `folder`.

    One host thread: where threads wait for each other, whoever shares the machine makes a query a hundred times
    slower. Its device has an id of its own, so that it waits for no other test's; nothing here depends on figures.
    """
    environment = replace(device.environment(1, all_libraries()), device_id=f"test-{uuid.uuid4().hex}")
    cache = ArtifactCache(folder)
    with LocalEngine(device, environment, cache, "test-run", offline=True, patience=0.0) as engine:
        yield Workbench(engine, environment, cache, make_photographs(folder / "photographs"))
