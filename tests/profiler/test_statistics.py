"""Percentiles, means and their intervals: what they promise, on streams whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from selector.profiler.intervals import half_width, statistic
from selector.profiler.statistics import (
    CONFIDENCE,
    PERCENTILES,
    decode,
    encode,
    mean_interval,
    percentile_interval,
    summarize,
)
from selector.types import Interval

seconds = st.floats(1e-7, 1e3)
streams = st.lists(seconds, min_size=1, max_size=400).map(np.array)
shares = st.sampled_from(list(PERCENTILES.values()))
REPEATS = 1000


# --- storing


@given(st.lists(st.floats(allow_nan=False)))
def test_samples_come_back_exactly(samples):
    assert decode(encode(samples)).tolist() == samples
    assert len(encode(samples)) == 8 * len(samples)


def test_samples_are_stored_little_endian():
    assert encode([1.0]) == bytes.fromhex("000000000000f03f")


# --- percentiles


@given(streams, shares)
def test_an_interval_holds_its_percentile_and_lies_within_the_samples(samples, share):
    interval = percentile_interval(np.sort(samples), share)
    assert interval.value in samples
    assert interval.low is None or (interval.low <= interval.value and interval.low in samples)
    assert interval.high is None or (interval.high >= interval.value and interval.high in samples)


@given(streams, shares)
def test_a_percentile_is_the_nearest_rank(samples, share):
    value = percentile_interval(np.sort(samples), share).value
    assert np.mean(samples <= value) >= share - 1e-12
    assert np.mean(samples < value) < share


@given(st.lists(seconds, min_size=1, max_size=100).flatmap(lambda one: st.tuples(st.just(one), st.permutations(one))))
def test_percentiles_do_not_depend_on_the_order_of_queries(pair):
    one, other = (summarize(np.array(samples)) for samples in pair)
    # Their intervals do: whether neighbours resemble each other says how many queries are independent.
    values = [[interval.value for interval in summary.percentiles.values()] for summary in (one, other)]
    assert values[0] == values[1]
    assert one.mean.value == pytest.approx(other.mean.value)


@given(streams, st.floats(0.01, 100))
def test_percentiles_scale_with_the_unit(samples, factor):
    one, other = (summarize(times).percentiles["p90"] for times in (samples, samples * factor))
    for end in ("value", "low", "high"):
        assert (getattr(one, end) is None) == (getattr(other, end) is None)
        assert getattr(one, end) is None or getattr(other, end) == pytest.approx(getattr(one, end) * factor)


@given(streams)
def test_higher_percentiles_are_not_lower(samples):
    found = summarize(samples).percentiles
    values = [found[name].value for name in ("p50", "p90", "p95", "p99")]
    assert values == sorted(values)


@pytest.mark.parametrize("share", PERCENTILES.values())
def test_the_ranks_are_those_of_the_binomial_distribution(share):
    """The definition, counted out: P(X(k) > q) = P(B <= k - 1) for B binomial."""
    tail = (1 - CONFIDENCE) / 2
    for count in (1, 5, 6, 20, 36, 72, 90, 368, 500):
        ordered = np.arange(1.0, count + 1)  # the k-th smallest sample is k
        interval = percentile_interval(ordered, share)
        ranks = range(1, count + 1)
        lows = [rank for rank in ranks if stats.binom.cdf(rank - 1, count, share) <= tail]
        highs = [rank for rank in ranks if stats.binom.cdf(rank - 1, count, share) >= 1 - tail]
        assert interval.low == (lows[-1] if lows else None)
        assert interval.high == (highs[0] if highs else None)


@pytest.mark.parametrize(("name", "needed"), [("p50", 6), ("p90", 36), ("p95", 72), ("p99", 368)])
def test_too_few_samples_have_no_upper_end(name, needed):
    """All n samples are below the quantile with probability q**n, which must be below 2.5 %."""
    share = PERCENTILES[name]
    assert percentile_interval(np.arange(1.0, needed), share).high is None
    assert percentile_interval(np.arange(1.0, needed + 1), share).high == needed
    # As many of which each four are worth one independent query are too few as well.
    # Enough of them, but few independent ones: an end beyond all that was seen, as far as that lies from the median.
    many = np.arange(1.0, 2 * needed)
    resembling = percentile_interval(many, share, per_independent=4.0 * needed)
    assert resembling.high == pytest.approx(many[-1] + (many[-1] - np.median(many)))


@pytest.mark.parametrize("name", ["p50", "p90", "p95"])
@pytest.mark.parametrize("count", [40, 100, 500])
@pytest.mark.parametrize("kind", ["lognormal", "two speeds"])
def test_intervals_of_percentiles_cover_the_truth(name, count, kind):
    random = np.random.default_rng(20240101 + count)
    share = PERCENTILES[name]
    if kind == "lognormal":
        draws = random.lognormal(-5, 0.5, (REPEATS, count))
        truth = math.exp(-5 + 0.5 * stats.norm.ppf(share))
    else:  # a tenth of a percent of ties, and queries of two kinds: uniform around 10 ms or 30 ms
        slow = random.random((REPEATS, count)) < 0.3
        draws = np.where(slow, 0.03, 0.01) + random.uniform(0, 0.001, (REPEATS, count))
        truth = 0.01 + 0.001 * share / 0.7 if share < 0.7 else 0.03 + 0.001 * (share - 0.7) / 0.3
    covered = 0
    for samples in np.sort(draws, axis=1):
        interval = percentile_interval(samples, share)
        below = interval.low is None or interval.low <= truth
        covered += below and (interval.high is None or truth <= interval.high)
    # At least 95 %, within three standard errors; order statistics are discrete, so it may be more, but not all.
    assert 0.95 - 3 * math.sqrt(0.95 * 0.05 / REPEATS) <= covered / REPEATS < 0.999


# --- means


@given(streams)
def test_a_mean_lies_within_its_interval(samples):
    interval = mean_interval(samples)
    assert interval.value == pytest.approx(samples.mean())
    assert (interval.low is None) == (interval.high is None) == (len(samples) < 5)
    if interval.low is not None:
        assert 0 <= interval.low <= interval.value <= interval.high
        if samples.min() == samples.max():
            assert interval.high - interval.low <= 1e-9 * interval.value


@pytest.mark.parametrize("count", [10, 30, 100])
def test_the_interval_of_a_mean_covers_it_also_with_few_samples(count):
    random = np.random.default_rng(count)
    truth = math.exp(0.3**2 / 2)
    covered = 0
    for _ in range(REPEATS):
        interval = mean_interval(random.lognormal(0, 0.3, count))
        covered += interval.low <= truth <= interval.high
    assert covered / REPEATS >= 0.91


def test_the_same_samples_always_give_the_same_interval():
    samples = np.random.default_rng(1).lognormal(-5, 0.3, 200)
    np.random.default_rng().random()
    assert mean_interval(samples) == mean_interval(samples.copy())


def test_a_constant_stream_has_a_mean_without_width():
    interval = mean_interval(np.full(100, 0.25))
    assert (interval.low, interval.value, interval.high) == pytest.approx((0.25, 0.25, 0.25))


@pytest.mark.parametrize("count", [30, 300, 3000])
def test_a_mean_allows_for_slow_queries_that_were_not_seen(count):
    """Rule of three: some of 3.7 / n of the queries, each 30 % slower, may not have shown."""
    interval = mean_interval(np.tile([0.25, 0.250001], count // 2))
    assert interval.high / 0.25 - 1 == pytest.approx(1.11 / count * (1 + 110 / count), rel=0.01)


def test_so_few_queries_cannot_rule_out_that_they_resemble_each_other():
    random = np.random.default_rng(1)
    half = [half_width(mean_interval(1 + 0.03 * random.standard_normal(count))) for count in (30, 3000)]
    assert half[0] > 2 * half[1] * math.sqrt(3000 / 30)


def _coverage(draw, truth, repeats=300):
    intervals = (mean_interval(draw()) for _ in range(repeats))
    return sum(interval.low <= truth <= interval.high for interval in intervals) / repeats


def test_intervals_of_means_cover_the_truth():
    random = np.random.default_rng(7)
    assert _coverage(lambda: random.lognormal(0, 0.3, 200), math.exp(0.045)) > 0.88


def test_queries_that_resemble_their_neighbours_widen_the_interval():
    """Where each query is like the one before, an interval as of independent queries covers two thirds."""
    random = np.random.default_rng(8)

    def stream():
        noise = random.standard_normal(650)
        state = np.zeros(650)
        for index in range(1, 650):
            state[index] = 0.6 * state[index - 1] + noise[index]
        return 100 + state[50:]

    def naive(samples):
        width = 1.96 * samples.std() / math.sqrt(len(samples))
        return abs(samples.mean() - 100) <= width

    assert sum(naive(stream()) for _ in range(300)) / 300 < 0.75
    assert _coverage(stream, 100) > 0.82


# --- the sketch


def test_a_sketch_says_what_the_samples_say():
    samples = np.array([0.01] * 95 + [0.05] * 5)
    summary = summarize(samples)
    assert summary.samples == 100
    assert summary.seconds == pytest.approx(1.2)
    assert summary.mean.value == pytest.approx(0.012)
    assert {name: interval.value for name, interval in summary.percentiles.items()} == {
        "p50": 0.01,
        "p90": 0.01,
        "p95": 0.01,
        "p99": 0.05,
    }
    assert summary.confidence == CONFIDENCE == 0.95
    assert statistic(summary, "mean") is summary.mean
    assert statistic(summary, "p95") is summary.percentiles["p95"]


def test_one_sample_is_a_sketch_too():
    summary = summarize(np.array([0.2]))
    assert summary.mean == Interval(0.2)
    assert summary.percentiles["p99"].value == 0.2
    assert summary.percentiles["p99"].high is None


@given(st.floats(1e-6, 1e3), st.floats(0, 1), st.floats(0, 1))
def test_a_half_width_is_relative(value, below, above):
    interval = Interval(value, value * (1 - below), value * (1 + above))
    assert half_width(interval) == pytest.approx((below + above) / 2, abs=1e-9)


@pytest.mark.parametrize(
    "interval", [Interval(1.0), Interval(1.0, 0.9), Interval(1.0, None, 1.1), Interval(0.0, 0.0, 0.0)]
)
def test_a_half_width_that_nobody_knows_is_infinite(interval):
    assert half_width(interval) == math.inf
