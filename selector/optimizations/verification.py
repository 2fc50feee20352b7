"""An exported graph against the fp32 eager model, right after export, on ONNX Runtime where that is installed.

What is timed is compared once more, by each way, with its own precision and batch. Here the question is another one:
whether the exporter wrote what the model computes, so that the other exporter can be tried.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.errors import ExportFailedError
from selector.optimizations.base import Bench
from selector.optimizations.inputs import realistic_images
from selector.optimizations.outputs import on_host

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from selector.types import Precision

_ALLOWED: Mapping[Precision, float] = {"fp32": 1e-3, "fp16": 0.1, "bf16": 0.5}
"""Relative error from which on a graph is called wrong. Ten models exported by both exporters differed from fp32
eager by at most 1e-5. In half precision this is no judgement of accuracy: rounding in models with random weights
measured up to 0.31 in bf16, a wrong layer gives 1."""
_BATCHES = (1, 3)
"""Of the comparison: a batch that was written down as a constant fails on one of them."""
_STRAY = 0.01
"""Share of a half-precision graph's weights that may have another type (scalars, and tables of positions)."""


def verify(bench: Bench, path: Path, precision: Precision) -> float | None:
    """Compares a graph with the fp32 eager model.

    bf16 has hardly an operator on ONNX Runtime's CPU provider: such a graph is run with its types widened to fp32,
    which shows its structure and its rounded weights, not its arithmetic.

    Args:
        bench: Its model is the reference.
        path: The graph.
        precision: What the graph's weights and arithmetic are to be.

    Returns:
        The relative error, or None when ONNX Runtime is not installed or the model overflows in fp16; the latter is
        the model's own, and told when the way that runs it is compared.

    Raises:
        ExportFailedError: The graph is not valid, computes something else, or has weights of another type.
    """
    import onnx

    if precision != "fp32":
        _check_types(onnx.load(str(path)), precision)
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import numpy as np
    import torch

    model = bench.model()
    error = 0.0
    for batch in _BATCHES:
        images = realistic_images(batch, bench.candidate.image_size, seed=batch)
        with torch.inference_mode():
            wanted = on_host(model(torch.from_numpy(images)))
        given = _run(path, images, widened=precision == "bf16")
        if [one.shape for one in given] != [one.shape for one in wanted]:
            raise ExportFailedError(f"the graph gives shape {_shapes(given)}, the model {_shapes(wanted)}")
        for found, exact in zip(given, wanted, strict=True):
            if precision == "fp16" and not np.isfinite(found).all():
                return None
            norm = float(np.linalg.norm(exact))
            difference = float(np.linalg.norm(found - exact))
            error = max(error, difference / norm if norm else math.inf if difference else 0.0)
            if not error <= _ALLOWED[precision]:
                raise ExportFailedError(f"the graph's output differs from the model's by {error:.3g} of its norm")
    return error


def _shapes(outputs: list[NDArray[np.float32]]) -> str:
    return " and ".join(str(one.shape) for one in outputs)


def _run(path: Path, images: NDArray[np.float32], *, widened: bool) -> list[NDArray[np.float32]]:
    """The graph's outputs on ONNX Runtime's CPU provider."""
    import numpy as np
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    # Its exceptions have no base of their own.
    errors = tuple(one for one in vars(state).values() if isinstance(one, type) and issubclass(one, Exception))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    source = _widened(path) if widened else str(path)
    try:
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        answer = session.run(None, {session.get_inputs()[0].name: images})
    except errors as error:
        raise ExportFailedError(f"ONNX Runtime cannot run the graph: {str(error).splitlines()[0]}") from error
    return [np.asarray(one, np.float32) for one in answer]


def _check_types(model: Any, precision: Precision) -> None:
    """A graph that was to be half precision and silently is fp32 would be timed under a false name."""
    import onnx

    types = onnx.TensorProto
    wanted = {"fp16": types.FLOAT16, "bf16": types.BFLOAT16}[precision]
    counts: dict[int, int] = {}
    for tensor in model.graph.initializer:
        if tensor.data_type in (types.FLOAT, types.DOUBLE, types.FLOAT16, types.BFLOAT16):
            counts[tensor.data_type] = counts.get(tensor.data_type, 0) + math.prod(tensor.dims)
    total = sum(counts.values())
    if counts.get(wanted, 0) < (1 - _STRAY) * total or not total:
        names = ", ".join(f"{types.DataType.Name(kind)} {count:,}" for kind, count in sorted(counts.items()))
        raise ExportFailedError(f"the {precision} graph has weights of other types: {names or 'none'}")
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ExportFailedError(f"the {precision} graph is no valid ONNX: {reason}") from error


def _widened(path: Path) -> bytes:
    """The graph with fp32 wherever it says bf16."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    half, full = onnx.TensorProto.BFLOAT16, onnx.TensorProto.FLOAT

    def widen(tensor: Any) -> None:
        if tensor.data_type == half:
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))

    for tensor in model.graph.initializer:
        widen(tensor)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                widen(attribute.t)
            elif attribute.name == "to" and attribute.i == half:
                attribute.i = full
    del model.graph.value_info[:]
    serialized: bytes = model.SerializeToString()
    return serialized
