"""ONNX Runtime with its CPU provider, fp32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selector.devices import Runner
from selector.errors import FallbackError
from selector.optimizations.base import Bench, Built, Optimization, register
from selector.optimizations.graph import BATCH, EXPORT_LIBRARIES, EXPORT_PACKAGES, INPUT, export_onnx, onnx_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from selector.devices.base import Batch


@dataclass
class OnnxRunner:
    """Runs a session on host arrays."""

    session: Any

    def feed(self, batch: Batch) -> Any:
        """The batch as a named input."""
        import numpy as np

        return {INPUT: np.ascontiguousarray(batch)}

    def run(self, fed: Any) -> Any:
        """One synchronous run."""
        return self.session.run(None, fed)

    def read(self, answer: Any) -> NDArray[np.float32]:
        """The first output."""
        import numpy as np

        return np.asarray(answer[0], np.float32)


class OnnxRuntime(Optimization):
    """The exported graph under all of ONNX Runtime's graph optimizations."""

    name = "onnxruntime"
    description = "ONNX Runtime, CPU provider, fp32"
    runs_on = ("cpu",)
    libraries = (*EXPORT_LIBRARIES, "onnxruntime")
    packages = (("onnxruntime", "onnx"), *EXPORT_PACKAGES)
    settings = (("graph_optimization", "all"), ("provider", "CPUExecutionProvider"))

    def build(self, bench: Bench) -> Built:
        """The shared export."""
        return export_onnx(bench)

    def load(self, bench: Bench) -> Runner:
        """A session with the workload's batch fixed, so that shapes are known when the graph is optimized.

        Raises:
            FallbackError: Another provider than the one asked for would run.
        """
        import onnxruntime

        provider = dict(self.settings)["provider"]
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = bench.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_free_dimension_override_by_name(BATCH, bench.candidate.batch_size)
        session = onnxruntime.InferenceSession(str(onnx_path(bench)), options, providers=[provider])
        if session.get_providers()[0] != provider:
            raise FallbackError(f"asked for {provider}, ONNX Runtime would run {session.get_providers()[0]}")
        return OnnxRunner(session)


register(OnnxRuntime())
