"""What a backbone answers, as one array, and its comparison stage by stage."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from selector.errors import WrongOutputError
from selector.optimizations.outputs import KEPT, columns, one_array
from selector.profiler.agreement import compare, relative_error
from selector.types import RANDOM_WEIGHTS, Stage, Weights

STAGES = (Stage(16, 12, 20, 4), Stage(32, 6, 10, 8))
LARGE = Stage(24, 256, 256, 4)


def maps(*stages: Stage, images: int = 3, seed: int = 0, scale: float = 1.0) -> list[NDArray[np.float32]]:
    draw = np.random.default_rng(seed)
    return [
        (scale * draw.standard_normal((images, one.channels, one.height, one.width))).astype(np.float32)
        for one in stages
    ]


def test_logits_stay_as_they_are() -> None:
    logits = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = one_array([logits])
    np.testing.assert_array_equal(found, logits)
    assert not np.shares_memory(found, logits), "a runtime may write over its own"


def test_small_maps_are_kept_whole_and_in_order() -> None:
    one, other = maps(*STAGES)
    found = one_array([one, other])
    np.testing.assert_array_equal(found, np.concatenate([one.reshape(3, -1), other.reshape(3, -1)], axis=1))
    assert [columns(stage) for stage in STAGES] == [240, 60]


def test_of_large_maps_places_all_over_are_kept() -> None:
    height, width = LARGE.height, LARGE.width
    place = np.arange(height * width, dtype=np.float32).reshape(height, width)
    found = one_array([np.broadcast_to(place, (2, LARGE.channels, height, width))])
    assert found.shape == (2, LARGE.channels * columns(LARGE))
    assert found.size <= 2 * (KEPT + LARGE.channels)
    kept = found[0].reshape(LARGE.channels, -1)[:, :-1]
    assert (kept == kept[0]).all(), "the same of every channel"
    rows, across = np.divmod(kept[0].astype(int), width)
    assert len(set(zip(rows, across, strict=True))) == len(rows), "none twice"
    assert set(rows) == set(range(height))
    assert set(across) == set(range(width)), "every row and every column, so also the borders"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_shows_wherever_it_is(value: float) -> None:
    exact = maps(LARGE)
    wrong = [exact[0].copy()]
    wrong[0][1, 7, 100, 101] = value
    with pytest.raises(WrongOutputError, match="NaN or infinite"):
        compare(one_array(wrong), one_array(exact), 0.1, RANDOM_WEIGHTS, (LARGE,))


@pytest.mark.parametrize("source", ["pretrained", "random"])
def test_near_maps_agree_and_name_no_class(source: str) -> None:
    exact = maps(*STAGES)
    near = [one * np.float32(1 + 1e-4) for one in exact]
    weights = RANDOM_WEIGHTS if source == "random" else Weights("a", "0" * 64, "pretrained")
    found = compare(one_array(near), one_array(exact), 1e-3, weights, STAGES)
    assert found.relative_error == pytest.approx(1e-4, rel=0.01)
    assert found.cosine == pytest.approx(1)
    assert (found.top1, found.images) == (None, 3)


def test_a_small_stage_beside_a_large_one_is_judged_by_its_own_norm() -> None:
    (large,), (small,) = maps(STAGES[0], scale=1000), maps(STAGES[1])
    exact, wrong = one_array([large, small]), one_array([large, 1.5 * small])
    assert np.linalg.norm(wrong - exact) / np.linalg.norm(exact) < 1e-3, "over all it would not show"
    assert relative_error(wrong, exact, STAGES) == pytest.approx(0.5)
    with pytest.raises(WrongOutputError, match=r"^stage 2 of the output differs from fp32 eager by 0\.5 "):
        compare(wrong, exact, 1e-2, RANDOM_WEIGHTS, STAGES)


def test_one_wrong_channel_of_many_is_seen() -> None:
    wide = (STAGES[0], Stage(64, 6, 10, 8))
    exact = maps(*wide)
    wrong = [one.copy() for one in exact]
    wrong[1][:, 5] *= 1.5
    found, expected = one_array(wrong), one_array(exact)
    assert relative_error(found, expected, wide) < 0.08
    with pytest.raises(WrongOutputError, match=r"^stage 2 .* but that of channel 5 alone by 0\.4"):
        compare(found, expected, 0.1, RANDOM_WEIGHTS, wide)


def test_another_number_of_maps_is_told() -> None:
    exact = maps(*STAGES)
    with pytest.raises(WrongOutputError, match="has shape"):
        compare(one_array(exact[:1]), one_array(exact), 0.1, RANDOM_WEIGHTS, STAGES)
