"""What a TensorRT engine computes in, from what its inspector tells. Pure: text in, verdict out.

Written against the documented JSON of 10.x ("Format/Datatype" of each tensor) and 11 ("Format" and "DataType"), and
not seen from a real engine by the project's own tests.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from selector.errors import FallbackError
from selector.types import Precision

_TYPES: Mapping[Precision, re.Pattern[str]] = {
    "bf16": re.compile(r"\bB(F|Float)16\b", re.IGNORECASE),
    "fp16": re.compile(r"\b(FP16|Half|Float16)\b", re.IGNORECASE),
    "int8": re.compile(r"\bInt8\b", re.IGNORECASE),
    "fp32": re.compile(r"\b(FP32|Float|Float32)\b", re.IGNORECASE),
}
_TYPE_KEYS = re.compile(r"^(format/)?data_?type$", re.IGNORECASE)
_ARITHMETIC = re.compile(r"conv|gemm|mat(rix)?_?mul|einsum|attention|mha", re.IGNORECASE)
_NAMED = 3


def prove_precision(information: str, precision: Precision) -> None:
    """Most layers that multiply (convolutions, matrix products) must read tensors of the precision.

    Where no layer can be told to be one of those (a whole network fused into one), all layers are asked. In fp32
    every one of them must read fp32.

    Args:
        information: The inspector's JSON of the whole engine, built with detailed verbosity.
        precision: What was asked for.

    Raises:
        FallbackError: The engine computes in something else, or does not tell.
    """
    layers = [layer for layer in _layers(information) if _precisions(layer)]
    multiplying = [layer for layer in layers if _ARITHMETIC.search(_words(layer))] or layers
    if not multiplying:
        raise FallbackError(f"asked TensorRT for {precision}, and its engine does not tell what it computes in")
    found = Counter(_precision(layer, precision) for layer in multiplying)
    enough = len(multiplying) if precision == "fp32" else len(multiplying) / 2
    if found[precision] < enough:
        others = [str(layer.get("Name", "?")) for layer in multiplying if _precision(layer, precision) != precision]
        counted = ", ".join(f"{count} in {kind}" for kind, count in sorted(found.items()))
        raise FallbackError(
            f"asked TensorRT for {precision}, of its {len(multiplying)} layers that multiply there run {counted}: "
            f"{', '.join(others[:_NAMED])}{', …' if len(others) > _NAMED else ''}"
        )


def _layers(information: str) -> Iterable[Mapping[str, Any]]:
    try:
        told = json.loads(information)
    except ValueError:
        return []
    layers = told.get("Layers", []) if isinstance(told, dict) else []
    return [layer for layer in layers if isinstance(layer, dict)]


def _words(layer: Mapping[str, Any]) -> str:
    return " ".join(str(layer.get(key, "")) for key in ("LayerType", "ParameterType", "TacticName", "Name"))


def _precision(layer: Mapping[str, Any], wanted: Precision) -> Precision:
    """The wanted one where a layer reads that (fp32: and nothing less), else the least that it reads."""
    precisions = _precisions(layer)
    if wanted != "fp32" and wanted in precisions:
        return wanted
    return next(kind for kind in ("int8", "fp16", "bf16", "fp32") if kind in precisions)


def _precisions(layer: Mapping[str, Any]) -> set[Precision]:
    """Types of the tensors that a layer reads; of what it writes where it tells of nothing that it reads."""
    for side in ("Inputs", "Outputs"):
        tensors = [tensor for tensor in layer.get(side, []) if isinstance(tensor, dict)]
        found = {kind for tensor in tensors for kind in _types_of(tensor)}
        if found:
            return found
    return set()


def _types_of(tensor: Mapping[str, Any]) -> set[Precision]:
    """What a tensor's entry says of its type: in its own field, else within the name of its format."""
    typed = " ".join(str(value) for key, value in tensor.items() if _TYPE_KEYS.match(key))
    text = typed or str(tensor.get("Format", ""))
    return {kind for kind, pattern in _TYPES.items() if pattern.search(text)}
