"""The ONNX graph of a model: exported once, read by every runtime that takes ONNX."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from selector.devices.base import library_versions
from selector.errors import ExportFailedError
from selector.optimizations.base import Bench, Built

EXPORT_LIBRARIES = ("onnx", "onnxscript", "timm", "torch")
EXPORT_PACKAGES = (("onnx", "onnx"), ("onnxscript", "onnx"))
BATCH = "batch"
"""Name of the graph's dynamic first dimension."""
INPUT, OUTPUT = "images", "logits"
_OPSET = 17


def export_onnx(bench: Bench) -> Built:
    """Makes the fp32 graph of the bench's model unless the cache has it.

    The batch dimension is dynamic, so that one graph serves every batch size. torch's TorchScript exporter takes
    a tenth of the time of its newer one and writes the same figures, so it goes first; the newer one is tried
    where it fails. Every runtime's output is compared with fp32 eager afterwards, whichever exporter it was.

    Raises:
        ExportFailedError: Both exporters failed; the message has both reasons.
    """
    path = onnx_path(bench)
    record_path = path.with_suffix(".json")
    record = bench.cache.read_json(record_path)
    if record is None or not path.is_file():
        started = time.perf_counter()
        exporter = _export(bench, path)
        record = {"seconds": time.perf_counter() - started, "exporter": exporter}
        bench.cache.write_json(record_path, record)
    return Built(float(record["seconds"]), path.stat().st_size, (path,))


def onnx_path(bench: Bench) -> Path:
    """Where the graph is, or will be."""
    candidate = bench.candidate
    key = {
        "architecture": candidate.architecture,
        "weights": bench.weights_key,
        "num_classes": candidate.num_classes,
        "image_size": list(candidate.image_size),
        "precision": "fp32",
        "opset": _OPSET,
        "versions": library_versions(EXPORT_LIBRARIES),
    }
    return bench.cache.path("onnx", key, ".onnx")


def _export(bench: Bench, path: Path) -> str:
    reasons = []
    for exporter in ("torchscript", "dynamo"):
        try:
            with bench.cache.writing(path) as temporary:
                _export_with(bench, temporary, dynamo=exporter == "dynamo")
        # The exporters raise what their passes raise: mostly RuntimeError (torch.onnx.OnnxExporterError is one),
        # but also the plain errors below; the other exporter may still succeed.
        except (RuntimeError, TypeError, ValueError, KeyError, IndexError, AttributeError, AssertionError) as error:
            reasons.append(f"{exporter}: {type(error).__name__}: {str(error).strip().splitlines()[:1]}")
        else:
            return exporter
    raise ExportFailedError(f"no exporter could write this model as ONNX ({'; '.join(reasons)})")


def _export_with(bench: Bench, path: Path, *, dynamo: bool) -> None:
    import torch

    height, width = bench.candidate.image_size
    # Two images: an exporter specializes a dimension of one.
    images = torch.zeros(2, 3, height, width)
    options: dict[str, Any] = {"input_names": [INPUT], "output_names": [OUTPUT], "dynamo": dynamo}
    if dynamo:
        options |= {"dynamic_shapes": ({0: BATCH},), "external_data": False}
    else:
        options |= {"dynamic_axes": {INPUT: {0: BATCH}, OUTPUT: {0: BATCH}}, "opset_version": _OPSET}
    with torch.no_grad():
        torch.onnx.export(bench.model(), (images,), str(path), **options)
