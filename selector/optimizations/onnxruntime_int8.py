"""ONNX Runtime with its CPU provider on the shared int8 graph."""

from __future__ import annotations

from pathlib import Path

from selector.optimizations.base import Bench, Built, register
from selector.optimizations.onnxruntime import OnnxRuntime
from selector.optimizations.placement import Placement, refuse_other_arithmetic
from selector.optimizations.quantization import (
    QUANTIZATION_LIBRARIES,
    QUANTIZATION_PACKAGES,
    quantized_onnx,
    quantized_path,
)
from selector.types import Precision


class OnnxRuntimeInt8(OnnxRuntime):
    """The same session on the graph with quantize and dequantize nodes, which ONNX Runtime fuses into int8 ones."""

    name = "onnxruntime-int8"
    precision: Precision = "int8"
    description = "ONNX Runtime, CPU provider, int8 by quantize and dequantize nodes"
    libraries = QUANTIZATION_LIBRARIES
    packages = QUANTIZATION_PACKAGES
    calibrated = True

    def graph(self, bench: Bench) -> Built:
        """The shared int8 graph."""
        return quantized_onnx(bench)

    def path(self, bench: Bench) -> Path:
        """Where that is."""
        return quantized_path(bench)

    def prove(self, ran: Placement) -> None:
        """Int8 must have run.

        Raises:
            FallbackError: Most of what multiplies ran in fp32.
        """
        refuse_other_arithmetic(ran)


register(OnnxRuntimeInt8())
