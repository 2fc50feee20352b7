"""timm models with weights: the published ones where they can be had, else random ones that behave.

Runs in child processes only. Weights do not change speed, so a model whose weights cannot be had is measured on
random ones; agreement of classes and accuracy are then not observed.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.artifacts import ArtifactCache
from selector.devices.base import library_versions
from selector.errors import UsageError
from selector.optimizations.inputs import realistic_images
from selector.profiler import backbones
from selector.profiler.checkpoints import match, read_tensors
from selector.types import RANDOM_WEIGHTS, Candidate, Checkpoint, ModelFacts, Weights, to_json

if TYPE_CHECKING:
    import torch

SEED = 20240229
"""Of random weights."""
_CALIBRATION_BATCH, _CALIBRATION_ROUNDS = 8, 3
_SILENT, _AUDIBLE = 1e-3, 0.3
RANDOM_INITIALIZATION = (SEED, _SILENT, _AUDIBLE)
"""What random weights depend on beside the architecture; part of the keys of what is built from them."""


@dataclass(frozen=True)
class StoredWeights:
    """Weights in the artifact cache.

    Attributes:
        weights: What they are.
        path: A safetensors file in timm's naming.
    """

    weights: Weights
    path: Path

    @property
    def key(self) -> str:
        """Names the content."""
        return self.weights.sha256 or self.path.stem


def find_weights(
    cache: ArtifactCache, facts: ModelFacts, candidate: Candidate, *, pretrained: bool
) -> StoredWeights | None:
    """The weights that a former build left in the cache, or None. Without torch."""
    record = cache.read_json(_record_path(cache, facts, candidate, pretrained=pretrained))
    if record is None or not (cache.folder / record["file"]).is_file():
        return None
    return StoredWeights(Weights(**record["weights"]), cache.folder / record["file"])


def fetch_weights(
    cache: ArtifactCache, facts: ModelFacts, candidate: Candidate, *, pretrained: bool
) -> StoredWeights:
    """Brings weights into the cache: the published ones through timm's own download, or random ones.

    Args:
        cache: Where they go.
        facts: The model.
        candidate: Its image size and number of classes.
        pretrained: Whether the published weights are wanted. Errors of the download pass through.
    """
    found = find_weights(cache, facts, candidate, pretrained=pretrained)
    if found is not None:
        return found
    from safetensors.torch import save_file

    own = facts.checkpoint if pretrained else None
    model = create(facts, candidate, pretrained=pretrained) if own is None else _own(facts, candidate, own)
    if not pretrained:
        _wake(model)
        _recalibrate(model, candidate)
    record_path = _record_path(cache, facts, candidate, pretrained=pretrained)
    file = record_path.with_suffix(".safetensors")
    with cache.writing(file) as temporary:
        save_file({name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}, temporary)
    weights = Weights(facts.tag, _sha256(file), "pretrained") if pretrained else RANDOM_WEIGHTS
    weights = weights if own is None else Weights(None, own.sha256, "checkpoint")
    cache.write_json(record_path, {"weights": to_json(weights), "file": str(file.relative_to(cache.folder))})
    return StoredWeights(weights, file)


def load_model(facts: ModelFacts, candidate: Candidate, stored: StoredWeights) -> torch.nn.Module:
    """The fp32 model with its weights, in eval mode, on the CPU."""
    from safetensors.torch import load_file

    model = create(facts, candidate, pretrained=False)
    model.load_state_dict(load_file(stored.path))
    return model


def create(
    facts: ModelFacts, candidate: Candidate, *, pretrained: bool, weights: Path | None = None
) -> torch.nn.Module:
    """The model as timm makes it, in eval mode, with a fixed seed for whatever is random.

    Args:
        facts: The model.
        candidate: Its image size, number of classes and task.
        pretrained: Whether with the published weights.
        weights: A file that takes their place; its position grid is resized as that of published ones.

    Raises:
        UnavailableError: timm makes no backbone of it, or none for this image size.
    """
    import timm
    import torch

    torch.manual_seed(SEED)
    options: dict[str, Any] = {}
    height, width = candidate.image_size
    default = timm.models.get_pretrained_cfg(facts.timm_name)
    if default is not None and default.fixed_input_size and default.input_size[1:] != (height, width):
        # Models with a position grid are built for one size; timm resizes the grid when it is told the size.
        options["img_size"] = (height, width)
    if weights is not None:
        options["pretrained_cfg_overlay"] = {"file": str(weights)}
    if candidate.task == "feature-extraction":
        return backbones.create(facts, candidate, options, pretrained=pretrained)
    if default is None or candidate.num_classes != default.num_classes:
        options["num_classes"] = candidate.num_classes
    model: torch.nn.Module = timm.create_model(facts.timm_name, pretrained=pretrained, **options)
    return model.eval()


def _wake(model: torch.nn.Module) -> None:
    """Makes every block count.

    Many models begin training with blocks that add (nearly) nothing: LayerScale of 1e-6, a last norm of zero. As
    initialized, a block computed wrongly would change their output by a millionth, and the comparison with fp32
    eager would not see it. With 0.3 each block counts, and half-precision errors stay as they are in trained models.
    """
    import torch

    random = torch.Generator().manual_seed(SEED)
    for name, parameter in model.named_parameters():
        leaf = name.rpartition(".")[2]
        if "bias" in leaf or leaf == "beta" or not parameter.numel():
            continue  # an offset of zero silences nothing
        with torch.no_grad():
            if parameter.abs().max() > _SILENT or parameter.min() != parameter.max():
                continue
            if sum(size > 1 for size in parameter.shape) > 1:
                parameter.normal_(std=0.02, generator=random)
            else:
                parameter.fill_(_AUDIBLE)


def _recalibrate(model: torch.nn.Module, candidate: Candidate) -> None:
    """Sets the running statistics of BatchNorms from three forward passes.

    With statistics as initialized some random models answer with thousands or with nearly nothing, where a
    relative error means nothing.
    """
    import torch

    norms = [module for module in model.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = None
    with torch.no_grad():
        for seed in range(_CALIBRATION_ROUNDS):
            model(torch.from_numpy(realistic_images(_CALIBRATION_BATCH, candidate.image_size, seed)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()


def weights_name(facts: ModelFacts) -> str:
    """Names the weights of a model other than random ones: published ones by their name, own ones by content."""
    return facts.name if facts.checkpoint is None else f"{facts.timm_name}:{facts.checkpoint.sha256}"


def _own(facts: ModelFacts, candidate: Candidate, own: Checkpoint) -> torch.nn.Module:
    """The model with own weights.

    Raises:
        UsageError: The file cannot be read, has changed, or does not fit.
    """
    path = Path(own.path)
    if _sha256(path) != own.sha256:
        raise UsageError(f"the weights {own.path} have changed since the run began; give the same command again")
    whole = candidate
    if candidate.task == "feature-extraction":  # weights were trained with the head, and mostly at the native size
        whole = replace(
            candidate, task="image-classification", num_classes=facts.num_classes, image_size=facts.image_size
        )
    model = create(facts, whole, pretrained=False)
    what = f"the weights {own.path} and {own.timm_name} with {whole.num_classes:,} classes"
    tensors, by_order = match(read_tensors(path), model.state_dict(), what)
    if by_order:
        print(f"{own.path}: its tensors are named otherwise; matched by order, shape and role")
    if candidate.task == "feature-extraction":
        return _headless(facts, candidate, tensors)
    model.load_state_dict(tensors)
    return model


def _headless(facts: ModelFacts, candidate: Candidate, tensors: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """The backbone of a classifier's weights, taken over by timm as it takes over published ones."""
    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, file)
        return create(facts, candidate, pretrained=True, weights=file)


def _record_path(cache: ArtifactCache, facts: ModelFacts, candidate: Candidate, *, pretrained: bool) -> Path:
    key = {
        **candidate.task_key,
        # Random weights belong to the architecture; published ones to the exact name.
        "model": weights_name(facts) if pretrained else facts.architecture,
        "num_classes": candidate.num_classes,
        "image_size": list(candidate.image_size),
        "initialization": None if pretrained else RANDOM_INITIALIZATION,
        "versions": library_versions(("timm", "torch")),
    }
    return cache.path("weights", key, ".json")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
