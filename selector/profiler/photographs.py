"""Photographs as a model sees them: decoded, resized and normalized by timm's data configuration for its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.errors import BuildFailedError
from selector.optimizations.calibration import Calibration, CalibrationSet
from selector.optimizations.inputs import realistic_images
from selector.types import Candidate, ModelFacts, content_hash

if TYPE_CHECKING:
    from selector.devices.base import Batch

_SEED = 7_000_000
"""Of made-up calibration images: none of them is among those that outputs are compared on."""


def calibration_for(images: CalibrationSet, facts: ModelFacts, candidate: Candidate) -> Calibration:
    """The calibration set in the form that one model takes."""

    def read() -> Iterator[Batch]:
        if images.files:
            yield from photographs(images.files, facts, candidate)
        else:
            for index in range(images.count):
                yield realistic_images(1, candidate.image_size, _SEED + index)

    key = content_hash([images.digest, preprocessing(facts, candidate.image_size)]) if images.files else images.digest
    return Calibration(key, read)


def photographs(files: Iterable[Path], facts: ModelFacts, candidate: Candidate) -> Iterator[Batch]:
    """Each file as float32 of shape (1, 3, height, width).

    Raises:
        BuildFailedError: A file cannot be decoded; the message names it.
    """
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    transform = transform_for(facts, candidate.image_size)
    for path in files:
        try:
            with Image.open(path) as image:
                pixels = transform(image.convert("RGB"))
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
            raise BuildFailedError(f"the calibration image {path} cannot be decoded: {error}") from error
        yield np.ascontiguousarray(pixels.numpy()[None], np.float32)


def transform_for(facts: ModelFacts, size: tuple[int, int]) -> Callable[[Any], Any]:
    """The evaluation transform that timm has for the weights, at `size`; from an RGB image to a tensor."""
    from timm.data import create_transform

    transform: Callable[[Any], Any] = create_transform(**preprocessing(facts, size), is_training=False)
    return transform


def preprocessing(facts: ModelFacts, size: tuple[int, int]) -> dict[str, Any]:
    """How timm resizes, crops and normalizes for the weights, at `size`.

    Tags of one architecture differ in it: what was computed from photographs for one says nothing of another.
    """
    import timm
    from timm.data import resolve_data_config

    config = timm.models.get_pretrained_cfg(facts.timm_name)
    known = config.to_dict() if config is not None else {}
    tested = config is not None and config.test_input_size is not None and config.test_input_size[1:] == size
    resolved = resolve_data_config({}, pretrained_cfg=known, use_test_size=tested)
    own = dict(facts.checkpoint.preprocessing) if facts.checkpoint is not None else {}
    return {**resolved, **own, "input_size": (3, *size)}
