"""The comparison with fp32 eager: what passes, what does not, and what is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from selector.errors import WrongOutputError
from selector.profiler.agreement import compare
from selector.types import RANDOM_WEIGHTS, Weights

REAL = Weights("a1_in1k", "0" * 64, "pretrained")
REFERENCE = np.random.default_rng(1).standard_normal((4, 10)).astype(np.float32)


def _off_by(error: float) -> np.ndarray:
    """An answer whose relative error is `error`."""
    direction = np.random.default_rng(2).standard_normal(REFERENCE.shape)
    step = direction / np.linalg.norm(direction) * np.linalg.norm(REFERENCE) * error
    return (REFERENCE + step).astype(np.float32)


def test_the_same_output_agrees():
    agreement = compare(REFERENCE.copy(), REFERENCE, 1e-3, REAL)
    assert agreement.relative_error == 0
    assert agreement.cosine == pytest.approx(1)
    assert agreement.top1 == 1
    assert (agreement.images, agreement.tolerance, agreement.weights) == (4, 1e-3, REAL)


@pytest.mark.parametrize("error", [1e-4, 1e-2, 0.1])
def test_the_error_is_relative_to_the_norm(error):
    agreement = compare(_off_by(error), REFERENCE, 1.0, REAL)
    assert agreement.relative_error == pytest.approx(error, rel=1e-3)
    scaled = compare(_off_by(error) * 1000, REFERENCE * 1000, 1.0, REAL)
    assert scaled.relative_error == pytest.approx(error, rel=1e-3)


def test_the_tolerance_is_the_border():
    assert compare(_off_by(0.0099), REFERENCE, 0.01, REAL).relative_error < 0.01
    with pytest.raises(WrongOutputError) as caught:
        compare(_off_by(0.0101), REFERENCE, 0.01, REAL)
    message = str(caught.value)
    assert "0.0101" in message
    assert "0.01 is allowed" in message
    assert "cosine 0.9999" in message
    assert "4 images" in message
    assert "agreement" in message
    assert caught.value.outcome == "wrong_output"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_wrong(value):
    answer = REFERENCE.copy()
    answer[1, 3] = value
    with pytest.raises(WrongOutputError, match="1 of 40 outputs are NaN or infinite"):
        compare(answer, REFERENCE, 1e9, REAL)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_agrees_with_a_reference_that_is_not_finite(value):
    reference = REFERENCE.copy()
    reference[0, 0] = value
    with pytest.raises(WrongOutputError), np.errstate(invalid="ignore"):
        compare(REFERENCE, reference, 0.5, REAL)


@pytest.mark.parametrize("shape", [(4, 9), (3, 10), (40,), (4, 10, 1)])
def test_another_shape_is_wrong(shape):
    answer = np.resize(REFERENCE, shape)
    with pytest.raises(WrongOutputError) as caught:
        compare(answer, REFERENCE, 1e9, REAL)
    assert str(shape) in str(caught.value)
    assert str(REFERENCE.shape) in str(caught.value)


def test_one_class_that_is_wrong_by_itself():
    """A class of a thousand that always answers too much is a tenth of the norm, within int8's tolerance."""
    reference = np.random.default_rng(3).standard_normal((4, 1000)).astype(np.float32)
    answer = reference.copy()
    answer[:, 7] += 3
    with pytest.raises(
        WrongOutputError, match=r"by 0\.0\d+ of its norm, but that of class 7 alone by \S+, at most 0\.6"
    ):
        compare(answer, reference, 0.15, REAL)


@pytest.mark.parametrize("classes", [100, 1000])
def test_rounding_that_the_tolerance_allows_is_no_wrong_class(classes):
    generator = np.random.default_rng(classes)
    for _ in range(20):
        reference = generator.standard_normal((4, classes)) * np.exp(generator.standard_normal(classes))
        error = generator.standard_normal(reference.shape)
        error *= 0.149 * np.linalg.norm(reference) / np.linalg.norm(error)
        agreement = compare((reference + error).astype(np.float32), reference.astype(np.float32), 0.15, REAL)
        assert agreement.relative_error == pytest.approx(0.149, rel=1e-3)


def test_images_in_another_order_are_wrong():
    with pytest.raises(WrongOutputError):
        compare(REFERENCE[::-1], REFERENCE, 0.1, REAL)


def test_an_answer_of_nothing_is_wrong():
    with pytest.raises(WrongOutputError, match="differs from fp32 eager by 1 of its norm"):
        compare(np.zeros_like(REFERENCE), REFERENCE, 0.5, REAL)


def test_a_reference_of_nothing_agrees_with_nothing_else():
    nothing = np.zeros_like(REFERENCE)
    assert compare(nothing, nothing, 0.1, REAL).relative_error == 0
    with pytest.raises(WrongOutputError):
        compare(REFERENCE, nothing, 0.5, REAL)


def test_classes_are_compared_on_real_weights_only():
    answer = REFERENCE.copy()
    first, second = np.argsort(answer[0])[-2:]
    answer[0, [first, second]] = answer[0, [second, first]]
    assert compare(answer, REFERENCE, 1.0, REAL).top1 == 0.75
    assert compare(answer, REFERENCE, 1.0, RANDOM_WEIGHTS).top1 is None


def test_the_worst_image_is_told():
    answer = REFERENCE.copy()
    answer[2] = -answer[2]
    assert compare(answer, REFERENCE, 10.0, REAL).cosine == pytest.approx(-1)


def _least_cosine(answer, reference):
    pairs = zip(answer.astype(float), reference.astype(float), strict=True)
    return min(
        float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other))) if one.any() and other.any() else 0.0
        for one, other in pairs
        if one.any() or other.any()
    )


def test_one_image_that_points_elsewhere_is_wrong_although_all_together_are_near():
    reference = np.repeat(REFERENCE[:1], 64, axis=0)
    answer = reference.copy()
    answer[9] = -answer[9]
    with pytest.raises(WrongOutputError, match=r"one of 64 images has another answer: cosine -1\.0"):
        compare(answer, reference, 0.3, REAL)
    assert compare(answer[:9], reference[:9], 0.3, REAL).cosine == pytest.approx(1)


@given(
    arrays.arrays(np.float32, (3, 5), elements=st.floats(-1e4, 1e4, width=32)),
    arrays.arrays(np.float32, (3, 5), elements=st.floats(-1e4, 1e4, width=32)),
    st.floats(1e-6, 1.0),
)
def test_whatever_passes_is_within_the_tolerance(answer, reference, tolerance):
    try:
        agreement = compare(answer, reference, tolerance, REAL)
    except WrongOutputError:
        gap = np.linalg.norm(answer.astype(float) - reference.astype(float))
        too_far = gap > tolerance * np.linalg.norm(reference.astype(float)) * (1 - 1e-6)
        # One image of small norm may point elsewhere while all together are near.
        assert too_far or _least_cosine(answer, reference) < 1 - 2 * tolerance**2
    else:
        assert 0 <= agreement.relative_error <= tolerance
        assert -1 - 1e-6 <= agreement.cosine <= 1 + 1e-6
        assert 0 <= agreement.top1 <= 1
