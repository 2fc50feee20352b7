"""Automatic mixed precision: matrix products and convolutions in half precision, the rest in fp32.

Not executed on hardware by the project's own tests: autocast on CUDA, and fp16 on CPUs that have it. `pytest -m gpu`
and `selector doctor` run these ways where there is a GPU.
"""

from __future__ import annotations

from selector.optimizations.base import bf16_gap, fp16_gap, register
from selector.optimizations.pytorch import Part, TorchWay
from selector.types import Environment, Precision


class Amp(Part):
    """torch.autocast with one half-precision type.

    Args:
        precision: "bf16" or "fp16".
    """

    def __init__(self, precision: Precision) -> None:
        self.name = f"amp-{precision}"
        self.description = f"autocast to {precision}"
        self.precision = precision
        self.autocast = {"bf16": "bfloat16", "fp16": "float16"}[precision]

    def unavailable(self, environment: Environment) -> str | None:
        """Half precision that a device only emulates is slower than fp32 and never worth measuring."""
        return bf16_gap(environment) if self.precision == "bf16" else fp16_gap(environment)


register(TorchWay((Amp("bf16"),)))
register(TorchWay((Amp("fp16"),)))
