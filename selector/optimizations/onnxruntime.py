"""ONNX Runtime with its CPU provider, fp32; the base of its other ways."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.devices import Runner
from selector.errors import FallbackError
from selector.optimizations.base import Bench, Built, Optimization, register
from selector.optimizations.graph import BATCH, EXPORT_LIBRARIES, EXPORT_PACKAGES, INPUT, export_onnx, onnx_path
from selector.optimizations.outputs import one_array
from selector.optimizations.placement import Placement, placement, profiled, refuse_other_providers

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
        """The logits; of a backbone what `one_array` makes of its maps."""
        return one_array(answer)


class OnnxRuntime(Optimization):
    """The exported graph under all of ONNX Runtime's graph optimizations."""

    name = "onnxruntime"
    description = "ONNX Runtime, CPU provider, fp32"
    runs_on = ("cpu",)
    libraries: tuple[str, ...] = (*EXPORT_LIBRARIES, "onnxruntime")
    packages: tuple[tuple[str, str], ...] = (("onnxruntime", "onnx"), *EXPORT_PACKAGES)
    settings = (("graph_optimization", "all"), ("provider", "CPUExecutionProvider"))

    @property
    def provider(self) -> str:
        """The provider that is to run every node."""
        return dict(self.settings)["provider"]

    def build(self, bench: Bench) -> Built:
        """The graph, and one run of it that shows where each node runs.

        Raises:
            FallbackError: Nodes run on another provider than the one asked for.
        """
        import numpy as np

        built = self.graph(bench)
        height, width = bench.candidate.image_size
        options = self.options(bench)
        with profiled(options):
            session = self.session(bench, options)
            session.run(None, {INPUT: np.zeros((bench.candidate.batch_size, 3, height, width), np.float32)})
            ran = placement(session)
        refuse_other_providers(ran, self.provider)
        self.prove(ran)
        return built

    def prove(self, ran: Placement) -> None:
        """Looks at what ran, beside where; for ways that change the arithmetic."""

    def graph(self, bench: Bench) -> Built:
        """Makes the graph that is run: the shared export."""
        return export_onnx(bench)

    def path(self, bench: Bench) -> Path:
        """Where `graph` makes it."""
        return onnx_path(bench)

    def load(self, bench: Bench) -> Runner:
        """A session with the workload's batch fixed, so that shapes are known when the graph is optimized.

        Raises:
            FallbackError: Another provider than the one asked for would run.
        """
        session = self.session(bench, self.options(bench))
        if session.get_providers()[0] != self.provider:
            raise FallbackError(f"asked for {self.provider}, ONNX Runtime would run {session.get_providers()[0]}")
        return OnnxRunner(session)

    def options(self, bench: Bench) -> Any:
        """ONNX Runtime's options of a session."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = bench.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_free_dimension_override_by_name(BATCH, bench.candidate.batch_size)
        return options

    def session(self, bench: Bench, options: Any) -> Any:
        """The graph as it is run."""
        import onnxruntime

        return onnxruntime.InferenceSession(str(self.path(bench)), options, providers=[self.provider])


register(OnnxRuntime())
