"""Where ONNX Runtime really ran each node: read from its profiler, because a session's own word says nothing.

A session lists the provider that was asked for first, and still hands the nodes which that provider does not take to
the CPU, silently.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selector.errors import FallbackError

SHAPE_OPERATORS = frozenset(
    {"Cast", "Concat", "Constant", "ConstantOfShape", "Gather", "Range", "Shape", "Slice", "Squeeze", "Unsqueeze"}
)
"""What exporters write to work out shapes; ONNX Runtime keeps such nodes on the CPU on purpose."""
_INT8_PRODUCTS = frozenset(
    {
        *("QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat"),
        *("DynamicQuantizeMatMul", "QAttention", "QLinearConvTranspose", "NhwcQLinearConv"),
    }
)
_OTHER_PRODUCTS = frozenset(
    {
        *("Conv", "FusedConv", "NhwcFusedConv", "ConvTranspose", "MatMul", "FusedMatMul", "Gemm", "FusedGemm"),
        *("Attention", "MultiHeadAttention"),
    }
)
_NAMED = 3
"""Nodes that a message names."""

Placement = Mapping[str, Mapping[str, str]]
"""By provider, the operator of each node that ran there, by the node's name."""


@contextmanager
def profiled(options: Any) -> Iterator[None]:
    """Sessions made with `options` inside profile themselves; the file is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="placement-") as folder:
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "nodes")
        yield


def placement(session: Any) -> Placement:
    """Where each node ran, from the profile of a session that has answered a query; it is ended by this."""
    ran: dict[str, dict[str, str]] = {}
    for event in json.loads(Path(session.end_profiling()).read_text()):
        told = event.get("args", {})
        if event.get("cat") == "Node" and told.get("provider"):
            name = event["name"].removesuffix("_kernel_time")
            ran.setdefault(told["provider"], {})[name] = told.get("op_name", "")
    return {provider: dict(sorted(ran[provider].items())) for provider in sorted(ran)}


def refuse_other_providers(ran: Placement, provider: str) -> None:
    """Every node that computes must have run on `provider`; those that only work out shapes need not.

    Raises:
        FallbackError: One did not, or none is known to have.
    """
    others = {
        other: [name for name, operator in nodes.items() if operator not in SHAPE_OPERATORS]
        for other, nodes in ran.items()
        if other != provider
    }
    others = {other: names for other, names in others.items() if names}
    if others or not ran.get(provider):
        told = "; ".join(
            f"{len(names)} nodes ran on {other} ({_named(names, ran[other])})" for other, names in others.items()
        )
        raise FallbackError(
            f"asked for {provider}, which ran {len(ran.get(provider, ()))} nodes; {told or 'no other ran either'}"
        )


def refuse_other_arithmetic(ran: Placement) -> None:
    """At least half of the nodes that multiply must have run in int8.

    Raises:
        FallbackError: Fewer did. ONNX Runtime has not fused the quantize and dequantize nodes around the others,
            which then compute in fp32.
    """
    operators = [operator for nodes in ran.values() for operator in nodes.values()]
    products = [one for one in operators if one in _INT8_PRODUCTS or one in _OTHER_PRODUCTS]
    right = sum(one in _INT8_PRODUCTS for one in products)
    if not products or right < len(products) / 2:
        raise FallbackError(
            f"asked ONNX Runtime for int8, {right} of {len(products)} nodes that multiply ran in it; the others ran "
            f"in fp32 ({', '.join(sorted(set(products) & _OTHER_PRODUCTS)) or 'none is known'})"
        )


def _named(names: list[str], operators: Mapping[str, str]) -> str:
    """The commonest operators of the nodes, as in "Conv, Gemm, …"."""
    counted = Counter(operators[name] or name for name in names).most_common()
    return ", ".join(operator for operator, _ in counted[:_NAMED]) + (", …" if len(counted) > _NAMED else "")
