"""One kernel for attention: which of them `scaled_dot_product_attention` may take, and proof that it did.

torch chooses by itself otherwise. With one kernel allowed it raises where that one cannot run (a mask that flash
attention does not take, fp32 on CUDA's flash and cuDNN kernels), which becomes `fallback`; a model that never calls
`scaled_dot_product_attention` does too. On CPUs torch has the plain (math) and the flash kernel only.

Not executed on hardware by the project's own tests: everything on CUDA, that is the memory-efficient, cuDNN and
CUDA's own flash kernels. `pytest -m gpu` and `selector doctor` run these ways where there is a GPU.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from selector.errors import FallbackError
from selector.optimizations.base import Bench, Built, compute_capability, register
from selector.optimizations.pytorch import Part, TorchWay
from selector.types import DeviceKind, Environment, ModelFacts

if TYPE_CHECKING:
    import torch

KERNELS = {
    "math": "math",
    "flash": "flash",
    "efficient": "mem_efficient",
    "cudnn": "cudnn",
}
"""The name here, and in torch's switches ``torch.backends.cuda.enable_*_sdp``, which hold for CPUs as well."""
WITHOUT_SDPA = frozenset(
    (
        *("byoanet", "coat", "convit", "convmixer", "convnext", "cspnet", "cspnext", "densenet", "dla", "dpn"),
        *("edgenext", "efficientformer", "efficientformer_v2", "efficientnet", "efficientvim", "efficientvit_mit"),
        *("efficientvit_msra", "fasternet", "focalnet", "gcvit", "ghostnet", "hardcorenas", "hgnet", "hrnet"),
        *("inception_next", "inception_resnet_v2", "inception_v3", "inception_v4", "lcnetv2", "levit", "mambaout"),
        *("mlp_mixer", "mvitv2", "nasnet", "nfnet", "pnasnet", "rdnet", "regnet", "repghost", "repvit", "res2net"),
        *("resnest", "resnet", "resnetv2", "rexnet", "selecsls", "senet", "sequencer", "shvit", "sknet", "starnet"),
        *("swiftformer", "swinv2", "swinv2_cr", "tnt", "tresnet", "vgg", "vovnet", "xception", "xception_aligned"),
    )
)
"""Families none of whose models calls `scaled_dot_product_attention`: convolutions, or attention of their own."""
_OPERATORS = {
    "flash": ("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention"),
    "efficient": ("_scaled_dot_product_efficient_attention",),
    "cudnn": ("_scaled_dot_product_cudnn_attention",),
    "math": (),
}
"""What each kernel is called below `scaled_dot_product_attention`; the plain one falls apart into products."""
_REFUSED = ("No available kernel", "No viable backend")


class Attention(Part):
    """Allows one kernel alone.

    Args:
        kernel: A key of `KERNELS`.
        runs_on: Kinds of device on which torch has it for the way's type.
    """

    def __init__(self, kernel: str, runs_on: tuple[DeviceKind, ...] = ("cpu", "cuda")) -> None:
        self.kernel = kernel
        self.name = f"sdpa-{kernel}"
        self.description = f"{kernel} attention kernel"
        self.settings = (("sdpa", kernel),)
        self.runs_on = runs_on

    def unavailable(self, environment: Environment) -> str | None:
        """Flash and cuDNN attention are written for tensor cores."""
        needs = 80 if environment.device_kind == "cuda" and self.kernel in ("flash", "cudnn") else 0
        if compute_capability(environment) < needs:
            return f"{self.kernel} attention needs an Ampere GPU (compute capability 8.0) or newer"
        return None

    def unsuited(self, facts: ModelFacts) -> str | None:
        """Models that are known not to call the operator."""
        mobile = facts.family == "mobilenetv3" and "hybrid" not in facts.architecture
        if facts.family in WITHOUT_SDPA or mobile:
            return f"{self.name} needs torch's scaled_dot_product_attention, which this model does not call"
        return None

    def apply(self, model: torch.nn.Module) -> torch.nn.Module:
        """The model as it is; the switches are the process's."""
        import torch

        for kernel, switch in KERNELS.items():
            getattr(torch.backends.cuda, f"enable_{switch}_sdp")(kernel == self.kernel)
        return model


class AttentionWay(TorchWay):
    """A way whose attention kernel is proven once, in the build."""

    def build(self, bench: Bench) -> Built:
        """One forward pass in which every operator is watched; nothing is kept.

        Raises:
            FallbackError: Another kernel ran, the kernel cannot run for this model, or there is no attention.
        """
        import numpy as np

        kernel = next(part.kernel for part in self.parts if isinstance(part, Attention))
        runner: Any = self.load(bench)
        height, width = bench.candidate.image_size
        fed = runner.feed(np.zeros((bench.candidate.batch_size, 3, height, width), np.float32))
        asked, ran = _watched(runner, fed, kernel)
        if not asked:
            raise FallbackError("this model never calls scaled_dot_product_attention, so this way changes nothing")
        wanted = sum(ran.get(operator, 0) for operator in _OPERATORS[kernel])
        others = sorted(set(ran) - set(_OPERATORS[kernel]))
        if others or (_OPERATORS[kernel] and wanted != asked):
            raise FallbackError(
                f"asked for {kernel} attention {asked} times, it ran {wanted} times; "
                f"otherwise {', '.join(others) or 'the plain one'}"
            )
        return super().build(bench)


def _watched(runner: Any, fed: Any, kernel: str) -> tuple[int, dict[str, int]]:
    """How often attention was asked for, and which fused operators ran how often."""
    import torch
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    asked, ran = [0], Counter[str]()

    class Asked(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            asked[0] += function is torch.nn.functional.scaled_dot_product_attention
            return function(*args, **(kwargs or {}))

    class Ran(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = function.name().removeprefix("aten::")
            if "scaled_dot_product" in name:
                ran[name] += 1
            return function(*args, **(kwargs or {}))

    try:
        # Not in inference mode, where the operator would not be taken apart before it is seen.
        with torch.no_grad(), Asked(), Ran():  # type: ignore[no-untyped-call]
            runner.model(fed)
    except RuntimeError as error:
        if any(words in str(error) for words in _REFUSED):
            raise FallbackError(
                f"torch has no {kernel} attention for this model here (type, mask or head size): it would take "
                "another one, and eager is that way"
            ) from error
        raise
    return asked[0], dict(ran)


register(AttentionWay((Attention("math"),)))
register(AttentionWay((Attention("flash", ("cpu",)),)))
register(AttentionWay((Attention("efficient", ("cuda",)),)))
