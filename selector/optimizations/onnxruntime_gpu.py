"""ONNX Runtime on a GPU: its CUDA provider and its TensorRT provider, fp32, with inputs and outputs in GPU memory.

Which provider ran is proven node by node: the build runs one query under ONNX Runtime's profiler, and a node that
ran anywhere else is a fallback.

Not executed on hardware by the project's own tests: both providers and their options, copies between them, and
buffers in GPU memory. The same runner and the same proof are tested with the CPU provider and host buffers; `pytest
-m gpu` and `selector doctor` run these ways where there is a GPU.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.devices import Runner
from selector.devices.base import library_versions
from selector.errors import FallbackError
from selector.optimizations.base import Bench, Built, Optimization, register
from selector.optimizations.graph import BATCH, EXPORT_LIBRARIES, EXPORT_PACKAGES, INPUT, export_onnx, onnx_path
from selector.optimizations.outputs import on_host, one_array
from selector.optimizations.placement import placement, profiled, refuse_other_providers
from selector.optimizations.pytorch import cuda_gap
from selector.optimizations.tensorrt import tensorrt_gap
from selector.types import DeviceKind, Environment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from selector.devices.base import Batch


@dataclass(frozen=True)
class Bound:
    """A query whose input and output lie on the device.

    Attributes:
        binding: ONNX Runtime's record of where they lie.
        images: A torch tensor.
        outputs: A torch tensor for each output; every run of the query writes into them.
    """

    binding: Any
    images: Any
    outputs: tuple[Any, ...]


@dataclass
class BoundRunner:
    """Runs a session on buffers of torch's device; nothing crosses to the host while it runs."""

    session: Any
    device: str

    def feed(self, batch: Batch) -> Bound:
        """The batch on the device, with room for its answer."""
        import numpy as np
        import torch

        images = torch.from_numpy(np.ascontiguousarray(batch)).to(self.device)
        told = self.session.get_outputs()
        outputs = tuple(
            torch.empty((len(batch), *one.shape[1:]), dtype=torch.float32, device=self.device) for one in told
        )
        binding = self.session.io_binding()
        kind, _, index = self.device.partition(":")
        place = {"device_type": kind, "device_id": int(index or 0), "element_type": np.float32}
        binding.bind_input(INPUT, **place, shape=tuple(images.shape), buffer_ptr=images.data_ptr())
        for one, room in zip(told, outputs, strict=True):
            binding.bind_output(one.name, **place, shape=tuple(room.shape), buffer_ptr=room.data_ptr())
        if kind == "cuda":
            torch.cuda.synchronize(images.device)  # ONNX Runtime reads it on a stream of its own
        return Bound(binding, images, outputs)

    def run(self, fed: Bound) -> Bound:
        """One run, which returns when the device is done."""
        self.session.run_with_iobinding(fed.binding)
        return fed

    def read(self, answer: Bound) -> NDArray[np.float32]:
        """A copy of the logits on the host; of a backbone what `one_array` makes of its maps."""
        return one_array(on_host(answer.outputs))


class OnnxRuntimeGpu(Optimization):
    """The exported graph with every node on one provider.

    Args:
        name: Of the way.
        provider: ONNX Runtime's name of the provider.
        options: Fixed options of the provider.
    """

    runs_on: tuple[DeviceKind, ...] = ("cuda",)
    packages = (("onnxruntime", "cuda"), *EXPORT_PACKAGES)

    def __init__(self, name: str, provider: str, options: Mapping[str, str], libraries: tuple[str, ...] = ()) -> None:
        self.name = name
        self.provider = provider
        self.options = dict(options)
        self.description = f"ONNX Runtime, {provider.removesuffix('ExecutionProvider')} provider, fp32"
        self.libraries = (*EXPORT_LIBRARIES, "onnxruntime-gpu", *libraries)
        pairs = {"graph_optimization": "all", "provider": provider, "tf32": "off", **self.options}
        self.settings = tuple(sorted(pairs.items()))

    def unavailable(self, environment: Environment) -> str | None:
        """The GPU build of ONNX Runtime is a distribution of its own, with the CPU build's import name."""
        reason = super().unavailable(environment)
        if reason is not None or environment.device_kind == "fake":
            return reason
        installed = dict(environment.versions)
        for library in self.libraries:
            if library in ("onnxruntime-gpu", "tensorrt") and library not in installed:
                other = "pip uninstall onnxruntime && " if "onnxruntime" in installed else ""
                return f"{library} is not installed: {other}pip install {library}"
        gap = tensorrt_gap(environment) if "tensorrt" in self.libraries else None
        return gap or cuda_gap()  # torch holds the buffers

    def build(self, bench: Bench) -> Built:
        """The shared export, what the provider makes of it, and the proof of where it runs.

        Raises:
            FallbackError: A node ran on another provider.
        """
        exported = export_onnx(bench)
        began = time.perf_counter()
        options = self._options(bench)
        with profiled(options):
            session = self._session(bench, options)
            self._answer_once(bench, session)
            ran = placement(session)
        refuse_other_providers(ran, self.provider)
        files = (*exported.files, *self._kept(bench))
        return Built(exported.seconds + time.perf_counter() - began, exported.artifact_bytes, files)

    def load(self, bench: Bench) -> Runner:
        """A session with the workload's batch fixed.

        Raises:
            FallbackError: Another provider than the one asked for would run.
        """
        return BoundRunner(self._session(bench, self._options(bench)), bench.torch_device)

    def _kept(self, bench: Bench) -> tuple[Path, ...]:  # noqa: ARG002 - for providers that keep something
        """What the provider itself wrote into the artifact cache."""
        return ()

    def _answer_once(self, bench: Bench, session: Any) -> None:
        import numpy as np

        height, width = bench.candidate.image_size
        runner = BoundRunner(session, bench.torch_device)
        runner.run(runner.feed(np.zeros((bench.candidate.batch_size, 3, height, width), np.float32)))

    def _options(self, bench: Bench) -> Any:
        import torch  # noqa: F401, I001 - its CUDA libraries are loaded first, so that ONNX Runtime finds them
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = bench.threads
        options.log_severity_level = 3
        options.add_free_dimension_override_by_name(BATCH, bench.candidate.batch_size)
        return options

    def _session(self, bench: Bench, options: Any) -> Any:
        import onnxruntime

        providers = [(self.provider, self._provider_options(bench))]
        session = onnxruntime.InferenceSession(str(onnx_path(bench)), options, providers=providers)
        session.disable_fallback()  # which would go on with the CPU provider where a run fails
        if session.get_providers()[0] != self.provider:
            raise FallbackError(f"asked for {self.provider}, ONNX Runtime would run {session.get_providers()[0]}")
        return session

    def _provider_options(self, bench: Bench) -> dict[str, str]:
        return self.options | ({"device_id": bench.torch_device.partition(":")[2]} if self.options else {})


class OnnxRuntimeTensorRt(OnnxRuntimeGpu):
    """The same through ONNX Runtime's TensorRT provider, whose engines and timings lie in the artifact cache."""

    def _session(self, bench: Bench, options: Any) -> Any:
        # The provider has no option for TF32, which TensorRT takes by default; all of CUDA's libraries heed this.
        os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
        return super()._session(bench, options)

    def _folder(self, bench: Bench) -> Path:
        key = {
            "graph": onnx_path(bench).name,
            "batch_size": bench.candidate.batch_size,
            "versions": library_versions(self.libraries),
        }
        return bench.cache.path("onnxruntime-tensorrt", key, "")

    def _kept(self, bench: Bench) -> tuple[Path, ...]:
        """Engines and timings: without them the child that measures would build again, and call it loading."""
        return tuple(sorted(path for path in self._folder(bench).rglob("*") if path.is_file()))

    def _provider_options(self, bench: Bench) -> dict[str, str]:
        folder = self._folder(bench)
        folder.mkdir(parents=True, exist_ok=True)
        return {
            **super()._provider_options(bench),
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(folder),
            "trt_timing_cache_enable": "True",
            "trt_timing_cache_path": str(folder),
        }


register(
    OnnxRuntimeGpu(
        "onnxruntime-cuda",
        "CUDAExecutionProvider",
        {"cudnn_conv_algo_search": "EXHAUSTIVE", "use_tf32": "0"},
    )
)
register(
    OnnxRuntimeTensorRt(
        "onnxruntime-tensorrt",
        "TensorrtExecutionProvider",
        {"trt_builder_optimization_level": "3", "trt_fp16_enable": "False"},
        ("tensorrt",),
    )
)
