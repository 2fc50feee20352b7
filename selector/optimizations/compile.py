"""torch.compile: TorchDynamo and TorchInductor, in one fixed configuration a way.

`compile` is the default mode. `compile-freezing` also makes the weights constants of the program (CPU only: they are
packed for its vector units, and held a second time). `compile-max-autotune` tries several
programs for each product. `compile-reduce-overhead` replays CUDA graphs.

Not executed on hardware by the project's own tests: everything on CUDA, that is Triton's kernels, CUDA graphs and
the counter by which a skipped CUDA graph is told. `pytest -m gpu` and `selector doctor` run them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from selector.errors import BuildFailedError, FallbackError
from selector.optimizations.base import Bench, Built, register
from selector.optimizations.pytorch import Part, TorchWay
from selector.types import DeviceKind, Environment

if TYPE_CHECKING:
    import torch

_CALLS = 3
"""Of a build: CUDA graphs are recorded by the second call and replayed by the third."""


class Compile(Part):
    """Compilation for the exact shape of the workload.

    Args:
        mode: As `torch.compile` names it.
        freezing: Whether weights become constants.
        runs_on: Kinds of device.
    """

    compiles = True
    libraries = ("triton",)

    def __init__(
        self,
        mode: str = "default",
        *,
        freezing: bool = False,
        runs_on: tuple[DeviceKind, ...] = ("cpu", "cuda"),
    ) -> None:
        variant = "freezing" if freezing else mode
        self.name = "compile" if variant == "default" else f"compile-{variant}"
        self.description = f"torch.compile, {mode} mode{', weights frozen' if freezing else ''}"
        self.mode = mode
        self.freezing = freezing
        self.runs_on = runs_on
        self.settings = (
            ("compile.dynamic", "False"),
            *((("compile.freezing", "True"),) if freezing else ()),
            ("compile.mode", mode),
        )

    def unavailable(self, environment: Environment) -> str | None:
        """Inductor writes C++ for a CPU and needs the compiler even when its cache is warm; for a GPU, Triton."""
        if environment.device_kind == "cpu" and not any(map(shutil.which, _compilers())):
            return "torch.compile needs a C++ compiler: install g++ (Debian: apt install g++)"
        if environment.device_kind == "cuda" and importlib.util.find_spec("triton") is None:
            return "torch.compile on CUDA needs Triton, which is not installed: pip install triton"
        return None

    def apply(self, model: torch.nn.Module) -> torch.nn.Module:
        """The module, to be compiled by its first call."""
        import torch
        from torch._inductor import config

        # Read in several places while the first call compiles, so that torch.compile's own options do not reach all.
        config.freezing = self.freezing
        return cast("torch.nn.Module", torch.compile(model, dynamic=False, mode=self.mode))


class CompiledWay(TorchWay):
    """A way whose first call compiles.

    The build is that first call, made once in a process of its own; Inductor's cache on disk keeps its result.
    """

    def build(self, bench: Bench) -> Built:
        """Compiles for the workload's shape.

        Raises:
            BuildFailedError: Inductor's back end failed.
            FallbackError: CUDA graphs were asked for and skipped.
        """
        import numpy as np
        from torch._dynamo.exc import BackendCompilerFailed
        from torch._dynamo.utils import counters

        runner = self.load(bench)
        height, width = bench.candidate.image_size
        images = np.zeros((bench.candidate.batch_size, 3, height, width), np.float32)
        objects = compiled_objects()
        started = time.perf_counter()
        try:
            answer = runner.run(runner.feed(images))
        except BackendCompilerFailed as error:
            raise BuildFailedError(f"torch.compile: {error.inner_exception}") from error
        seconds = time.perf_counter() - started
        if dict(self.settings)["compile.mode"] == "reduce-overhead":
            for _ in range(_CALLS - 1):
                answer = runner.run(runner.feed(images))
            runner.read(answer)
            refuse_skipped_graphs(counters["inductor"])
        if compiled_objects() <= objects:
            again = self.load(bench)
            seconds = cold_seconds(lambda: again.run(again.feed(images)))
        return Built(seconds, bench.weights_bytes)


def compiled_objects() -> int:
    """How many programs Inductor's cache holds. A compiling call that adds none found all of its own there."""
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    return sum(file.suffix in (".so", ".cubin", ".hsaco") for file in Path(cache_dir()).rglob("*"))


def cold_seconds(compiling: Callable[[], object]) -> float:
    """What a compiling call takes where no cache helps, for a build whose record is gone but whose programs are not.

    Inductor's counters do not tell the two apart: frozen programs never count as a hit, though their kernels are
    taken from the cache.

    Args:
        compiling: Calls a module that `torch.compile` has wrapped, for the first time since.
    """
    import torch
    from torch._inductor.utils import fresh_cache

    with fresh_cache():
        torch._dynamo.reset()
        started = time.perf_counter()
        compiling()
        return time.perf_counter() - started


def refuse_skipped_graphs(counted: Mapping[str, Any]) -> None:
    """What Inductor counted must not say that CUDA graphs were left out.

    Raises:
        FallbackError: It does.
    """
    skipped = int(counted.get("cudagraph_skips", 0))
    if skipped:
        raise FallbackError(f"asked for CUDA graphs, torch.compile skipped {skipped} of them")


def _compilers() -> list[str]:
    configured = os.environ.get("CXX")
    return [configured] if configured else ["g++", "clang++", "gcc"]


register(CompiledWay((Compile(),)))
register(CompiledWay((Compile(freezing=True, runs_on=("cpu",)),)))
register(CompiledWay((Compile("max-autotune"),)))
register(CompiledWay((Compile("reduce-overhead", runs_on=("cuda",)),)))
