"""Ways of running that fail of real causes, each in its own manner, on the real CPU.

Imported by the process from which candidates fork (`BrokenCpu.preload`) and by tests that plan candidates with them.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from selector.devices.cpu import Cpu
from selector.optimizations import OPTIMIZATIONS, Bench, Built, Optimization
from selector.optimizations.base import register
from selector.optimizations.compile import CompiledWay
from selector.optimizations.graph import export_onnx
from selector.optimizations.onnxruntime import OnnxRuntime


class BrokenCpu(Cpu):
    """The CPU, whose candidates' processes know the ways of this module."""

    preload: ClassVar[tuple[str, ...]] = (*Cpu.preload, __name__)


class Broken(Optimization):
    """Eager, but for what it does before it is loaded or built."""

    def __init__(
        self,
        name: str,
        *,
        load: Callable[[], object] = lambda: None,
        build: Callable[[], object] = lambda: None,
        factor: float = 1.0,
    ) -> None:
        self.name = name
        self._loads = load
        self._builds = build
        self._factor = factor

    def build(self, bench: Bench) -> Built:
        self._builds()
        return super().build(bench)

    def load(self, bench: Bench) -> Any:
        self._loads()
        runner: Any = OPTIMIZATIONS.get("eager").load(bench)
        if self._factor != 1.0:
            read = runner.read
            runner.read = lambda answer: read(answer) * self._factor
        return runner


class Unexportable(Optimization):
    """A model whose way depends on its input's values, which no exporter can write down."""

    name = "fails-export"

    def build(self, bench: Bench) -> Built:
        import torch

        class Branching(torch.nn.Module):
            def forward(self, images: Any) -> Any:
                rows = [row for row in images if float(row.sum().numpy()) > 0]
                return torch.stack(rows).mean(dim=(2, 3)) if len(rows) > 2 else self.missing

        return export_onnx(replace(bench, model=Branching))

    def load(self, bench: Bench) -> Any:
        raise AssertionError("never built")


class Elsewhere(OnnxRuntime):
    """Asks ONNX Runtime for a provider that is not there, as on a machine without the accelerator."""

    name = "fails-fallback"
    settings = (("graph_optimization", "all"), ("provider", "CUDAExecutionProvider"))


class WithoutCompiler(CompiledWay):
    """torch.compile where the compiler is gone since the run began."""

    def build(self, bench: Bench) -> Built:
        from torch._inductor import config

        config.cpp.cxx = ("/nonexistent/g++",)
        config.force_disable_caches = True
        return super().build(bench)


def _torch_memory() -> None:
    import torch

    torch.empty(2**50)


def _kernel_memory() -> None:
    """Into a control group of 64 MiB, then more than that."""
    (Path(os.environ["OUTCOMES_CGROUP"]) / "cgroup.procs").write_text(str(os.getpid()))
    kept = []
    while True:
        kept.append(bytearray(os.urandom(2**20)))


for way in (
    Broken("fails-python-memory", load=lambda: bytearray(2**46)),
    Broken("fails-torch-memory", load=_torch_memory),
    Broken("fails-kernel-memory", load=_kernel_memory),
    Broken("fails-by-signal", load=lambda: ctypes.string_at(0)),
    Broken("fails-in-time", build=lambda: time.sleep(3600)),
    Broken("fails-to-answer", factor=1.5),
    Unexportable(),
    Elsewhere(),
    WithoutCompiler(OPTIMIZATIONS.get("compile").parts, "fails-compiler"),  # type: ignore[attr-defined]
):
    if way.name not in OPTIMIZATIONS.names():
        register(way)
