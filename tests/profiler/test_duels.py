"""Ratios from rounds, on simulated rounds of which the truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.profiler.duels import decided, duels, ratio, unevenness
from selector.types import Duel, Interval

TRIALS = 200


def _rounds(random, rounds, queries, *, factor=1.0, drift):
    """Log-normal queries under a slowness that all share, round by round."""
    noise = random.lognormal(0, 0.05, (rounds, queries))
    spikes = np.where(random.random((rounds, queries)) < 0.03, 1.8, 1.0)
    return 0.01 * factor * noise * spikes * drift[:, None]


def _trial(seed, *, factor, rounds=16, queries=10):
    random = np.random.default_rng(seed)
    drift = np.cumprod(random.lognormal(0, 0.03, rounds))  # a machine that becomes slower and faster as a whole
    return _rounds(random, rounds, queries, factor=factor, drift=drift), _rounds(random, rounds, queries, drift=drift)


@pytest.mark.parametrize("statistic", ["mean", "p50", "p95"])
@pytest.mark.parametrize("factor", [1.0, 0.97])
def test_the_interval_holds_the_truth(statistic, factor):
    held = 0
    for seed in range(TRIALS):
        found = ratio(*_trial(seed, factor=factor), statistic, 0.95)
        held += found.low <= factor <= found.high
    assert held / TRIALS >= 0.93


def test_a_drift_that_both_share_does_not_widen_it():
    widths = []
    for seed in range(20):
        found = ratio(*_trial(seed, factor=1.0), "p50", 0.95)
        widths.append((found.high - found.low) / 2)
    # The drift alone spreads the rounds by some 10 %; medians of 160 queries with 5 % noise differ by 0.7 %.
    assert np.median(widths) < 0.02


def test_a_difference_of_three_percent_is_found():
    found = [ratio(*_trial(seed, factor=0.97, rounds=32), "p50", 0.95) for seed in range(50)]
    assert sum(one.high < 1 for one in found) >= 40


@given(st.integers(2, 12), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_turned_round_it_is_the_inverse(rounds, queries, seed):
    random = np.random.default_rng(seed)
    first, second = random.lognormal(0, 0.1, (2, rounds, queries))
    there, back = ratio(first, second, "p50", 0.95), ratio(second, first, "p50", 0.95)
    assert there.value == pytest.approx(1 / back.value)
    assert there.low <= there.value <= there.high
    assert (there.low, there.high) == pytest.approx((1 / back.high, 1 / back.low), rel=1e-6)


def test_the_same_rounds_give_the_same_interval():
    first, second = _trial(1, factor=1.0)
    assert ratio(first, second, "p95", 0.95) == ratio(first.copy(), second.copy(), "p95", 0.95)


def test_every_pair_meets_by_every_statistic_that_the_queries_support():
    random = np.random.default_rng(0)
    taken = {name: _rounds(random, 8, 10, drift=np.ones(8)) for name in "abc"}
    made = duels(taken)
    assert {(one.first, one.second) for one in made} == {("a", "b"), ("a", "c"), ("b", "c")}
    assert {one.statistic for one in made} == {"mean", "p50", "p90"}  # 80 queries are too few for p95
    assert {one.statistic for one in duels({name: np.tile(rows, 9) for name, rows in taken.items()})} == {
        *("mean", "p50", "p90", "p95", "p99")
    }


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.90, 0.95, True), (1.05, 1.10, True), (0.995, 1.004, True), (0.98, 1.03, False), (0.995, 1.02, False)],
)
def test_decided_is_apart_or_proven_alike(low, high, expected):
    assert decided(Duel("a", "b", "p50", Interval(1.0, low, high))) is expected


class TestUnevenness:
    """How much medians move from round to round beyond what their queries explain."""

    @pytest.mark.parametrize("truth", [0.0, 0.02, 0.13])
    def test_it_is_what_rounds_differ_by(self, truth):
        found = []
        for seed in range(30):
            random = np.random.default_rng(seed)
            taken = {
                name: 0.01 * factor * random.lognormal(0, 0.05, (64, 15)) * random.lognormal(0, truth, (64, 1))
                for name, factor in (("a", 1.0), ("b", 3.0))
            }
            found.append(unevenness(taken))
        assert np.mean(found) == pytest.approx(truth, abs=0.006)

    def test_one_query_a_round_is_enough_to_tell(self):
        random = np.random.default_rng(0)
        assert unevenness({"a": 5.0 * random.lognormal(0, 0.1, (200, 1))}) == pytest.approx(0.1, rel=0.15)

    def test_rounds_that_are_all_alike(self):
        assert unevenness({"a": np.full((8, 5), 0.01)}) == 0.0


def test_one_alone_has_nobody_to_meet():
    assert duels({"a": np.full((8, 5), 0.01)}) == ()
