"""The int8 graph of a model: quantize and dequantize nodes in ONNX, made once, read by every runtime.

Weights per channel in S8, activations per tensor in U8, ranges by MinMax over the profile's calibration images: on
300 photographs Percentile ranges gave the same accuracy for five times the time and memory. On CPUs without VNNI,
U8 × S8 may saturate in 16 bits (ONNX Runtime's documentation on quantization); the comparison with fp32 shows it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.devices.base import library_versions
from selector.errors import BuildFailedError
from selector.optimizations.base import Bench, Built
from selector.optimizations.calibration import NO_CALIBRATION, Calibration
from selector.optimizations.graph import EXPORT_LIBRARIES, EXPORT_PACKAGES, INPUT, export_onnx, onnx_path

if TYPE_CHECKING:
    from selector.devices.base import Batch

QUANTIZATION_LIBRARIES = (*EXPORT_LIBRARIES, "onnxruntime", "pillow", "torchvision")
QUANTIZATION_PACKAGES = (("onnxruntime", "onnx"), *EXPORT_PACKAGES)
_VERSION = 1
"""Raised when the recipe below changes."""
_TRANSFORMERS = frozenset({"LayerNormalization", "Softmax"})
_PRODUCTS = ["Conv", "Gemm", "MatMul"]


def quantized_onnx(bench: Bench, *, symmetric: bool = False) -> Built:
    """Makes the int8 graph of the bench's model unless the cache has it. Its seconds include the export's.

    Args:
        bench: With calibration images.
        symmetric: S8 activations with zero points of zero instead of U8, which TensorRT asks for.

    Raises:
        BuildFailedError: There are no calibration images, or one cannot be decoded.
        ExportFailedError: The fp32 graph could not be made.
    """
    path = quantized_path(bench, symmetric=symmetric)
    record_path = path.with_suffix(".json")
    exported = export_onnx(bench)
    record = bench.cache.read_json(record_path)
    if record is None or not path.is_file():
        started = time.perf_counter()
        with bench.cache.writing(path) as temporary:
            _quantize(onnx_path(bench), temporary, calibration_of(bench), symmetric=symmetric)
        record = {
            "model": bench.candidate.architecture,
            "precision": "int8",
            "seconds": time.perf_counter() - started,
        }
        bench.cache.write_json(record_path, record)
    bench.cache.touch((path, record_path))
    return Built(
        exported.seconds + float(record["seconds"]),
        path.stat().st_size,
        (path,),
        {**exported.diagnostics, "quantization_seconds": float(record["seconds"])},
    )


def quantized_path(bench: Bench, *, symmetric: bool = False) -> Path:
    """Where the int8 graph is, or will be.

    Raises:
        BuildFailedError: There are no calibration images.
    """
    key = {
        "graph": onnx_path(bench).stem,
        "calibration": calibration_of(bench).key,
        "symmetric": symmetric,
        "recipe": _VERSION,
        "versions": library_versions(QUANTIZATION_LIBRARIES),
    }
    return bench.cache.path("quantized", key, ".onnx")


def calibration_of(bench: Bench) -> Calibration:
    """The bench's calibration images.

    Raises:
        BuildFailedError: There are none.
    """
    if bench.calibration is None:
        raise BuildFailedError(NO_CALIBRATION)
    return bench.calibration


def is_transformer(model: Any) -> bool:
    """Whether an ONNX model normalizes by layer or attends.

    The sums between its blocks have channels far beyond the rest, which eight bits per tensor cannot hold together
    (Bondarenko et al., Understanding and Overcoming the Challenges of Efficient Transformer Quantization, 2021):
    a small ViT was 3 % off with products alone in int8, 55 % with everything.
    """
    return any(node.op_type in _TRANSFORMERS for node in model.graph.node)


def _quantize(source: Path, target: Path, calibration: Calibration, *, symmetric: bool) -> None:
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static as quantize
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands the images over one by one."""

        def __init__(self) -> None:
            self._images: Iterator[Batch] = calibration.images()

        def get_next(self) -> dict[str, Batch] | None:
            image = next(self._images, None)
            return None if image is None else {INPUT: image}

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        # Symbolic shape inference needs sympy and knows fewer operators than ONNX's own.
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        transformer = is_transformer(onnx.load(str(prepared)))
        quantize(
            str(prepared),
            str(target),
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_PRODUCTS if transformer else None,
            per_channel=True,
            activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={
                "ActivationSymmetric": symmetric,
                "WeightSymmetric": True,
                # Products of two activations, as in attention, stay as they are.
                "MatMulConstBOnly": transformer,
            },
        )
