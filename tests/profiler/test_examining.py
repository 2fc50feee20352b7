"""Pixels for labelled images and the counting of answers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from support.evidence import make_candidate
from support.photographs import make_photographs

from selector.artifacts import ArtifactCache
from selector.catalog import load_catalog
from selector.errors import LabelledImageError
from selector.profiler import examining
from selector.profiler.examining import Questions, decoded, normalized, ranks_of
from selector.profiler.photographs import photographs
from selector.types import Candidate, Checkpoint, ModelFacts

MODELS = (
    "test_vit.r160_in1k",
    "mobilenetv3_small_050.lamb_in1k",
    "tf_efficientnet_lite0.in1k",
    "vit_base_patch16_224.augreg2_in21k_ft_in1k",  # normalizes by 0.5
    "beit_base_patch16_224.in22k_ft_in22k",
    "eva02_base_patch14_448.mim_in22k_ft_in22k_in1k",  # squashes
)


def facts_of(name: str) -> ModelFacts:
    return load_catalog().facts(name)


def candidate_of(facts: ModelFacts, size: tuple[int, int]) -> Candidate:
    return dataclasses.replace(make_candidate(facts), image_size=size)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return tuple(sorted(make_photographs(tmp_path_factory.mktemp("images"), 5).rglob("*.jpg")))


def questions(files: tuple[Path, ...], start: int = 0, total: int | None = None) -> Questions:
    return Questions("digest", total or len(files), start, files, (0,) * len(files))


@pytest.mark.parametrize("name", MODELS)
def test_pixels_are_those_of_timms_own_transform(name, files, tmp_path):
    facts = facts_of(name)
    candidate = candidate_of(facts, (96, 128))
    wanted = np.concatenate(list(photographs(files, facts, candidate)))
    (pixels,) = decoded(ArtifactCache(tmp_path), facts, candidate, questions(files), 2)
    assert pixels.dtype == np.uint8
    found = normalized(pixels, facts, candidate.image_size)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


def test_own_weights_bring_their_own_preprocessing(files, tmp_path):
    plain = facts_of(MODELS[0])
    given = (("crop_pct", 0.5), ("interpolation", "bilinear"), ("mean", (0.1, 0.2, 0.3)), ("std", (1.0, 2.0, 4.0)))
    own = dataclasses.replace(plain, checkpoint=Checkpoint("w.pth", "0" * 64, plain.name, (), given))
    candidate = candidate_of(plain, (64, 64))
    seen = []
    for facts in (plain, own):
        (pixels,) = decoded(ArtifactCache(tmp_path), facts, candidate, questions(files), 1)
        seen.append((pixels, normalized(pixels, facts, (64, 64))))
    assert not np.array_equal(seen[0][0], seen[1][0]), "another crop is another file of the cache"
    pixels, batch = seen[1]
    scaled = pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255
    wanted = (scaled - np.float32([0.1, 0.2, 0.3])[:, None, None]) / np.float32([1, 2, 4])[:, None, None]
    np.testing.assert_allclose(batch, wanted, rtol=1e-6, atol=1e-7)


def test_images_are_decoded_once_whatever_asks_for_them(files, tmp_path, monkeypatch):
    cache, facts = ArtifactCache(tmp_path), facts_of(MODELS[0])
    other = facts_of("test_convnext.r160_in1k")
    candidate = candidate_of(facts, (64, 64))
    first = list(decoded(cache, facts, candidate, questions(files), 1))
    monkeypatch.setattr(examining, "_crop", lambda crop, path: pytest.fail("decoded again"))
    again = list(decoded(cache, other, candidate_of(other, (64, 64)), questions(files), 1))
    np.testing.assert_array_equal(first, again)
    (kept,) = tmp_path.glob("decoded/*.npy")
    assert kept.stat().st_size < 1.1 * first[0].nbytes + 200


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY nonsense", None])
def test_a_damaged_file_of_the_cache_is_made_again(files, tmp_path, damage):
    cache, facts = ArtifactCache(tmp_path), facts_of(MODELS[0])
    candidate = candidate_of(facts, (64, 64))
    first = list(decoded(cache, facts, candidate, questions(files), 1))
    (kept,) = tmp_path.glob("decoded/*.npy")
    kept.write_bytes(kept.read_bytes()[:500] if damage is None else damage)
    np.testing.assert_array_equal(first, list(decoded(cache, facts, candidate, questions(files), 1)))


def test_the_cache_is_bounded(files, tmp_path, monkeypatch):
    """A quarter of the cache holds three of these images: a part that ends beyond is decoded each time."""
    monkeypatch.setenv("SELECTOR_CACHE_LIMIT", f"{4 * 3 * 64 * 64 * 3} B")
    cache, facts = ArtifactCache(tmp_path), facts_of(MODELS[0])
    candidate = candidate_of(facts, (64, 64))
    assert len(next(decoded(cache, facts, candidate, questions(files), 1))) == len(files)
    assert not list(tmp_path.glob("decoded/*"))
    assert len(next(decoded(cache, facts, candidate, questions(files[:3]), 1))) == 3
    assert len(list(tmp_path.glob("decoded/*"))) == 1


def test_an_image_that_cannot_be_decoded_is_named(files, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(files[0].read_bytes()[:300])
    facts = facts_of(MODELS[0])
    with pytest.raises(LabelledImageError, match=r"broken\.jpg is no image that can be decoded"):
        list(decoded(ArtifactCache(tmp_path), facts, candidate_of(facts, (64, 64)), questions((files[0], broken)), 2))


@settings(deadline=None)
@given(arrays.arrays(np.float32, (6, 300), elements=st.integers(-3, 3).map(np.float32)), st.data())
def test_ranks_are_places_in_the_order_of_the_answers(logits, data):
    right = np.array(data.draw(st.lists(st.integers(0, 299), min_size=6, max_size=6)))
    ranks = ranks_of(logits, right)
    for row, answer, rank in zip(logits, right, ranks, strict=True):
        order = sorted(range(300), key=lambda number: (-row[number], number))
        assert rank == min(order.index(answer), 255)
    assert [rank == 0 for rank in ranks] == [
        row.argmax() == answer for row, answer in zip(logits, right, strict=True)
    ]


def test_an_answer_that_is_no_number_is_wrong():
    logits = np.zeros((2, 10), np.float32)
    logits[0, 3] = np.nan
    assert ranks_of(logits, np.array([0, 0])).tolist() == [255, 0]
