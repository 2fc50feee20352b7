"""The ONNX graph of a model: exported once, read by every runtime that takes ONNX."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from selector.devices.base import library_versions
from selector.errors import ExportFailedError
from selector.optimizations.base import Bench, Built
from selector.optimizations.verification import verify

if TYPE_CHECKING:
    import torch

    from selector.types import Precision

EXPORT_LIBRARIES = ("onnx", "onnxscript", "timm", "torch")
EXPORT_PACKAGES = (("onnx", "onnx"), ("onnxscript", "onnx"))
BATCH = "batch"
"""Name of the graph's dynamic first dimension."""
INPUT, OUTPUT = "images", "logits"
"""Names of what goes in and out; the maps of a backbone have names of their own, see `output_names`."""
_OPSETS: Mapping[Precision, int] = {"fp32": 17, "fp16": 17, "bf16": 22}
"""Operator sets: before 22, convolutions in bf16 are no valid ONNX."""
_EXPORTERS: Mapping[Precision, tuple[str, ...]] = {
    "fp32": ("torchscript", "dynamo"),
    "fp16": ("torchscript", "dynamo"),
    "bf16": ("dynamo",),
}
"""In the order in which they are tried. torch's TorchScript exporter takes a tenth of the time of its newer one and
writes the same figures, but knows no operator set with bf16 convolutions."""

_RECORDED = {"exporter", "seconds", "error"}
"""What is kept beside a graph."""


def export_onnx(bench: Bench) -> Built:
    """Makes the fp32 graph of the bench's model unless the cache has it.

    The batch dimension is dynamic, so that one graph serves every batch size. What an exporter wrote is compared
    with fp32 eager at once; the next exporter is tried where one fails or writes a wrong graph.

    Raises:
        ExportFailedError: No exporter came through; the message has every reason.
    """
    return _exported(bench, "fp32")


def onnx_path(bench: Bench) -> Path:
    """Where the fp32 graph is, or will be."""
    return _path(bench, "fp32")


def half_onnx(bench: Bench, precision: Literal["fp16", "bf16"]) -> Built:
    """Makes the graph in which weights and arithmetic are half precision, inputs and outputs fp32.

    It is what a strongly typed runtime needs: the precision stands in the graph. Made of ``model.half()`` between
    two casts; exporting under autocast gives mixed types in one operator, or fp32 without a word.

    Raises:
        ExportFailedError: No exporter came through, or the graph holds weights of another type.
    """
    return _exported(bench, precision)


def half_path(bench: Bench, precision: Literal["fp16", "bf16"]) -> Path:
    """Where the half-precision graph is, or will be."""
    return _path(bench, precision)


def _path(bench: Bench, precision: Precision) -> Path:
    candidate = bench.candidate
    key = {
        **candidate.task_key,
        "architecture": candidate.architecture,
        "weights": bench.weights_key,
        "num_classes": candidate.num_classes,
        "image_size": list(candidate.image_size),
        "precision": precision,
        "opset": _OPSETS[precision],
        "versions": library_versions(EXPORT_LIBRARIES),
    }
    return bench.cache.path("onnx", key, ".onnx")


def _exported(bench: Bench, precision: Precision) -> Built:
    path = _path(bench, precision)
    record_path = path.with_suffix(".json")
    record = bench.cache.read_json(record_path)
    # A graph that an earlier version left was not verified; it is made again.
    if record is None or not record.keys() >= _RECORDED or not path.is_file():
        record = {"model": bench.candidate.architecture, "precision": precision, **_export(bench, precision, path)}
        bench.cache.write_json(record_path, record)
    bench.cache.touch((path, record_path))
    diagnostics = {f"exported_by_{record['exporter']}": 1.0}
    if record["error"] is not None:
        diagnostics["export_error"] = float(record["error"])
    return Built(float(record["seconds"]), path.stat().st_size, (path,), diagnostics)


def _export(bench: Bench, precision: Precision, path: Path) -> dict[str, Any]:
    """The exporter that came through, its seconds, and the graph's relative error (None when not verified)."""
    half = replace(bench, model=lambda: _in_half(bench.model(), precision)) if precision != "fp32" else bench
    options: dict[str, Any] = {"opset": _OPSETS[precision], "optimize": False} if precision == "bf16" else {}
    reasons = []
    for exporter in _EXPORTERS[precision]:
        try:
            with bench.cache.writing(path) as temporary:
                started = time.perf_counter()
                _export_with(half, temporary, dynamo=exporter == "dynamo", **options)
                seconds = time.perf_counter() - started
                error = verify(bench, temporary, precision)
        # The exporters raise what their passes raise: mostly RuntimeError (torch.onnx.OnnxExporterError is one),
        # but also the plain errors below; the other exporter may still succeed.
        except (RuntimeError, TypeError, ValueError, KeyError, IndexError, AttributeError, AssertionError) as raised:
            reasons.append(f"{exporter}: {type(raised).__name__}: {str(raised).strip().splitlines()[:1]}")
        except ExportFailedError as wrong:
            reasons.append(f"{exporter}: {wrong}")
        else:
            return {"exporter": exporter, "seconds": seconds, "error": error}
    raise ExportFailedError(f"no exporter could write this model as ONNX ({'; '.join(reasons)})")


def _export_with(bench: Bench, path: Path, *, dynamo: bool, opset: int | None = None, optimize: bool = True) -> None:
    import torch

    height, width = bench.candidate.image_size
    # Two images: an exporter specializes a dimension of one.
    images = torch.zeros(2, 3, height, width)
    model = bench.model()
    outputs = output_names(model)
    options: dict[str, Any] = {"input_names": [INPUT], "output_names": outputs, "dynamo": dynamo}
    if dynamo:
        # Its optimizer folds BatchNorms into fp32 weights, also where the graph is bf16.
        options |= {"dynamic_shapes": ({0: BATCH},), "external_data": False, "optimize": optimize}
        options |= {"opset_version": opset} if opset else {}
    else:
        axes = {name: {0: BATCH} for name in (INPUT, *outputs)}
        options |= {"dynamic_axes": axes, "opset_version": _OPSETS["fp32"]}
    with torch.no_grad():
        torch.onnx.export(model, (images,), str(path), **options)


def output_names(model: torch.nn.Module) -> list[str]:
    """What the outputs of a model's graph are called, in order: those of a backbone by their stage."""
    maps = int(getattr(model, "number_of_maps", 0))
    return [f"stage_{number}" for number in range(1, maps + 1)] or [OUTPUT]


def _in_half(model: torch.nn.Module, precision: Precision) -> torch.nn.Module:
    import torch

    kind = {"fp16": torch.float16, "bf16": torch.bfloat16}[precision]

    class Half(torch.nn.Module):
        """The model in half precision between two casts."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model.to(kind)
            self.number_of_maps = getattr(model, "number_of_maps", 0)

        def forward(self, images: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
            answer: Any = self.model(images.to(kind))
            return tuple(one.float() for one in answer) if isinstance(answer, tuple) else answer.float()

    return Half().eval()
