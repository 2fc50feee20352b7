"""Which parts of the PyTorch ways are combined."""

from __future__ import annotations

from selector.optimizations.amp import Amp
from selector.optimizations.base import register
from selector.optimizations.channels_last import ChannelsLast
from selector.optimizations.compile import Compile, CompiledWay
from selector.optimizations.pytorch import TorchWay

register(TorchWay((ChannelsLast(), Amp("bf16"))))
register(TorchWay((ChannelsLast(), Amp("fp16"))))
register(CompiledWay((Amp("bf16"), Compile())))
register(CompiledWay((Amp("fp16"), Compile())))
