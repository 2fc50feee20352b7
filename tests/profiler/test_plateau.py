"""The end of warm-up, on simulated queries that get faster by known amounts."""

from __future__ import annotations

import numpy as np
import pytest

from selector.profiler.plateau import FEWEST, has_plateaued

REPEATS = 40
LOOKS = 5


def _excess_left(extra: float, per: float, noise: float, seed: int) -> tuple[int, float]:
    """Queries until the plateau, looked for after each five, and by how much queries are still too slow then."""
    random = np.random.default_rng(seed)
    times = (1 + extra * np.exp(-np.arange(1500) / per)) * np.exp(noise * random.standard_normal(1500))
    for count in range(LOOKS, len(times), LOOKS):
        if has_plateaued(times[:count].tolist()):
            return count, extra * float(np.exp(-count / per))
    return len(times), 0.0


@pytest.mark.parametrize(("extra", "per"), [(4.0, 3), (1.0, 10), (1.0, 30), (0.3, 30)])
@pytest.mark.parametrize("noise", [0.003, 0.03])
def test_queries_that_get_faster_are_waited_for(extra, per, noise):
    left = [_excess_left(extra, per, noise, seed)[1] for seed in range(REPEATS)]
    assert np.quantile(left, 0.9) < 0.01


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.03, 0.3])
def test_steady_queries_are_not_warmed_up_for_long(noise):
    counts = [_excess_left(0.0, 1.0, noise, seed)[0] for seed in range(REPEATS)]
    assert np.median(counts) <= 1.5 * FEWEST
    assert np.quantile(counts, 0.9) <= 8 * FEWEST


def test_a_slow_first_call_alone_does_not_prolong_it():
    assert has_plateaued([20.0, 5.0] + [0.01] * (FEWEST - 2))


def test_of_few_queries_nothing_is_said():
    assert not has_plateaued([0.01] * (FEWEST - 1))
    assert has_plateaued([0.01] * FEWEST)


def test_queries_that_get_slower_have_settled():
    assert has_plateaued([0.01 * 1.01**index for index in range(50)])
