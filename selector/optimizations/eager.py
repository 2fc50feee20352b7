"""PyTorch as it comes: fp32, operators one after the other. The smallest way, and the template for a new one."""

from __future__ import annotations

from selector.optimizations.base import register
from selector.optimizations.pytorch import TorchWay

EAGER = register(TorchWay((), name="eager", description="PyTorch as it comes, fp32"))
