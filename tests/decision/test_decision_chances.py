"""Chances of being the best: calibrated on simulated truth, and independent of what does not matter."""

from __future__ import annotations

import datetime as dt
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.evidence import ENVIRONMENT

from selector.decision.chances import CONTENDERS, chances
from selector.decision.meetings import Meetings
from selector.decision.ranking import Criterion, Entry, rank
from selector.metrics import MetricValue, NotObserved
from selector.types import Duel, Interval, RunOff

FAST = Criterion("latency_p50", "lower")
ACCURATE = Criterion("accuracy_top1", "higher")
CHEAP = Criterion("parameters", "lower")
NOWHERE = Meetings()


def noisy(value: float, sigma: float, seed: random.Random | None = None) -> MetricValue:
    """A reading of a truth, with the 95 % interval of its noise."""
    read = value if seed is None else value * math.exp(seed.gauss(0, sigma))
    return MetricValue(read, read * math.exp(-1.96 * sigma), read * math.exp(1.96 * sigma), 0.95)


def run_off(duel: Duel) -> RunOff:
    """An undisturbed one."""
    return RunOff(
        id="r",
        environment=ENVIRONMENT,
        run_id="run",
        created=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        candidates=(duel.first, duel.second),
        identities=(duel.first, duel.second),
        statistic=duel.statistic,
        rounds=8,
        queries=5,
        latencies={},
        duels=(duel,),
        disturbed_by=(),
        wall_seconds=1.0,
    )


def entry(name: str, **figures: MetricValue) -> Entry:
    return Entry(name, figures)


@pytest.mark.parametrize("spread", [0.05, 0.3])
def test_chances_come_true(spread):
    """Truths that differ by as much as the noise, or by much more: of what is told with p, a share of p is so."""
    seed = random.Random(f"calibration {spread}")
    told: list[tuple[float, bool]] = []
    for _ in range(250):
        truths = {f"net{number}": 0.01 * math.exp(seed.gauss(0, spread)) for number in range(5)}
        entries = [
            entry(name, latency_p50=noisy(truth, seed.choice((0.02, 0.05)), seed)) for name, truth in truths.items()
        ]
        best = min(truths, key=truths.__getitem__)
        found = chances(rank(entries, (FAST,)).entries, (FAST,), NOWHERE)
        told += [(chance, name == best) for name, chance in found.items()]
    for low, high in ((0.0, 0.1), (0.1, 0.35), (0.35, 0.65), (0.65, 0.9), (0.9, 1.01)):
        some = [(chance, true) for chance, true in told if low <= chance < high]
        expected = sum(chance for chance, _ in some) / len(some)
        came_true = sum(true for _, true in some) / len(some)
        error = math.sqrt(max(expected * (1 - expected), 0.01) / len(some))
        assert came_true == pytest.approx(expected, abs=3 * error + 0.05)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0.001, 0.1), st.floats(0, 0.2)), min_size=1, max_size=8), st.randoms())
def test_they_sum_to_one_in_any_order(drawn, shuffler):
    entries = [entry(f"net{number}", latency_p50=noisy(*one)) for number, one in enumerate(drawn)]
    found = chances(entries, (FAST,), NOWHERE)
    assert sum(found.values()) == pytest.approx(1)
    shuffler.shuffle(entries)
    assert chances(entries, (FAST,), NOWHERE) == found


def test_exact_figures_leave_no_doubt():
    entries = [entry("a", parameters=MetricValue(5.0)), entry("b", parameters=MetricValue(6.0))]
    assert chances(entries, (CHEAP,), NOWHERE) == {"a": pytest.approx(1), "b": 0}


def test_who_is_equal_shares():
    entries = [entry(name, parameters=MetricValue(5.0)) for name in "abcd"]
    assert list(chances(entries, (CHEAP,), NOWHERE).values()) == [pytest.approx(0.25)] * 4


def test_a_run_off_tells_more_than_two_intervals():
    """Both were disturbed alike: the intervals overlap widely, the ratio is clear."""
    entries = [
        Entry("a", {"latency_p50": noisy(0.0100, 0.2)}, "identity-a"),
        Entry("b", {"latency_p50": noisy(0.0102, 0.2)}, "identity-b"),
    ]
    duel = Duel("identity-a", "identity-b", "p50", Interval(0.95, 0.93, 0.97))
    assert chances(entries, (FAST,), NOWHERE)["a"] < 0.6
    assert chances(entries, (FAST,), Meetings([run_off(duel)]))["a"] > 0.99


def test_the_same_reading_twice_is_even_and_a_clear_one_is_not():
    same = chances([entry(name, latency_p50=noisy(0.01, 0.05)) for name in "ab"], (FAST,), NOWHERE)
    assert same["a"] == pytest.approx(0.5, abs=0.05)
    apart = [entry("a", latency_p50=noisy(0.01, 0.02)), entry("b", latency_p50=noisy(0.012, 0.02))]
    assert chances(apart, (FAST,), NOWHERE)["a"] > 0.999


def test_a_tolerance_leaves_the_choice_to_the_next_step():
    within = Criterion("accuracy_top1", "higher", within=0.003)
    entries = [
        entry("exact", accuracy_top1=MetricValue(0.82), latency_p50=noisy(0.02, 0.02)),
        entry("fast", accuracy_top1=MetricValue(0.818), latency_p50=noisy(0.01, 0.02)),
        entry("far", accuracy_top1=MetricValue(0.80), latency_p50=noisy(0.001, 0.02)),
    ]
    assert chances(entries, (within, FAST), NOWHERE)["fast"] > 0.999
    assert chances(entries, (ACCURATE, FAST), NOWHERE)["exact"] == pytest.approx(1)


def test_what_is_missing_never_wins():
    entries = [
        Entry("a", {"latency_p50": NotObserved("no"), "parameters": MetricValue(1.0)}),
        Entry("b", {"latency_p50": noisy(0.01, 0.05), "parameters": MetricValue(2.0)}),
    ]
    assert chances(entries, (FAST, CHEAP), NOWHERE)["b"] == pytest.approx(1)


def test_only_the_head_of_a_long_ranking_is_drawn():
    entries = [entry(f"net{number:03}", parameters=MetricValue(float(number))) for number in range(3 * CONTENDERS)]
    assert len(chances(entries, (CHEAP,), NOWHERE)) == CONTENDERS
