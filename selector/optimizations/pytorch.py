"""What the ways that run in PyTorch share: a way is a sequence of parts, and combinations are declared.

A part contributes a layout, a precision or a compiler. `combine` makes a way of parts; its name joins theirs.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selector.devices import Runner
from selector.optimizations.base import Bench, Optimization
from selector.types import Environment, Precision

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
        channels_last: Whether weights and images lie channels last.
        compiles: Whether the first call builds something worth caching.
        libraries: Distributions that the part brings in.
        settings: Fixed knobs.
    """

    name: str
    description: str
    precision: Precision | None = None
    autocast: str | None = None
    channels_last: bool = False
    compiles: bool = False
    libraries: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    def unavailable(self, environment: Environment) -> str | None:  # noqa: ARG002 - part of the contract
        """Why this part cannot run in `environment`, or None."""
        return None

    def apply(self, model: torch.nn.Module) -> torch.nn.Module:
        """The model with this part applied."""
        return model


@dataclass
class TorchRunner:
    """Runs a module, optionally under autocast, with images in the layout that it wants."""

    model: torch.nn.Module
    device: str
    autocast: str | None
    channels_last: bool

    def feed(self, batch: Batch) -> Any:
        """The batch on the device, in the layout that the weights have."""
        import numpy as np
        import torch

        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return torch.from_numpy(np.ascontiguousarray(batch)).to(self.device).contiguous(memory_format=layout)

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
        """The logits on the host in fp32."""
        logits: NDArray[np.float32] = answer.detach().float().cpu().numpy()
        return logits


class TorchWay(Optimization):
    """A way of running that is a sequence of parts."""

    def __init__(self, parts: tuple[Part, ...], name: str | None = None, description: str | None = None) -> None:
        self.parts = parts
        self.name = name or "+".join(part.name for part in parts)
        self.description = description or ", ".join(part.description for part in parts)
        self.precision = next((part.precision for part in parts if part.precision), "fp32")
        self.libraries = tuple(sorted({"timm", "torch", *(name for part in parts for name in part.libraries)}))
        self.settings = tuple(sorted(pair for part in parts for pair in part.settings))

    def unavailable(self, environment: Environment) -> str | None:
        """See `Optimization`; the first part that cannot run decides."""
        reason = super().unavailable(environment)
        if reason is None and environment.device_kind != "fake":
            reason = next(filter(None, (part.unavailable(environment) for part in self.parts)), None)
        return reason

    def load(self, bench: Bench) -> Runner:
        """Applies the parts in order."""
        model = bench.model().to(bench.torch_device)
        for part in self.parts:
            model = part.apply(model)
        return TorchRunner(
            model,
            bench.torch_device,
            next((part.autocast for part in self.parts if part.autocast), None),
            any(part.channels_last for part in self.parts),
        )
