"""OpenVINO on the CPU, in fp32, bf16 and fp16; the base of its int8 ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.devices import Runner
from selector.errors import FallbackError
from selector.optimizations.base import Bench, Built, Optimization, bf16_gap, fp16_gap, register
from selector.optimizations.graph import EXPORT_LIBRARIES, EXPORT_PACKAGES, export_onnx, onnx_path
from selector.optimizations.outputs import one_array
from selector.types import Environment, Precision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from selector.devices.base import Batch

_HINTS: Mapping[Precision, str] = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}
"""What is asked for; beside 8-bit layers the rest is to be f32, with bf16 some graphs cannot be compiled."""
_RUNS: Mapping[Precision, frozenset[str]] = {
    "fp32": frozenset({"f32"}),
    "bf16": frozenset({"bf16"}),
    "fp16": frozenset({"f16"}),
    "int8": frozenset({"i8", "u8"}),
}
_LAYERS = ("Convolution", "Deconvolution", "FullyConnected")
"""Layers with weights, where the bulk of the arithmetic is."""


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
        """A copy of the logits; of a backbone what `one_array` makes of its maps."""
        return one_array([answer[index] for index in range(len(answer))])


class OpenVino(Optimization):
    """The exported graph compiled by OpenVINO's CPU plug-in for least latency.

    Args:
        precision: It is always set: on CPUs with bf16 OpenVINO would choose that by itself.
    """

    runs_on = ("cpu",)
    libraries: tuple[str, ...] = (*EXPORT_LIBRARIES, "openvino")
    packages: tuple[tuple[str, str], ...] = (("openvino", "openvino"), *EXPORT_PACKAGES)

    def __init__(self, precision: Precision) -> None:
        self.name = "openvino" if precision == "fp32" else f"openvino-{precision}"
        self.precision = precision
        self.description = f"OpenVINO, CPU plug-in, {precision}"
        self.settings = (("inference_precision", _HINTS[precision]), ("performance_hint", "LATENCY"))

    def unavailable(self, environment: Environment) -> str | None:
        """Half precision must be native."""
        gap = {"bf16": bf16_gap, "fp16": fp16_gap}.get(self.precision)
        reason = super().unavailable(environment)
        if reason is None and gap is not None and environment.device_kind != "fake":
            reason = gap(environment)
        return reason

    def build(self, bench: Bench) -> Built:
        """The shared export."""
        return export_onnx(bench)

    def path(self, bench: Bench) -> Path:
        """The graph, in a format that OpenVINO reads."""
        return onnx_path(bench)

    def load(self, bench: Bench) -> Runner:
        """The graph compiled for the workload's shape.

        Raises:
            FallbackError: The compiled model reports another precision than the one asked for, or its layers run in
                another one.
        """
        import openvino

        hint = _HINTS[self.precision]
        core = openvino.Core()
        model = core.read_model(str(self.path(bench)))
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
        verify_layers(compiled, self.precision)
        return OpenVinoRunner(compiled.create_infer_request())


def layer_precisions(compiled: Any) -> list[str]:
    """What each layer with weights of a compiled model runs in, as OpenVINO names it ("f32", "u8", …)."""
    found = []
    for node in compiled.get_runtime_model().get_ordered_ops():
        told = node.get_rt_info()
        if "layerType" in told and told["layerType"].astype(str) in _LAYERS:
            found.append(told["runtimePrecision"].astype(str))
    return found


def verify_layers(compiled: Any, precision: Precision) -> None:
    """Reads back from a compiled model what its layers really run in.

    Raises:
        FallbackError: Less than half of the layers with weights run in `precision`; for fp32, any does not. Or none
            is found.
    """
    layers = layer_precisions(compiled)
    if not layers:
        raise FallbackError(f"OpenVINO names no layer with weights, so nothing proves that it runs in {precision}")
    right = sum(layer in _RUNS[precision] for layer in layers)
    if right < (len(layers) if precision == "fp32" else len(layers) / 2):
        counted = ", ".join(f"{layers.count(name)} in {name}" for name in sorted(set(layers)))
        raise FallbackError(f"asked OpenVINO for {precision}, the layers with weights run otherwise: {counted}")


register(OpenVino("fp32"))
register(OpenVino("bf16"))
register(OpenVino("fp16"))
