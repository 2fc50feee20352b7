"""The whole model in half precision: weights, images and every operator, norms and softmax too.

Autocast keeps those in fp32 and casts at every border; this does not, so it is faster and less exact. Agreement with
fp32 eager decides whether a model bears it.

Not executed on hardware by the project's own tests: both types on CUDA, and fp16 on CPUs that have it.
`pytest -m gpu` and `selector doctor` run these ways where there is a GPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selector.optimizations.base import bf16_gap, fp16_gap, register
from selector.optimizations.pytorch import Part, TorchWay
from selector.types import Environment, Precision

if TYPE_CHECKING:
    import torch


class Half(Part):
    """Weights and images in one half-precision type.

    Args:
        precision: "bf16" or "fp16".
    """

    def __init__(self, precision: Precision) -> None:
        self.name = f"half-{precision}"
        self.description = f"weights and images in {precision}"
        self.precision = precision
        self.cast = {"bf16": "bfloat16", "fp16": "float16"}[precision]

    def unavailable(self, environment: Environment) -> str | None:
        """It must be native; see `Amp`."""
        return bf16_gap(environment) if self.precision == "bf16" else fp16_gap(environment)

    def apply(self, model: torch.nn.Module) -> torch.nn.Module:
        """The model with its floating-point weights and buffers in the type."""
        import torch

        return model.to(getattr(torch, str(self.cast)))


register(TorchWay((Half("bf16"),)))
register(TorchWay((Half("fp16"),)))
