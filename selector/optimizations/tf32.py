"""fp32 on a GPU's tensor cores: products round their inputs to TF32, which has fp16's 10 bits of mantissa.

All other fp32 ways of PyTorch forbid it. It counts as fp32 and has to keep fp32's tolerance; a model that does not
is `wrong_output`, unless the profile allows more under `agreement`.

Not executed on hardware by the project's own tests: TF32 products and convolutions, and their agreement with fp32.
`pytest -m gpu` and `selector doctor` run this way on a GPU; that the switches are set is tested without one.
"""

from __future__ import annotations

from typing import ClassVar

from selector.optimizations.base import compute_capability, register
from selector.optimizations.pytorch import Part, TorchWay
from selector.types import DeviceKind, Environment


class Tf32(Part):
    """Allows TF32 in matrix products and convolutions."""

    name = "tf32"
    description = "fp32 weights, TF32 products"
    tf32 = True
    runs_on: ClassVar[tuple[DeviceKind, ...]] = ("cuda",)  # type: ignore[misc]

    def unavailable(self, environment: Environment) -> str | None:
        """Tensor cores have TF32 since Ampere."""
        if compute_capability(environment) < 80:
            return "TF32 needs an Ampere GPU (compute capability 8.0) or newer"
        return None


register(TorchWay((Tf32(),)))
