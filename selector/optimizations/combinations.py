"""Which parts of the PyTorch ways are combined: declared here, written nowhere else."""

from __future__ import annotations

from selector.optimizations.amp import Amp
from selector.optimizations.attention import Attention, AttentionWay
from selector.optimizations.base import register
from selector.optimizations.channels_last import ChannelsLast
from selector.optimizations.compile import Compile, CompiledWay
from selector.optimizations.half import Half
from selector.optimizations.pytorch import TorchWay
from selector.types import DeviceKind, Precision

_PRECISIONS: tuple[Precision, ...] = ("bf16", "fp16")
_GPU: tuple[DeviceKind, ...] = ("cuda",)
_CPU: tuple[DeviceKind, ...] = ("cpu",)

for _precision in _PRECISIONS:
    register(TorchWay((ChannelsLast(), Amp(_precision))))
    register(TorchWay((ChannelsLast(), Half(_precision))))
    # fp32 has the plain kernel everywhere, flash on CPUs and the memory-efficient one on GPUs; half precision all.
    register(AttentionWay((Half(_precision), Attention("math"))))
    register(AttentionWay((Half(_precision), Attention("flash"))))
    register(AttentionWay((Half(_precision), Attention("efficient", _GPU))))
    register(AttentionWay((Half(_precision), Attention("cudnn", _GPU))))
    register(CompiledWay((Amp(_precision), Compile())))
    register(CompiledWay((Half(_precision), Compile(freezing=True, runs_on=_CPU))))
    register(CompiledWay((Half(_precision), Compile("reduce-overhead", runs_on=_GPU))))
    register(CompiledWay((Half(_precision), Compile("max-autotune", runs_on=_GPU))))
    register(CompiledWay((ChannelsLast(), Half(_precision), Compile("max-autotune", runs_on=_GPU))))
