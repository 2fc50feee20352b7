"""What the ways that run in PyTorch share: a way is a sequence of parts, and combinations are declared.

A part contributes a layout, a precision, an attention kernel or a compiler. The name of a way joins those of its
parts.

On CUDA not executed on hardware by the project's own tests: explicit TF32, and half-precision images. `pytest -m gpu`
and `selector doctor` run every way that a GPU has.
"""

from __future__ import annotations

import ast
import importlib.metadata
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.devices import Runner
from selector.optimizations.base import Bench, Optimization
from selector.optimizations.outputs import on_host, one_array
from selector.types import DeviceKind, Environment, ModelFacts, Precision

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from selector.devices.base import Batch


class Part:
    """One step from a plain fp32 model to how it runs.

    Attributes:
        name: Its part of the way's name.
        description: What it does, as a clause.
        precision: What the arithmetic becomes, or None when the part does not change it.
        autocast: torch's name of the autocast type, or None.
        cast: torch's name of the type that the images are cast to, or None.
        channels_last: Whether weights and images lie channels last.
        tf32: Whether fp32 products may be done in TF32 on a GPU.
        compiles: Whether the first call builds something worth caching.
        runs_on: Kinds of device.
        libraries: Distributions that the part brings in.
        settings: Fixed knobs.
    """

    name: str
    description: str
    precision: Precision | None = None
    autocast: str | None = None
    cast: str | None = None
    channels_last: bool = False
    tf32: bool = False
    compiles: bool = False
    runs_on: tuple[DeviceKind, ...] = ("cpu", "cuda")
    libraries: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    def unavailable(self, environment: Environment) -> str | None:  # noqa: ARG002 - part of the contract
        """Why this part cannot run in `environment`, or None."""
        return None

    def unsuited(self, facts: ModelFacts) -> str | None:  # noqa: ARG002 - part of the contract
        """Why this part is nothing for a model, or None; see `Optimization.unsuited`."""
        return None

    def apply(self, model: torch.nn.Module) -> torch.nn.Module:
        """The model with this part applied. It may set torch's global switches: the process is its own."""
        return model


@dataclass
class TorchRunner:
    """Runs a module, optionally under autocast, with images in the layout and type that it wants."""

    model: torch.nn.Module
    device: str
    autocast: str | None
    channels_last: bool
    cast: str | None = None

    def feed(self, batch: Batch) -> Any:
        """The batch on the device, in the layout and type that the weights have."""
        import numpy as np
        import torch

        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        dtype = getattr(torch, self.cast) if self.cast else torch.float32
        images = torch.from_numpy(np.ascontiguousarray(batch)).to(self.device, dtype)
        return images.contiguous(memory_format=layout)

    def run(self, fed: Any) -> Any:
        """One forward pass under inference mode, as a service would run it."""
        import torch

        context = (
            torch.autocast(self.device.partition(":")[0], dtype=getattr(torch, self.autocast))
            if self.autocast
            else nullcontext()
        )
        with torch.inference_mode(), context:
            return self.model(fed)

    def read(self, answer: Any) -> NDArray[np.float32]:
        """The logits on the host in fp32; of a backbone what `one_array` makes of its maps."""
        return one_array(on_host(answer))


class TorchWay(Optimization):
    """A way of running that is a sequence of parts."""

    def __init__(self, parts: tuple[Part, ...], name: str | None = None, description: str | None = None) -> None:
        self.parts = parts
        self.name = name or "+".join(part.name for part in parts)
        self.description = description or ", ".join(part.description for part in parts)
        self.precision = next((part.precision for part in parts if part.precision), "fp32")
        self.libraries = tuple(sorted({"timm", "torch", *(name for part in parts for name in part.libraries)}))
        self.settings = tuple(sorted(pair for part in parts for pair in part.settings))
        self.tf32 = any(part.tf32 for part in parts)
        self.runs_on = tuple(kind for kind in Optimization.runs_on if all(kind in part.runs_on for part in parts))

    def settings_on(self, kind: DeviceKind) -> tuple[tuple[str, str], ...]:
        """On a GPU also whether TF32 is allowed, which is always set: torch's default differs by operator."""
        return (*self.settings, ("tf32", "on" if self.tf32 else "off")) if kind == "cuda" else self.settings

    def unavailable(self, environment: Environment) -> str | None:
        """See `Optimization`; the first part that cannot run decides."""
        reason = super().unavailable(environment)
        if reason is None and environment.device_kind == "cuda":
            reason = cuda_gap()
        if reason is None and environment.device_kind != "fake":
            reason = next(filter(None, (part.unavailable(environment) for part in self.parts)), None)
        return reason

    def unsuited(self, facts: ModelFacts) -> str | None:
        """See `Optimization`; the first part decides."""
        return next(filter(None, (part.unsuited(facts) for part in self.parts)), None)

    def load(self, bench: Bench) -> Runner:
        """Applies the parts in order."""
        if bench.torch_device != "cpu":
            set_tf32(self.tf32)
        model = bench.model().to(bench.torch_device)
        for part in self.parts:
            model = part.apply(model)
        return TorchRunner(
            model,
            bench.torch_device,
            next((part.autocast for part in self.parts if part.autocast), None),
            any(part.channels_last for part in self.parts),
            next((part.cast for part in self.parts if part.cast), None),
        )


def set_tf32(allowed: bool) -> None:
    """Lets products and convolutions of fp32 run in TF32 on a GPU, or forbids it: torch allows only the latter."""
    import torch

    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed


def cuda_gap() -> str | None:
    """Why this torch cannot use a GPU, or None when it is built with CUDA."""
    if torch_cuda() is None:
        return (
            "this torch is built without CUDA and needs to be replaced: pip install --force-reinstall torch from the "
            "package index's default wheel, or from download.pytorch.org's folder of the driver's CUDA version"
        )
    return None


@lru_cache
def torch_cuda() -> str | None:
    """The CUDA version that the installed torch was built with, or None; read from its file, without importing it."""
    path = importlib.metadata.distribution("torch").locate_file("torch/version.py")
    for statement in ast.parse(Path(str(path)).read_text()).body:
        if isinstance(statement, ast.AnnAssign | ast.Assign) and isinstance(statement.value, ast.Constant):
            targets = [statement.target] if isinstance(statement, ast.AnnAssign) else statement.targets
            if any(isinstance(target, ast.Name) and target.id == "cuda" for target in targets):
                return None if statement.value.value is None else str(statement.value.value)
    return None
