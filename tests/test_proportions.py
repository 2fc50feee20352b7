"""Intervals of shares of images: against published values, and by what they promise on simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.metrics.proportions import (
    CONFIDENCE,
    FIRST_LOOK,
    confidence_of,
    looks,
    mcnemar,
    paired_difference,
    wilson,
)

counts = st.integers(1, 5_000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count)))
tables = st.tuples(*[st.integers(0, 400)] * 4).filter(any)


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_as_published(right, count, low, high):
    assert wilson(right, count) == pytest.approx((low, high), abs=5e-5)


@given(counts)
def test_wilson_holds_the_share_and_stays_within_zero_and_one(pair):
    right, count = pair
    low, high = wilson(right, count)
    assert 0 <= low <= right / count <= high <= 1
    wider = wilson(right, count, 0.999)
    assert wider[0] <= low
    assert high <= wider[1]
    mirrored = wilson(count - right, count)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize(
    ("table", "difference", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, 2635-2650, table III, method 10.
    [
        ((36, 12, 2, 0), 0.2, 0.0569, 0.3404),
        ((20, 12, 2, 16), 0.2, 0.0562, 0.3290),
        ((0, 0, 0, 50), 0.0, -0.0713, 0.0713),
        ((30, 0, 0, 20), 0.0, -0.0541, 0.0541),
    ],
)
def test_the_paired_interval_is_as_published(table, difference, low, high):
    found = paired_difference(*table)
    assert found[0] == pytest.approx(difference)
    assert found[1:] == pytest.approx((low, high), abs=2e-2 if table[1] == 0 else 5e-4)


@given(tables)
def test_the_paired_interval_holds_the_difference_and_turns_with_it(table):
    both, first, second, neither = table
    difference, low, high = paired_difference(*table)
    assert -1 <= low <= difference + 1e-12
    assert difference - 1e-12 <= high <= 1
    other, other_low, other_high = paired_difference(both, second, first, neither)
    assert (other, other_low, other_high) == pytest.approx((-difference, -high, -low), abs=1e-9)


def test_the_paired_interval_covers():
    """Two classifiers that err together, as a way of running and fp32 do."""
    random = np.random.default_rng(5)
    shares = np.array([0.72, 0.03, 0.01, 0.24])
    truth = shares[1] - shares[2]
    drawn = random.multinomial(400, shares, size=2_000)
    ends = [paired_difference(*map(int, table)) for table in drawn]
    covered = np.mean([low <= truth <= high for _, low, high in ends])
    assert covered > CONFIDENCE - 0.015


def test_mcnemar_is_the_binomial_test():
    scipy = pytest.importorskip("scipy.stats")
    for first, second in [(0, 0), (5, 5), (12, 2), (0, 7), (40, 61)]:
        wanted = scipy.binomtest(first, first + second).pvalue if first + second else 1.0
        assert mcnemar(first, second) == pytest.approx(wanted)
    assert mcnemar(700, 600) == pytest.approx(scipy.binomtest(700, 1300).pvalue, rel=0.01)


def test_looks_double_and_share_the_risk():
    assert [looks(total) for total in (1, FIRST_LOOK, FIRST_LOOK + 1, 2 * FIRST_LOOK, 50_000)] == [1, 1, 2, 2, 9]
    assert confidence_of(200) == CONFIDENCE
    assert 1 - confidence_of(50_000) == pytest.approx((1 - CONFIDENCE) / 9)


def test_stopping_at_the_luckiest_look_keeps_the_promise():
    """Whoever stops as soon as a limit is decided is wrong no more often than once in twenty."""
    random = np.random.default_rng(7)
    total, limit, wrong, runs = 4_096, 0.75, 0, 400
    stops = [FIRST_LOOK * 2**number for number in range(looks(total))]
    for _ in range(runs):
        right = np.cumsum(random.random(total) < limit)  # exactly on the limit: every verdict would be wrong
        decided = [wilson(int(right[stop - 1]), stop, confidence_of(total)) for stop in stops]
        wrong += any(low > limit or high < limit for low, high in decided)
    assert wrong / runs <= 1 - CONFIDENCE + 0.02
