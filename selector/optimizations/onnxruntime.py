"""ONNX Runtime with its CPU provider, fp32; the base of its other ways."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.devices import Runner
from selector.errors import FallbackError
from selector.optimizations.base import Bench, Built, Optimization, register
from selector.optimizations.graph import BATCH, EXPORT_LIBRARIES, EXPORT_PACKAGES, INPUT, export_onnx, onnx_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from selector.devices.base import Batch

_SHAPE_OPERATORS = frozenset(
    {"Cast", "Concat", "Constant", "ConstantOfShape", "Gather", "Range", "Shape", "Slice", "Squeeze", "Unsqueeze"}
)
"""What exporters write to work out shapes; ONNX Runtime keeps such nodes on the CPU on purpose."""


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
        built = self.graph(bench)
        verify_placement(self.session(bench, profiled=True), self.provider, bench)
        return built

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
        session = self.session(bench)
        if session.get_providers()[0] != self.provider:
            raise FallbackError(f"asked for {self.provider}, ONNX Runtime would run {session.get_providers()[0]}")
        return OnnxRunner(session)

    def session(self, bench: Bench, *, profiled: bool = False) -> Any:
        """The graph as it is run, or the same with ONNX Runtime's profiler at work."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = bench.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_free_dimension_override_by_name(BATCH, bench.candidate.batch_size)
        if profiled:
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(tempfile.mkdtemp()) / "placement")
        return onnxruntime.InferenceSession(str(self.path(bench)), options, providers=[self.provider])


def verify_placement(session: Any, provider: str, bench: Bench) -> None:
    """Runs a session once and reads from its profile where each node ran.

    That a session lists a provider first says nothing: nodes that the provider does not take run on the CPU.

    Args:
        session: Made with profiling. One that does not list `provider` first is left to `OnnxRuntime.load`.
        provider: That was asked for.
        bench: Names batch and image size.

    Raises:
        FallbackError: A node that computes ran elsewhere. Those that only work out shapes may.
    """
    import numpy as np

    height, width = bench.candidate.image_size
    session.run(None, {INPUT: np.zeros((bench.candidate.batch_size, 3, height, width), np.float32)})
    profile = Path(session.end_profiling())
    events = [event.get("args", {}) for event in json.loads(profile.read_text()) if event.get("cat") == "Node"]
    shutil.rmtree(profile.parent)
    if session.get_providers()[0] != provider:
        return
    ran = [(event["op_name"], event["provider"]) for event in events if "provider" in event]
    if not ran:
        raise FallbackError("ONNX Runtime's profile does not say where the graph's nodes ran")
    foreign = [one for one in ran if one[1] != provider and one[0] not in _SHAPE_OPERATORS]
    if foreign:
        names = ", ".join(sorted({name for name, _ in foreign})[:5])
        elsewhere = ", ".join(sorted({where for _, where in foreign}))
        raise FallbackError(
            f"asked for {provider}, but {len(foreign)} of {len(ran)} nodes ran on {elsewhere} ({names})"
        )


register(OnnxRuntime())
