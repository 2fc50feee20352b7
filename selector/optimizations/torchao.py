"""int8 in PyTorch: torchao's PT2E quantization for x86, compiled by Inductor with frozen weights.

Weights per channel, activations per tensor, ranges from the profile's calibration images. The quantized program is
kept in the cache; compiling it is the first call of each process, of which Inductor caches only the kernels.
"""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.devices import Runner
from selector.devices.base import library_versions
from selector.errors import BuildFailedError, FallbackError
from selector.optimizations.base import Bench, Built, Optimization, register
from selector.optimizations.compile import Compile, cold_seconds, compiled_objects
from selector.optimizations.pytorch import TorchRunner
from selector.optimizations.quantization import calibration_of
from selector.types import DeviceKind, Environment

if TYPE_CHECKING:
    from selector.devices.base import Batch

_VERSION = 1
"""Raised when the recipe changes."""
_PRODUCTS = ("aten.conv2d.default", "aten.linear.default")
_LOWERED = re.compile(r"^q(conv|linear)\w*_lower_count$")


class Torchao(Optimization):
    """The exported model with quantize and dequantize operators, fused into int8 products by Inductor."""

    name = "torchao-int8"
    precision = "int8"
    description = "torchao PT2E int8, torch.compile with frozen weights"
    runs_on: tuple[DeviceKind, ...] = ("cpu",)
    libraries = ("pillow", "timm", "torch", "torchao", "torchvision")
    packages = (("torchao", "torchao"),)
    settings = (("compile.dynamic", "False"), ("compile.freezing", "True"), ("compile.mode", "default"))
    calibrated = True
    compiler = Compile(freezing=True, runs_on=("cpu",))

    def unavailable(self, environment: Environment) -> str | None:
        """Inductor's compiler, and an x86 processor."""
        reason = super().unavailable(environment)
        if reason is not None or environment.device_kind == "fake":
            return reason
        if platform.machine().lower() not in ("x86_64", "amd64"):
            return "torchao's quantizer for CPUs needs an x86 processor"
        return self.compiler.unavailable(environment)

    def build(self, bench: Bench) -> Built:
        """Quantizes, compiles once, and counts the products that became int8.

        Raises:
            BuildFailedError: There are no calibration images, or Inductor's back end failed.
            FallbackError: Fewer than half of the convolutions and linear layers run in int8.
        """
        from torch._dynamo.exc import BackendCompilerFailed
        from torch._dynamo.utils import counters

        path, record_path = self._path(bench), self._path(bench).with_suffix(".json")
        record = bench.cache.read_json(record_path)
        if record is None or not path.is_file():
            started = time.perf_counter()
            with bench.cache.writing(path) as temporary:
                products = _quantize(bench, temporary)
            record = {"quantization_seconds": time.perf_counter() - started, "products": products}
        runner = self.load(bench)
        objects = compiled_objects()
        started = time.perf_counter()
        try:
            runner.run(runner.feed(next(_batches(bench))))
        except BackendCompilerFailed as error:
            raise BuildFailedError(f"torch.compile: {error.inner_exception}") from error
        seconds = time.perf_counter() - started
        refuse_float_products(counters["inductor"], record["products"])
        if "compile_seconds" not in record:
            again = self.load(bench)
            cold = compiled_objects() > objects
            record["compile_seconds"] = (
                seconds if cold else cold_seconds(lambda: again.run(again.feed(next(_batches(bench)))))
            )
        bench.cache.write_json(record_path, record)
        seconds = record["quantization_seconds"] + record["compile_seconds"]
        told = {"quantization_seconds": float(record["quantization_seconds"])}
        return Built(seconds, path.stat().st_size, (path,), told)

    def load(self, bench: Bench) -> Runner:
        """The quantized program, to be compiled by its first call."""
        import torch
        import torchao.quantization.pt2e  # noqa: F401 - knows the operators that the program has

        module = torch.export.load(self._path(bench)).module()
        return TorchRunner(self.compiler.apply(module), bench.torch_device, autocast=None, channels_last=False)

    def _path(self, bench: Bench) -> Path:
        candidate = bench.candidate
        key = {
            **candidate.task_key,
            "architecture": candidate.architecture,
            "weights": bench.weights_key,
            "num_classes": candidate.num_classes,
            "shape": [candidate.batch_size, *candidate.image_size],
            "calibration": calibration_of(bench).key,
            "recipe": _VERSION,
            "versions": library_versions(self.libraries),
        }
        return bench.cache.path("torchao", key, ".pt2")


def refuse_float_products(counted: Mapping[str, Any], products: int) -> None:
    """What Inductor counted must show int8 products.

    Args:
        counted: Its counters after compiling.
        products: Convolutions and linear layers of the program.

    Raises:
        FallbackError: Fewer than half of them became int8.
    """
    lowered = sum(int(count) for name, count in counted.items() if _LOWERED.match(name))
    if not lowered or lowered < products / 2:
        raise FallbackError(f"asked for int8, {lowered} of {products} convolutions and linear layers run in it")


def _quantize(bench: Bench, target: Path) -> int:
    """Writes the quantized program and returns how many products it has."""
    import torch
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    candidate = bench.candidate
    example = (torch.zeros(candidate.batch_size, 3, *candidate.image_size),)
    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
    with torch.no_grad():
        program = torch.export.export(bench.model(), example).module()
        products = sum(str(node.target) in _PRODUCTS for node in program.graph.nodes)
        observed = prepare_pt2e(program, quantizer)
        for images in _batches(bench):
            observed(torch.from_numpy(images))
        torch.export.save(torch.export.export(convert_pt2e(observed), example), target)
    return products


def _batches(bench: Bench) -> Iterator[Batch]:
    """The calibration images in batches of the workload's size, the last one filled up with its own."""
    import numpy as np

    size = bench.candidate.batch_size
    waiting: list[Batch] = []
    for image in calibration_of(bench).images():
        waiting.append(image)
        if len(waiting) == size:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate([waiting[place % len(waiting)] for place in range(size)])


register(Torchao())
