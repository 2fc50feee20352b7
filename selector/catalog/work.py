"""How much a model computes: parameters, multiply-accumulates and activations, counted without running it.

The model is built and called on torch's meta device, where tensors have shapes but no contents: a network of five
billion weights takes no memory and a fraction of a second, and no weights are downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selector.types import ImageSize

if TYPE_CHECKING:
    import torch

COUNTING_ERRORS = (AssertionError, AttributeError, RuntimeError, TypeError, ValueError, ZeroDivisionError)
"""What a network raises when it cannot be built or called on the meta device, or not at this size."""


@dataclass(frozen=True)
class Work:
    """What one image costs.

    Attributes:
        parameters: Number of weights, buffers (running means and the like) left out.
        macs: Multiply-accumulates of convolutions and matrix products, those inside attention too; half of what
            `torch.utils.flop_counter` counts. None where the network cannot be called on the meta device.
        activations: Elements that convolutions and matrix products put out, as in Radosavovic et al., "Designing
            Network Design Spaces" (2020), and fvcore; attention counts with its matrix of weights. None like `macs`.
    """

    parameters: int
    macs: int | None
    activations: int | None


def count_work(name: str, image_size: ImageSize) -> Work:
    """Counts the work of timm's model `name` on one image of `image_size`.

    A model whose weights depend on the image size (a table of positions) and that refuses `image_size` as timm
    builds it is built for that size.

    Args:
        name: ``architecture.tag``; the tag decides the width of the classifier.
        image_size: Height and width in pixels.

    Raises:
        AssertionError, AttributeError, RuntimeError, TypeError, ValueError, ZeroDivisionError: timm cannot build it
            on the meta device (`COUNTING_ERRORS`).
    """
    model = _on_meta(name)
    try:
        return _count(model, image_size)
    except COUNTING_ERRORS:
        as_built = _parameters(model)
    try:
        return _count(_on_meta(name, img_size=image_size), image_size)
    except COUNTING_ERRORS:
        return Work(as_built, None, None)


def _on_meta(name: str, **arguments: Any) -> torch.nn.Module:
    import timm
    import torch

    with torch.device("meta"):
        model: torch.nn.Module = timm.create_model(name, pretrained=False, **arguments)
    return model.eval().requires_grad_(False)


def _parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _count(model: torch.nn.Module, image_size: ImageSize) -> Work:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    image = torch.empty(1, 3, *image_size, device="meta")
    # The plain form of attention is counted, so that the figure depends neither on the fused kernels that a torch
    # version prefers nor on how a model's author wrote the same function.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as flops, _outputs() as sizes:
        model(image)
    return Work(_parameters(model), flops.get_total_flops() // 2, sum(sizes))


@contextmanager
def _outputs() -> Iterator[list[int]]:
    """Collects the number of elements that each convolution and matrix product inside puts out."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    aten = torch.ops.aten
    counted = {aten.convolution, aten.mm, aten.addmm, aten.bmm, aten.baddbmm}
    sizes: list[int] = []

    class Outputs(TorchDispatchMode):  # type: ignore[misc, no-untyped-call, unused-ignore]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            if func.overloadpacket in counted:
                sizes.append(result.numel())
            return result

    with Outputs():  # type: ignore[no-untyped-call, unused-ignore]
        yield sizes
