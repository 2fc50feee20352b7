"""torch.compile with its default mode."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING, cast

from selector.errors import BuildFailedError
from selector.optimizations.base import Bench, Built, register
from selector.optimizations.pytorch import Part, TorchWay
from selector.types import Environment

if TYPE_CHECKING:
    import torch


class Compile(Part):
    """TorchDynamo and TorchInductor, for the exact shape of the workload."""

    name = "compile"
    description = "torch.compile, default mode"
    compiles = True
    libraries = ("triton",)
    settings = (("compile.dynamic", "False"), ("compile.mode", "default"))

    def unavailable(self, environment: Environment) -> str | None:
        """Inductor writes C++ for a CPU and needs the compiler even when its cache is warm."""
        if environment.device_kind == "cpu" and not any(map(shutil.which, _compilers())):
            return "torch.compile needs a C++ compiler: install g++ (Debian: apt install g++)"
        return None

    def apply(self, model: torch.nn.Module) -> torch.nn.Module:
        """The module, to be compiled by its first call."""
        import torch

        return cast("torch.nn.Module", torch.compile(model, dynamic=False))


class CompiledWay(TorchWay):
    """A way whose first call compiles.

    The build is that first call, made once in a process of its own; Inductor's cache on disk keeps its result.
    """

    def build(self, bench: Bench) -> Built:
        """Compiles for the workload's shape."""
        import numpy as np
        from torch._dynamo.exc import BackendCompilerFailed

        runner = self.load(bench)
        height, width = bench.candidate.image_size
        images = np.zeros((bench.candidate.batch_size, 3, height, width), np.float32)
        started = time.perf_counter()
        try:
            runner.run(runner.feed(images))
        except BackendCompilerFailed as error:
            raise BuildFailedError(f"torch.compile: {error.inner_exception}") from error
        return Built(time.perf_counter() - started, bench.weights_bytes)


def _compilers() -> list[str]:
    configured = os.environ.get("CXX")
    return [configured] if configured else ["g++", "clang++", "gcc"]


register(CompiledWay((Compile(),)))
