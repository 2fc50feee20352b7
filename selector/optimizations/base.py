"""The contract of an optimization."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from selector.artifacts import ArtifactCache
from selector.devices import Runner
from selector.optimizations.calibration import Calibration
from selector.registry import Registry
from selector.types import Candidate, DeviceKind, Environment, ModelFacts, Precision

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Bench:
    """What a way of running gets to work with, in a child process of its own.

    Attributes:
        candidate: What is prepared.
        torch_device: The device in torch's naming.
        threads: Host threads to use.
        cache: Where built files go.
        weights_key: Names the weights' content; part of the key of everything that is built from them.
        weights_bytes: Size of the weights file.
        model: Makes the fp32 model with its weights, in eval mode, on the CPU; each call a new one. It answers with
            logits, a backbone (the candidate's task says so) with a tuple of maps, channels first.
        calibration: What int8 is calibrated on, or None where the profile names nothing.
    """

    candidate: Candidate
    torch_device: str
    threads: int
    cache: ArtifactCache
    weights_key: str
    weights_bytes: int
    model: Callable[[], torch.nn.Module]
    calibration: Calibration | None = None


@dataclass(frozen=True)
class Built:
    """What a build made.

    Attributes:
        seconds: What making it took when it was really made; 0 where nothing is built.
        artifact_bytes: Size of the files to deploy, or None.
        files: What `load` reads from the cache; the build is made again when one of them is gone.
        diagnostics: Readings that explain it; they go into the observation's.
    """

    seconds: float
    artifact_bytes: int | None
    files: tuple[Path, ...] = ()
    diagnostics: Mapping[str, float] = field(default_factory=dict)


class Optimization(ABC):
    """One way of running a model on a device.

    `build` and `load` run in two child processes: the first may hold the fp32 model and an exporter, the second
    holds only what is loaded, so that its memory can be read. Either may raise a `CandidateError`; whatever else
    they raise becomes the outcome of the phase (export_failed, build_failed, crashed).

    Attributes:
        name: As in profiles: parts joined by "+" in the order layout, precision, compiler.
        precision: What the bulk of the arithmetic is done in.
        libraries: Distributions whose versions can change this way's figures.
        description: One sentence.
        settings: Fixed knobs, part of the identity.
        runs_on: Kinds of device.
        packages: Import names that must be installed, each with the extra that brings it.
        calibrated: Whether it needs `Bench.calibration`; it is unavailable under a profile that names none, and
            the set's hash becomes one of the candidate's settings.
    """

    name: str
    precision: Precision = "fp32"
    libraries: tuple[str, ...] = ("timm", "torch")
    description: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    runs_on: tuple[DeviceKind, ...] = ("cpu", "cuda")
    packages: tuple[tuple[str, str], ...] = ()
    calibrated: bool = False

    def unavailable(self, environment: Environment) -> str | None:
        """Why this way cannot run in `environment`, as a clause that says what to change, or None when it can.

        Cheap and without importing a runtime. Extend it with `super().unavailable(environment) or ...`. The fake
        device simulates every way.
        """
        if environment.device_kind == "fake":
            return None
        if environment.device_kind not in self.runs_on:
            return f"runs on {' and '.join(self.runs_on)} devices only"
        for package, extra in self.packages:
            if importlib.util.find_spec(package) is None:
                return f"the package {package} is not installed: pip install 'vision-selector[{extra}]'"
        return None

    def unsuited(self, facts: ModelFacts) -> str | None:  # noqa: ARG002 - part of the contract
        """Why this way is nothing for a model, as a clause, or None. Only where known facts are certain of it."""
        return None

    def settings_on(self, kind: DeviceKind) -> tuple[tuple[str, str], ...]:  # noqa: ARG002 - part of the contract
        """The fixed knobs on one kind of device: `settings`, and those that only this kind has."""
        return self.settings

    def build(self, bench: Bench) -> Built:
        """Makes what `load` reads, in the cache; does nothing when it is there already.

        The default builds nothing and deploys the weights file.
        """
        return Built(0.0, bench.weights_bytes)

    @abstractmethod
    def load(self, bench: Bench) -> Runner:
        """Loads what was built into something callable, for the candidate's batch and image size."""


OPTIMIZATIONS: Registry[Optimization] = Registry("optimization", "selector.optimizations")


def register(way: Optimization) -> Optimization:
    """Adds a way of running to the registry."""
    return OPTIMIZATIONS.register(way.name, way)


def bf16_gap(environment: Environment) -> str | None:
    """Why bf16 arithmetic is not native in `environment`, or None when it is."""
    have = set(environment.capabilities)
    if environment.device_kind == "cpu" and not have & {"avx512_bf16", "amx_bf16", "bf16"}:
        return "this CPU has no bf16 arithmetic (avx512_bf16, amx_bf16 or Arm bf16); it would be emulated"
    if environment.device_kind == "cuda" and compute_capability(environment) < 80:
        return "bf16 needs an Ampere GPU (compute capability 8.0) or newer"
    return None


def fp16_gap(environment: Environment) -> str | None:
    """Why fp16 arithmetic is not native in `environment`, or None when it is."""
    if environment.device_kind == "cpu" and not set(environment.capabilities) & {
        "avx512_fp16",
        "amx_fp16",
        "asimdhp",
    }:
        return "this CPU has no fp16 arithmetic (avx512_fp16, amx_fp16 or Arm asimdhp); it would be emulated"
    if environment.device_kind == "cuda" and compute_capability(environment) < 53:
        return "fp16 arithmetic needs compute capability 5.3 or newer"
    return None


def compute_capability(environment: Environment) -> int:
    """Of a GPU, as in "sm_90": 90; 0 where there is none."""
    names = (name.removeprefix("sm_") for name in environment.capabilities if name.startswith("sm_"))
    return max((int(name) for name in names), default=0)
