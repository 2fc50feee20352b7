"""Photographs as models see them: what was computed from them for one tag says nothing of another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selector.catalog import load_catalog
from selector.optimizations.calibration import find_calibration
from selector.profiler.photographs import calibration_for, photographs, preprocessing
from selector.types import Candidate, ModelFacts

ARCHITECTURE = "mobilenetv3_large_100"


@pytest.fixture
def facts() -> dict[str, ModelFacts]:
    """Tags of one architecture, of which the one is normalized otherwise."""
    return {one.tag: one for one in load_catalog().models if one.architecture == ARCHITECTURE}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    drawn = np.random.default_rng(3)
    for place in range(3):
        Image.fromarray(drawn.integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(tmp_path / f"{place}.png")
    return tmp_path


def _candidate(facts: ModelFacts) -> Candidate:
    return Candidate(
        model=facts.name,
        architecture=facts.architecture,
        optimization="eager",
        precision="fp32",
        libraries=(),
        settings=(),
        batch_size=1,
        image_size=(64, 64),
        num_classes=facts.num_classes,
        scenario="single-stream",
        latency_scope="forward",
    )


def test_tags_with_another_normalization_share_nothing(facts: dict[str, ModelFacts], folder: Path) -> None:
    images = find_calibration(str(folder), None)
    one, other = facts["ra_in1k"], facts["miil_in21k_ft_in1k"]
    assert preprocessing(one, (64, 64))["mean"] != preprocessing(other, (64, 64))["mean"]
    seen = [next(photographs(images.files, each, _candidate(each))) for each in (one, other)]
    assert not np.allclose(*seen)
    keys = [calibration_for(images, each, _candidate(each)).key for each in (one, other, one)]
    assert keys[0] == keys[2] != keys[1]


def test_made_up_images_are_the_same_for_all(facts: dict[str, ModelFacts]) -> None:
    images = find_calibration("random", 2)
    keys = {calibration_for(images, each, _candidate(each)).key for each in facts.values()}
    assert keys == {images.digest}
