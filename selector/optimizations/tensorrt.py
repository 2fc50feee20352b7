"""TensorRT 10.12 to 11, strongly typed: what an engine computes in stands in the graph that it is built from.

The graphs are made and checked elsewhere, on the CPU: fp32 as exported, fp16 and bf16 by `half_onnx`, int8 with
explicit Q/DQ nodes and symmetric activations. Here an engine is built of one for the workload's exact shape
(`tensorrt_building`), its precision is proven by its inspector (`tensorrt_inspection`), and it runs on GPU memory
(`tensorrt_running`).

Not executed on hardware by the project's own tests: all of TensorRT. Its names are checked against those of its
published bindings, 10.12 and 11, and the code runs against a stand-in that knows no other names and computes with
ONNX Runtime. `pytest -m gpu` and `selector doctor` run these ways where there is a GPU.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from selector.devices import Runner
from selector.devices.base import library_versions
from selector.optimizations.base import (
    Bench,
    Built,
    Optimization,
    bf16_gap,
    compute_capability,
    fp16_gap,
    register,
)
from selector.optimizations.graph import (
    EXPORT_LIBRARIES,
    EXPORT_PACKAGES,
    export_onnx,
    half_onnx,
    half_path,
    onnx_path,
)
from selector.optimizations.pytorch import cuda_gap
from selector.optimizations.quantization import (
    QUANTIZATION_LIBRARIES,
    QUANTIZATION_PACKAGES,
    quantized_onnx,
    quantized_path,
)
from selector.optimizations.tensorrt_building import OPTIMIZATION_LEVEL, WORKSPACE_BYTES, build_engine
from selector.optimizations.tensorrt_running import load_engine
from selector.types import DeviceKind, Environment, Precision

OLDEST, OLDEST_GPU = Version("10.12"), 75
"""The first release whose strongly typed networks serve here, and the compute capability that it still supports."""
TOO_NEW = Version("12")
"""The first major release of which no name is known here."""
_DROPPED = {70: "Volta is not supported since 10.5", 72: "Xavier is not supported since 10.5"}


class TensorRt(Optimization):
    """An engine of the model's graph in one precision.

    Args:
        precision: Of the bulk of the arithmetic.
    """

    runs_on: tuple[DeviceKind, ...] = ("cuda",)
    libraries: tuple[str, ...] = (*EXPORT_LIBRARIES, "tensorrt")
    packages: tuple[tuple[str, str], ...] = (("tensorrt", "tensorrt"), *EXPORT_PACKAGES)

    def __init__(self, precision: Precision) -> None:
        self.name = "tensorrt" if precision == "fp32" else f"tensorrt-{precision}"
        self.precision = precision
        self.calibrated = precision == "int8"
        if self.calibrated:
            self.libraries = (*QUANTIZATION_LIBRARIES, "tensorrt")
            self.packages = (("tensorrt", "tensorrt"), *QUANTIZATION_PACKAGES)
        self.description = f"TensorRT, strongly typed, {precision}"
        self.settings = (
            ("builder_optimization_level", str(OPTIMIZATION_LEVEL)),
            ("tf32", "off"),
            ("typing", "strong"),
            ("workspace", str(WORKSPACE_BYTES)),
        )

    def unavailable(self, environment: Environment) -> str | None:
        """Half precision must be native, TensorRT new enough, and the GPU not too old for it."""
        reason = super().unavailable(environment)
        if reason is not None or environment.device_kind == "fake":
            return reason
        if self.precision in ("bf16", "fp16"):
            reason = bf16_gap(environment) if self.precision == "bf16" else fp16_gap(environment)
        return reason or tensorrt_gap(environment) or cuda_gap()

    def graph(self, bench: Bench) -> Built:
        """Makes the graph unless the cache has it."""
        if self.precision == "fp32":
            return export_onnx(bench)
        if self.precision == "int8":
            return quantized_onnx(bench, symmetric=True)
        return half_onnx(bench, self.precision)

    def graph_path(self, bench: Bench) -> Path:
        """Where the graph is, or will be."""
        if self.precision == "fp32":
            return onnx_path(bench)
        if self.precision == "int8":
            return quantized_path(bench, symmetric=True)
        return half_path(bench, self.precision)

    def build(self, bench: Bench) -> Built:
        """The graph, and its engine for the workload's batch and image size on this GPU.

        Raises:
            BuildFailedError: TensorRT cannot read the graph, or build an engine of it.
        """
        graph = self.graph(bench)
        plan = self._engine_path(bench)
        record_path = plan.with_suffix(".json")
        record = bench.cache.read_json(record_path)
        if record is None or not plan.is_file():
            timings = bench.cache.path("tensorrt-timings", _machine(bench), ".timings")
            began = time.perf_counter()
            serialized, timed = build_engine(
                self.graph_path(bench), _shape(bench), timings.read_bytes() if timings.is_file() else b""
            )
            record = {"seconds": time.perf_counter() - began}
            for path, content in ((timings, timed), (plan, serialized)):
                with bench.cache.writing(path) as temporary:
                    temporary.write_bytes(content)
            bench.cache.write_json(record_path, record)
        seconds = graph.seconds + float(record["seconds"])
        return replace(graph, seconds=seconds, artifact_bytes=plan.stat().st_size, files=(*graph.files, plan))

    def load(self, bench: Bench) -> Runner:
        """The engine in GPU memory, with its precision proven.

        Raises:
            BuildFailedError: The engine cannot be loaded.
            FallbackError: It computes in another precision than the one asked for.
        """
        return load_engine(self._engine_path(bench), bench.torch_device, self.precision, _shape(bench))

    def _engine_path(self, bench: Bench) -> Path:
        key = {
            "graph": self.graph_path(bench).name,
            "shape": _shape(bench),
            "settings": self.settings,
            **_machine(bench),
        }
        return bench.cache.path("tensorrt", key, ".engine")


def _shape(bench: Bench) -> tuple[int, int, int, int]:
    return (bench.candidate.batch_size, 3, *bench.candidate.image_size)


def _machine(bench: Bench) -> dict[str, Any]:
    """What an engine and a timing are only good for: TensorRT's exact version and this kind of GPU."""
    import torch

    properties = torch.cuda.get_device_properties(bench.torch_device)
    gpu = [properties.name, properties.major, properties.minor, properties.multi_processor_count]
    return {"gpu": gpu, "versions": library_versions(("tensorrt",))}


def tensorrt_gap(environment: Environment) -> str | None:
    """Why the installed TensorRT cannot serve this GPU, or None."""
    written = dict(environment.versions).get("tensorrt", str(OLDEST))
    try:
        version = Version(written)
    except InvalidVersion:
        version = OLDEST
    fitting = f"pip install 'tensorrt>={OLDEST},<{TOO_NEW}'"
    if version < OLDEST:
        return f"TensorRT {written} is too old, this needs {OLDEST} or newer: {fitting}"
    if version >= TOO_NEW:
        return f"TensorRT {written} is newer than what this was written for, this needs {OLDEST} or newer: {fitting}"
    capability = compute_capability(environment)
    if capability < OLDEST_GPU:
        dropped = _DROPPED.get(capability, "older GPUs are not supported any more")
        return (
            f"TensorRT {written} needs compute capability 7.5 (Turing) or newer, this GPU has "
            f"{capability // 10}.{capability % 10}: {dropped}"
        )
    return None


register(TensorRt("fp32"))
register(TensorRt("fp16"))
register(TensorRt("bf16"))
register(TensorRt("int8"))
