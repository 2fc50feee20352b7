"""When timing stops, and what of a profile decides that."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import make_candidate, make_facts, make_measurement, make_observation, make_profile

from selector.metrics import PERCENTILE_SAMPLES, MetricValue, Reading, evaluate_metric
from selector.profiler import protocol
from selector.profiler.protocol import StoppingRule, Target
from selector.profiler.rule import stopping_rule, suffices
from selector.profiler.statistics import summarize
from selector.types import Interval, LatencySummary, Outcome

CAP = 10.0


def _summary(
    p50: float = 0.01, *, noise: float = 0.05, samples: int = 500, p95: float | None = None
) -> LatencySummary:
    return make_observation(p50, noise=noise, samples=samples, p95=p95).summary


def _rule(*targets: Target, cap: float = CAP) -> StoppingRule:
    return StoppingRule(targets, cap)


# --- verdicts


def test_a_narrow_interval_ends_the_timing():
    ranked = _rule(Target("p50", ranked=True))
    assert ranked.verdict(_summary(noise=0.021)) is None
    assert ranked.verdict(_summary(noise=0.019)) == "interval"


def test_every_target_must_be_settled():
    rule = _rule(Target("p50", ranked=True), Target("p95", 0.020))
    assert rule.verdict(_summary(noise=0.01, p95=0.0195)) == "interval"
    wide = dataclasses.replace(
        _summary(noise=0.01),
        percentiles={**_summary(noise=0.01).percentiles, "p95": Interval(0.019, 0.015, 0.021)},
    )
    assert rule.verdict(wide) is None


def test_a_limit_that_is_held_beyond_noise_ends_the_timing():
    rule = _rule(Target("p95", 0.050))
    assert rule.verdict(_summary(noise=0.2, p95=0.040)) == "limit"
    assert rule.verdict(_summary(noise=0.2, p95=0.045)) is None


def test_what_is_ranked_by_must_be_narrow_also_below_its_limit():
    held = _summary(noise=0.2, p95=0.040)
    assert _rule(Target("p95", 0.050, ranked=True)).verdict(held) is None
    assert _rule(Target("p95", 0.050, ranked=True)).verdict(_summary(noise=0.01, p95=0.040)) == "interval"


@pytest.mark.parametrize("ranked", [False, True])
def test_a_proven_miss_ends_the_timing_early(ranked):
    rule = _rule(Target("p50", 0.005, ranked), Target("p99", 1.0))
    missed = _summary(0.01, noise=0.05, samples=protocol.HOPELESS_QUERIES)
    assert rule.verdict(missed) == "limit"
    assert rule.verdict(dataclasses.replace(missed, samples=protocol.HOPELESS_QUERIES - 1)) is None
    undecided = dataclasses.replace(missed, percentiles={**missed.percentiles, "p50": Interval(0.006, 0.004, 0.01)})
    assert rule.verdict(undecided) is None


def test_a_miss_is_proven_by_the_lower_end_of_a_percentile_without_an_upper_one():
    slow = summarize(np.full(protocol.HOPELESS_QUERIES, 0.5))
    assert slow.percentiles["p95"].high is None
    assert _rule(Target("p95", 0.050)).verdict(slow) == "limit"
    assert _rule(Target("p95", 0.600)).verdict(slow) is None


@pytest.mark.parametrize("statistic", PERCENTILE_SAMPLES)
def test_a_percentile_settles_with_its_samples(statistic):
    needed = max(PERCENTILE_SAMPLES[statistic], protocol.MIN_QUERIES)
    rule = _rule(Target(statistic, 1.0), cap=1000.0)
    assert rule.verdict(_summary(0.05, noise=0.01, samples=needed)) is not None
    assert rule.verdict(_summary(0.05, noise=0.01, samples=needed - 1)) is None


def test_timing_lasts_a_while():
    narrow = _summary(0.0001, noise=0.001, samples=1000)
    rule = _rule(Target("p50"))
    assert narrow.seconds < protocol.MIN_SECONDS
    assert rule.verdict(narrow) is None
    assert rule.verdict(dataclasses.replace(narrow, samples=2500, seconds=protocol.MIN_SECONDS)) == "interval"


def test_the_cap_ends_it_anyway():
    wide = _summary(0.01, noise=0.5, samples=999)
    rule = _rule(Target("p50"))
    assert rule.verdict(wide) is None
    assert rule.verdict(dataclasses.replace(wide, samples=1000, seconds=CAP)) == "time_cap"
    tiny = dataclasses.replace(wide, seconds=1.0, samples=protocol.MAX_QUERIES)
    assert rule.verdict(tiny) == "time_cap"


@given(
    st.lists(st.floats(1e-4, 0.1), min_size=1, max_size=150).map(np.array),
    st.sampled_from(["mean", "p50", "p90", "p95"]),
    st.floats(1e-4, 0.2),
)
def test_limit_is_said_only_of_a_limit_that_is_decided(samples, statistic, limit):
    summary = summarize(samples)
    verdict = _rule(Target(statistic, limit), cap=1e9).verdict(summary)
    interval = summary.mean if statistic == "mean" else summary.percentiles[statistic]
    if verdict == "limit":
        missed = interval.low is not None and interval.low > limit
        held = interval.high is not None and interval.high < limit
        assert missed or held
    elif verdict == "interval":
        assert interval.high - interval.low <= 2 * protocol.NARROW * interval.value * (1 + 1e-9)
    else:
        assert verdict is None


# --- from a profile


def _targets(profile):
    return {target.statistic: (target.limit, target.ranked) for target in stopping_rule(profile).targets}


LATENCY = {"direction": "minimize", "metric": "latency_p50"}
ACCURACY = {"direction": "maximize", "metric": "accuracy_top1"}


def test_requirements_and_objective_become_targets():
    profile = make_profile(
        {"latency_p95": "< 50 ms", "memory_peak": "<= 2 GiB", "accuracy_top1": "> 80 %"},
        objective=LATENCY,
        evaluation={"candidate_time": 3.0},
    )
    assert _targets(profile) == {"p50": (None, True), "p95": (0.050, False)}
    assert stopping_rule(profile).time_cap == 3.0


def test_the_first_tie_breaker_counts_too():
    objective = {**ACCURACY, "tie_breakers": ("latency_p90", "latency_p99")}
    assert _targets(make_profile(objective=objective)) == {"p90": (None, False)}


def test_a_limit_of_what_is_ranked_by_is_kept():
    assert _targets(make_profile({"latency_p50": "< 20 ms"}, objective=LATENCY)) == {"p50": (0.020, True)}


def test_without_any_latency_the_median_is_settled():
    objective = {**ACCURACY, "tie_breakers": ("parameters",)}
    assert _targets(make_profile({"accuracy_top1": "> 80 %"}, objective=objective)) == {"p50": (None, False)}


@given(st.integers(1, 64), st.integers(1, 8), st.floats(1, 1e5))
def test_a_throughput_becomes_a_mean_time(batch_size, count, rate):
    profile = make_profile(
        {"throughput": f">= {rate!r} /s"},
        objective=LATENCY,
        workload={"batch_size": batch_size},
        device={"count": count},
    )
    limit, ranked = _targets(profile)["mean"]
    assert not ranked
    assert _metric("throughput", profile, limit) == pytest.approx(profile.requirements[0].limit)
    assert profile.requirements[0].limit == pytest.approx(rate)


@given(st.integers(1, 64), st.integers(1, 8), st.floats(0.01, 1e4), st.floats(0.01, 100))
def test_a_cost_becomes_a_mean_time(batch_size, count, cost, price):
    profile = make_profile(
        {"cost_per_million": f"<= {cost!r} USD"},
        objective=LATENCY,
        workload={"batch_size": batch_size},
        device={"count": count, "price": f"{price!r} USD/h"},
    )
    limit, _ = _targets(profile)["mean"]
    assert _metric("cost_per_million", profile, limit) == pytest.approx(cost)


def _metric(name, profile, mean):
    """The metric of a candidate whose queries take `mean` seconds."""
    facts = make_facts()
    candidate = make_candidate(facts, batch_size=profile.workload.batch_size)
    measurement = make_measurement(candidate, mean)
    result = evaluate_metric(name, Reading(candidate, facts, measurement, profile.device.price, profile.device.count))
    assert isinstance(result, MetricValue)
    return result.value


def test_the_strictest_of_limits_on_one_statistic_counts():
    profile = make_profile(
        {"throughput": ">= 100 /s", "cost_per_million": "<= 1 USD", "latency_mean": "< 8 ms"},
        objective=LATENCY,
        device={"price": "3.6 USD/h"},
    )
    # 100 images/s: 10 ms. 1 USD a million at 0.001 USD/s: 1 ms.
    assert _targets(profile)["mean"][0] == pytest.approx(0.001)


@pytest.mark.parametrize("metric", ["throughput", "cost_per_million", "latency_mean"])
def test_ranking_by_a_rate_ranks_by_the_mean(metric):
    direction = "maximize" if metric == "throughput" else "minimize"
    profile = make_profile(objective={"direction": direction, "metric": metric}, device={"price": "1 USD/h"})
    assert _targets(profile) == {"mean": (None, True)}


# --- what is stored


def _measured(summary: LatencySummary):
    return make_measurement(observation=dataclasses.replace(make_observation(), summary=summary))


def test_a_stored_sample_suffices_exactly_when_it_would_have_ended_the_timing():
    rule = _rule(Target("p95", 0.050), Target("p50", ranked=True))
    for summary in (
        _summary(noise=0.01),
        _summary(noise=0.1),
        _summary(noise=0.01, samples=40),
        _summary(0.2, noise=0.01, samples=20),
        dataclasses.replace(_summary(noise=0.1), seconds=CAP),
    ):
        assert suffices(_measured(summary), rule) is (rule.verdict(summary) is not None)


def test_more_is_measured_when_more_is_asked():
    stored = _measured(_summary(0.01, noise=0.01, samples=50))
    assert suffices(stored, _rule(Target("p50", 0.050)))
    assert not suffices(stored, _rule(Target("p95", 0.050)))
    capped = _measured(dataclasses.replace(_summary(noise=0.1), seconds=3.0))
    assert suffices(capped, _rule(Target("p50"), cap=3.0))
    assert not suffices(capped, _rule(Target("p50"), cap=6.0))


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.OK, Outcome.UNSTABLE}))
def test_a_failure_is_not_tried_again(outcome):
    assert suffices(make_measurement(outcome=outcome), _rule(Target("p50")))


def test_what_the_machine_disturbed_is_tried_again():
    assert not suffices(make_measurement(outcome=Outcome.UNSTABLE), _rule(Target("p50")))


@pytest.mark.parametrize(
    ("seconds", "limit", "ends"),
    [
        (0.003, 0.001, False),  # by far, but its 90 queries cost 0.3 s: a figure that says what to relax
        (0.040, 0.030, False),  # a near miss gets its figure
        (0.040, 0.010, True),  # by far, and 90 queries would take 3.6 s
        (0.200, 0.150, True),  # 90 queries would outlast the time cap: there will be no figure anyway
    ],
)
def test_a_miss_gets_its_figure_where_that_is_worth_it(seconds, limit, ends):
    rule = _rule(Target("p95", limit))
    missed = _summary(seconds, noise=0.05, samples=protocol.HOPELESS_QUERIES)
    assert (rule.verdict(missed) == "limit") == ends
    assert rule.verdict(_summary(seconds, noise=0.05, samples=90)) == "limit"
