"""OpenVINO on the CPU on the shared int8 graph."""

from __future__ import annotations

from pathlib import Path

from selector.optimizations.base import Bench, Built, register
from selector.optimizations.openvino import OpenVino
from selector.optimizations.quantization import (
    QUANTIZATION_LIBRARIES,
    QUANTIZATION_PACKAGES,
    quantized_onnx,
    quantized_path,
)


class OpenVinoInt8(OpenVino):
    """OpenVINO reads the quantize and dequantize nodes that ONNX Runtime's tools wrote, and runs layers in 8 bits.

    The rest runs in f32: with the bf16 hint graphs of this kind may fail to compile.
    """

    libraries = (*QUANTIZATION_LIBRARIES, "openvino")
    packages = (("openvino", "openvino"), *QUANTIZATION_PACKAGES)
    calibrated = True

    def __init__(self) -> None:
        super().__init__("int8")
        self.description = "OpenVINO, CPU plug-in, int8 by quantize and dequantize nodes"

    def build(self, bench: Bench) -> Built:
        """The shared int8 graph."""
        return quantized_onnx(bench)

    def path(self, bench: Bench) -> Path:
        """Where that is."""
        return quantized_path(bench)


register(OpenVinoInt8())
