"""OpenVINO on the CPU, in fp32 and bf16."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selector.devices import Runner
from selector.errors import FallbackError
from selector.optimizations.base import Bench, Built, Optimization, bf16_gap, register
from selector.optimizations.graph import EXPORT_LIBRARIES, EXPORT_PACKAGES, export_onnx, onnx_path
from selector.types import Environment, Precision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from selector.devices.base import Batch

_HINTS = {"fp32": "f32", "bf16": "bf16"}


@dataclass
class OpenVinoRunner:
    """Runs one inference request on host arrays."""

    request: Any

    def feed(self, batch: Batch) -> Any:
        """The batch, contiguous, so that it is shared and not copied."""
        import numpy as np

        return np.ascontiguousarray(batch)

    def run(self, fed: Any) -> Any:
        """One synchronous inference; the result is the request's own memory until the next one."""
        return self.request.infer([fed], share_inputs=True, share_outputs=True)

    def read(self, answer: Any) -> NDArray[np.float32]:
        """A copy of the first output."""
        import numpy as np

        return np.array(answer[0], np.float32)


class OpenVino(Optimization):
    """The exported graph compiled by OpenVINO's CPU plug-in for least latency.

    Args:
        precision: "fp32" or "bf16". It is always set: on CPUs with bf16 OpenVINO would choose it by itself.
    """

    runs_on = ("cpu",)
    libraries = (*EXPORT_LIBRARIES, "openvino")
    packages = (("openvino", "openvino"), *EXPORT_PACKAGES)

    def __init__(self, precision: Precision) -> None:
        self.name = "openvino" if precision == "fp32" else f"openvino-{precision}"
        self.precision = precision
        self.description = f"OpenVINO, CPU plug-in, {precision}"
        self.settings = (("inference_precision", _HINTS[precision]), ("performance_hint", "LATENCY"))

    def unavailable(self, environment: Environment) -> str | None:
        """bf16 must be native."""
        reason = super().unavailable(environment)
        if reason is None and self.precision == "bf16" and environment.device_kind != "fake":
            reason = bf16_gap(environment)
        return reason

    def build(self, bench: Bench) -> Built:
        """The shared export."""
        return export_onnx(bench)

    def load(self, bench: Bench) -> Runner:
        """The graph compiled for the workload's shape.

        Raises:
            FallbackError: The compiled model reports another precision than the one asked for.
        """
        import openvino

        hint = _HINTS[self.precision]
        core = openvino.Core()
        model = core.read_model(str(onnx_path(bench)))
        height, width = bench.candidate.image_size
        model.reshape([bench.candidate.batch_size, 3, height, width])
        compiled = core.compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": hint,
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": bench.threads,
            },
        )
        ran = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        if ran != hint:
            raise FallbackError(f"asked OpenVINO for {hint}, the compiled model runs in {ran}")
        return OpenVinoRunner(compiled.create_infer_request())


register(OpenVino("fp32"))
register(OpenVino("bf16"))
