"""Backbones: timm's `features_only` models, which answer with one map of features a stage.

Detectors and segmenters take maps with channels first, so that is what a backbone answers here; where timm's model
computes with channels last (Swin, MambaOut), its maps are turned. What a model's maps look like at an image size is
found out by one forward pass, before anything is built of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.artifacts import ArtifactCache
from selector.devices.base import library_versions
from selector.errors import UnavailableError
from selector.types import Candidate, ModelFacts, Stage, to_json

if TYPE_CHECKING:
    import torch

_REFUSALS = (AssertionError, AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError)
"""What timm's models raise where they have no maps, or none at an image size; `ValueError` beside."""
_MEMORY = ("allocate memory", "out of memory")
_MAP_DIMENSIONS = 4


def create(facts: ModelFacts, candidate: Candidate, options: dict[str, Any], *, pretrained: bool) -> torch.nn.Module:
    """The model as a backbone, in eval mode. Its attribute `number_of_maps` says how many maps it answers with.

    Args:
        facts: The model.
        candidate: Its image size.
        options: For timm.
        pretrained: Whether with published weights.

    Raises:
        UnavailableError: timm makes no backbone of it, or none for this image size.
    """
    import timm
    import torch

    class Backbone(torch.nn.Module):
        """Maps of features with channels first, from fine to coarse."""

        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model
            layout = getattr(model, "output_fmt", None) or "NCHW"
            self.turned = getattr(layout, "value", layout) == "NHWC"
            self.number_of_maps = len(model.feature_info.channels())

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            maps = self.model(images)
            return tuple(one.permute(0, 3, 1, 2) if self.turned else one for one in maps)

    try:
        model = timm.create_model(facts.timm_name, pretrained=pretrained, features_only=True, **options)
        return Backbone(model).eval()
    except (*_REFUSALS, ValueError) as error:
        downloaded = pretrained and "pretrained_cfg_overlay" not in options
        if downloaded or _is_memory(error):  # a download that failed says nothing of the model
            raise
        raise UnavailableError(_why(facts, candidate, error, fixed="img_size" in options)) from error


def observe(cache: ArtifactCache, facts: ModelFacts, candidate: Candidate) -> tuple[Stage, ...]:
    """The maps of a backbone at the candidate's image size, from the cache or by one forward pass.

    Raises:
        UnavailableError: There are none, with what timm said.
    """
    known = stages(cache, candidate)
    if known:
        return known
    import torch

    from selector.profiler import models

    model = models.create(facts, candidate, pretrained=False)
    inner: Any = model.model
    default = inner.feature_info
    try:
        with torch.inference_mode():
            maps = model(torch.zeros(1, 3, *candidate.image_size))
    except (*_REFUSALS, ValueError) as error:
        if _is_memory(error):
            raise
        raise UnavailableError(_why(facts, candidate, error, fixed=_has_fixed_size(facts, candidate))) from error
    shapes = [tuple(int(side) for side in one.shape[1:]) for one in maps]
    wanted = list(default.channels())
    if any(one.ndim != _MAP_DIMENSIONS for one in maps) or [shape[0] for shape in shapes] != wanted:
        raise UnavailableError(
            f"timm's features of {facts.timm_name} are no maps with the {wanted} channels that it names, but of "
            f"shape {shapes}: no backbone that a detector or segmenter could take"
        )
    found = tuple(
        Stage(channels, height, width, _stride(int(told), candidate.image_size[0], height))
        for (channels, height, width), told in zip(shapes, default.reduction(), strict=True)
    )
    cache.write_json(path(cache, candidate), {"stages": to_json(found)})
    return found


def stages(cache: ArtifactCache, candidate: Candidate) -> tuple[Stage, ...]:
    """What `observe` found and left in the cache; nothing for a classifier. Without torch."""
    if candidate.task != "feature-extraction":
        return ()
    record = cache.read_json(path(cache, candidate))
    return () if record is None else tuple(Stage(**one) for one in record["stages"])


def path(cache: ArtifactCache, candidate: Candidate) -> Path:
    """Where `observe` leaves what it finds; every set of weights of an architecture has the same maps."""
    key = {
        "architecture": candidate.architecture,
        "image_size": list(candidate.image_size),
        "versions": library_versions(("timm", "torch")),
    }
    return cache.path("stages", key, ".json")


def _stride(told: int, side: int, places: int) -> int:
    """Timm's word where the map bears it out, within the place that padding may bring, else the ratio."""
    return told if told > 0 and abs(side / told - places) <= 1 else max(1, round(side / places))


def _has_fixed_size(facts: ModelFacts, candidate: Candidate) -> bool:
    import timm

    default = timm.models.get_pretrained_cfg(facts.timm_name)
    return default is not None and default.fixed_input_size and default.input_size[1:] != candidate.image_size


def _why(facts: ModelFacts, candidate: Candidate, error: Exception, *, fixed: bool) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
    height, width = candidate.image_size
    if fixed:
        return (
            f"{facts.timm_name} has a grid of positions for one image size, which timm does not resize to {height} × "
            f"{width} pixels ({said}): ask for its native size or leave it out"
        )
    return (
        f"timm gives no maps of features of {facts.timm_name} at {height} × {width} pixels ({said}): ask for another "
        "image size or leave it out"
    )


def _is_memory(error: Exception) -> bool:
    return any(words in str(error).lower() for words in _MEMORY)
