"""Verdicts on simulated truth: of those that are given, no more are wrong than their confidence allows.

Timing stops as it does for real, as soon as the interval decides the requirement: the moment at which a sample is
most likely to deceive.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from support.evidence import make_evidence, make_measurement, make_observation, make_planned, make_profile

from selector.decision import decide
from selector.profiler.harness import time_queries
from selector.profiler.rule import stopping_rule
from selector.profiler.statistics import summarize
from selector.requirements import Verdict

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LIMIT = 0.02
REPEATS = 150
WRONG = 0.05
"""What 95 % intervals allow; a wrong verdict needs the truth to lie beyond one end of two, which is rarer still."""


@pytest.fixture(scope="module")
def streams():
    """benchmarks/streams.py and the clock that plays them; benchmarks are no package."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import interval_coverage
        import streams

        yield {one.name: one for one in streams.STREAMS}, interval_coverage.simulated
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize("statistic", ["latency_p50", "latency_p95"])
@pytest.mark.parametrize("name", ["log-normal, 3 %", "autocorrelated, 0.9", "Pareto spikes, 5 %"])
def test_verdicts_come_true(streams, name, statistic):
    known, simulated = streams
    stream = known[name]
    random = np.random.default_rng(len(name))
    profile = make_profile({statistic: f"< {1000 * LIMIT:g} ms"}, evaluation={"candidate_time": 4.0})
    rule = stopping_rule(profile)
    given = dict.fromkeys(Verdict, 0)
    wrong = 0
    for number in range(REPEATS):
        # Truths lie around the limit, nearly all of them within 20 %.
        relative, levels = stream.draw(random, 2000)
        truth = LIMIT * math.exp(random.normal(0, 0.1))
        seconds = truth / stream.truth(statistic.removeprefix("latency_"), levels)
        samples, _ = time_queries(simulated(relative * seconds), rule)
        planned = make_planned(f"net{number}.x")
        observed = make_observation(summary=summarize(samples))
        decision = decide(
            profile, make_evidence([(planned, make_measurement(planned.candidate, observation=observed))])
        )
        verdict = decision.find(planned.candidate.id).judgements[statistic].verdict
        given[verdict] += 1
        wrong += verdict is not Verdict.UNDECIDED and (verdict is Verdict.HOLDS) != (truth < LIMIT)
    decided = REPEATS - given[Verdict.UNDECIDED]
    allowed = WRONG * REPEATS + 2 * math.sqrt(WRONG * REPEATS)
    assert wrong <= allowed, given
    assert min(given[Verdict.HOLDS], given[Verdict.FAILS]) > 0.05 * REPEATS, "it does not just stay undecided"
    assert decided > 0.4 * REPEATS
