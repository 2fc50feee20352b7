"""What rounding to a type alone does to a model's output, simulated in fp32 arithmetic.

Networks with random weights amplify rounding: their logits are small differences of large sums, and what a trained
network ignores decides. One bf16 tolerance cannot fit them. Under autocast to bf16 (simulated in brackets) a small
ConvNeXt was off by 0.006 (0.007) of its output's norm, MobileNetV3-50 by 0.038 (0.032), MobileOne by 0.20 (0.19) and
MobileViTv2 by 0.31 (0.29); in int8 by NNCF a small EfficientNet by 0.22 (0.21), MobileNetV3-50 by 0.29 (0.30). The
forward error of an algorithm that rounds at every step is its problem's condition times the unit of rounding (Higham,
Accuracy and Stability of Numerical Algorithms, 2002, section 1.6), and the condition shows when the fp32 model is
rounded in the same places and nothing else is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from selector.optimizations.outputs import on_host, one_array
from selector.types import Precision, Stage, WeightsSource

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from selector.devices.base import Batch

FACTOR = 2.0
"""What a correct way may be off, relative to simulated rounding: ways also round within layers (sums, normalization,
attention), where the simulation does not, and each in an order of its own."""
MOST = 0.75
"""However much rounding moves: an answer of zeros is off by 1, an unrelated one by 1.4."""


def allowed_error(
    tolerance: float, rounding: float | None, source: WeightsSource, usual: float | None = None
) -> float:
    """The relative error that a way may show.

    Args:
        tolerance: That of the profile. For weights that were trained it holds as it is, and so does one that somebody
            chose.
        rounding: See `rounding_error`; None where it was not simulated.
        source: Of the weights. Random ones get what their own rounding makes necessary, up to `MOST`.
        usual: The tolerance of a profile that says nothing; None where `tolerance` is that.
    """
    if source != "random" or rounding is None or (usual is not None and tolerance != usual):
        return tolerance
    return max(tolerance, min(MOST, FACTOR * rounding))


def rounding_error(
    model: torch.nn.Module,
    images: Batch,
    exact: NDArray[np.float32],
    precision: Precision,
    stages: Sequence[Stage] = (),
) -> float:
    """How far rounding moves the output, as a share of its norm.

    Half precision: every layer's weights and output are rounded to the type. int8: weights of convolutions and linear
    layers to 8 bits per channel, their inputs to 256 levels between the ends of their range, which is averaged over
    the images as NNCF does it; what lies beyond is clipped.

    Args:
        model: In fp32; it is changed.
        images: Normalized, shape (images, 3, height, width).
        exact: The model's logits for them, or what `one_array` makes of a backbone's maps.
        precision: Any but "fp32".
        stages: The maps of a backbone.

    Returns:
        The relative error; infinity where an output is not finite.
    """
    import numpy as np
    import torch

    from selector.profiler.agreement import relative_error

    for layer in [module for module in model.modules() if not list(module.children())]:
        if precision != "int8":
            _round_layer(layer, {"bf16": torch.bfloat16, "fp16": torch.float16}[precision])
        elif isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            _quantize_layer(layer)
    with torch.inference_mode():
        found = one_array(on_host(model(torch.from_numpy(images))))
    error = relative_error(found, exact, stages)
    return error if np.isfinite(error) else float("inf")


def _round_layer(layer: torch.nn.Module, kind: torch.dtype) -> None:
    import torch

    with torch.no_grad():
        for parameter in layer.parameters(recurse=False):
            parameter.copy_(parameter.to(kind).float())

    def rounded(_: torch.nn.Module, __: Any, output: Any) -> Any:
        floating = isinstance(output, torch.Tensor) and output.is_floating_point()
        return output.to(kind).float() if floating else output

    layer.register_forward_hook(rounded)


def _quantize_layer(layer: torch.nn.Conv2d | torch.nn.Linear) -> None:
    import torch

    with torch.no_grad():
        weights = layer.weight
        step = weights.abs().amax(dim=tuple(range(1, weights.ndim)), keepdim=True).clamp_min(1e-12) / 127
        weights.copy_((weights / step).round() * step)

    def quantized(_: torch.nn.Module, inputs: Any) -> Any:
        (images, *rest) = inputs
        each = images.flatten(1)
        low, high = each.amin(1).mean().clamp_max(0), each.amax(1).mean().clamp_min(0)
        step = ((high - low) / 255).clamp_min(1e-12)
        levels = ((images - low) / step).round().clamp(0, 255)
        return (levels * step + low, *rest)

    layer.register_forward_pre_hook(quantized)
