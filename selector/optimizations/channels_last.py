"""Weights and images in NHWC order, which vectorized convolutions prefer.

Not executed on hardware by the project's own tests: convolutions on CUDA in this layout. `pytest -m gpu` and
`selector doctor` run them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selector.optimizations.base import register
from selector.optimizations.pytorch import Part, TorchWay

if TYPE_CHECKING:
    import torch


class ChannelsLast(Part):
    """Changes the memory layout alone."""

    name = "channels_last"
    description = "NHWC memory layout"
    channels_last = True

    def apply(self, model: torch.nn.Module) -> torch.nn.Module:
        """The model with its four-dimensional weights in NHWC order."""
        import torch

        return model.to(memory_format=torch.channels_last)


register(TorchWay((ChannelsLast(),)))
