from __future__ import annotations

import pytest
from hypothesis import event, given
from support.drawn import evidences, profiles
from support.evidence import RANDOM_WEIGHTS, make_evidence, make_measurement, make_planned, make_profile

from selector.decision import Status, decide
from selector.decision.relaxing import far_end, rounded_limit
from selector.metrics import MetricValue
from selector.requirements import Requirement, judge


def measured(name="a.x", way="eager", p50=0.01, *, top1=0.8, **changes):
    facts = {key: changes.pop(key) for key in ("license", "parameters") if key in changes}
    planned = make_planned(name, way, top1=top1, **facts)
    return planned, make_measurement(planned.candidate, p50, **changes)


@given(profiles(), evidences())
def test_a_relaxation_is_true_when_decided_again(profile, evidence):
    for miss in decide(profile, evidence).nearest_misses:
        relaxed = profile
        for key, limit in miss.limits.items():
            relaxed = relaxed.with_limit(key, limit)
            assert relaxed.requirement(key).text in miss.relaxation
            assert profile.requirement(key).text in miss.relaxation
        again = decide(relaxed, evidence).find(miss.assessment.id)
        expected = Status.NOT_MEASURED if miss.assessment.measurement is None else Status.RANKED
        event(expected.value)
        assert again.status is expected


@given(profiles(), evidences())
def test_each_limit_of_a_relaxation_is_needed_and_near(profile, evidence):
    for miss in decide(profile, evidence).nearest_misses:
        for judgement in miss.judgements:
            key, end = judgement.requirement.key, far_end(judgement)
            assert miss.limits[key] == pytest.approx(end, rel=0.011)
            without = profile
            for other, limit in miss.limits.items():
                without = without if other == key else without.with_limit(other, limit)
            assert decide(without, evidence).find(miss.assessment.id).status is not Status.RANKED


@given(profiles(), evidences())
def test_measured_misses_come_first_then_the_cheapest_and_cost_what_limits_give(profile, evidence):
    misses = decide(profile, evidence).nearest_misses
    order = [(miss.assessment.measurement is None, miss.cost) for miss in misses]
    assert order == sorted(order)
    for miss in misses:
        given = sum(abs(far_end(one) - one.requirement.limit) / one.requirement.limit for one in miss.judgements)
        assert miss.cost == pytest.approx(given)


def test_the_limit_moves_to_the_end_of_the_interval_not_to_the_value():
    profile = make_profile({"latency_p95": "< 50 ms"})
    evidence = make_evidence([measured(p50=0.046, p95=0.0505, noise=0.02)])
    (miss,) = decide(profile, evidence).nearest_misses
    assert miss.relaxation == "relax latency_p95 from < 50 ms to < 51.6 ms"
    assert miss.limits == {"latency_p95": pytest.approx(0.0516)}
    assert miss.cost == pytest.approx(0.0302)


def test_an_undecided_candidate_is_a_miss_that_noise_alone_keeps_out():
    profile = make_profile({"latency_p95": "< 50 ms"})
    decision = decide(profile, make_evidence([measured(p50=0.045, p95=0.0495, noise=0.02)]))
    assert [one.id for one in decision.undecided] == ["a.x@eager"]
    assert decision.nearest_misses[0].relaxation == "relax latency_p95 from < 50 ms to < 50.5 ms"


def test_an_unmeasured_model_below_the_accuracy_is_a_miss_that_remains_to_be_measured():
    profile = make_profile({"accuracy_top1": "> 85 %"})
    rows = [make_planned("a.x", way, top1=0.8449) for way in ("eager", "compile")]
    misses = decide(profile, make_evidence(rows)).nearest_misses
    assert [miss.assessment.id for miss in misses] == ["a.x@compile"]
    assert misses[0].relaxation == (
        "relax accuracy_top1 from > 85 % to > 84.4 %, then measure it (unmeasured so far, only its published top-1 "
        "is known)"
    )


def test_a_measured_miss_comes_before_a_nearer_one_that_nobody_has_measured():
    profile = make_profile({"latency_p95": "< 5 ms", "accuracy_top1": "> 80 %"})
    rows = [make_planned("near.x", top1=0.7999), measured("far.x", p50=0.05, noise=0, top1=0.9)]
    first, second = decide(profile, make_evidence(rows)).nearest_misses
    assert (first.assessment.id, second.assessment.id) == ("far.x@eager", "near.x@eager")
    assert first.cost > second.cost
    assert "unmeasured" in second.relaxation
    assert "unmeasured" not in first.relaxation


def test_a_model_stands_among_the_misses_by_a_way_that_can_run():
    rows = [make_planned("a.x", "compile", top1=0.8, unavailable="no compiler"), make_planned("a.x", top1=0.8)]
    misses = decide(make_profile({"accuracy_top1": "> 85 %"}), make_evidence(rows)).nearest_misses
    assert [miss.assessment.id for miss in misses] == ["a.x@eager"]


def test_several_requirements_are_relaxed_together():
    profile = make_profile({"latency_p95": "< 10 ms", "accuracy_top1": "> 85 %"})
    (miss,) = decide(profile, make_evidence([measured(p50=0.02, noise=0, top1=0.8)])).nearest_misses
    assert miss.relaxation == "relax latency_p95 from < 10 ms to < 22.1 ms and accuracy_top1 from > 85 % to > 79.9 %"


def test_nearest_means_the_smallest_sum_of_relative_overshoots():
    profile = make_profile({"latency_p95": "< 10 ms", "accuracy_top1": "> 80 %"})
    rows = [
        measured("far.x", p50=0.02, noise=0, top1=0.9),
        measured("near.x", p50=0.01, noise=0, top1=0.9),
        measured("both.x", p50=0.01, noise=0, top1=0.7),
    ]
    misses = decide(profile, make_evidence(rows)).nearest_misses
    assert [miss.assessment.id for miss in misses] == ["near.x@eager", "both.x@eager", "far.x@eager"]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(measured(license="gpl"), id="licence"),
        pytest.param(measured(parameters=99_000_000), id="parameters"),
        pytest.param(measured(outcome="crashed", message="signal 9"), id="failed"),
        pytest.param(measured(way="amp-bf16", weights=RANDOM_WEIGHTS), id="accuracy not observed"),
        pytest.param(measured(samples=50, p50=0.001), id="too few samples"),
        pytest.param((make_planned("a.x", top1=0.8, unavailable="needs CUDA"), None), id="unavailable"),
        pytest.param((make_planned("a.x", top1=0.99, parameters=20_000_000), None), id="weights alone too large"),
    ],
)
def test_what_no_limit_can_mend_is_not_offered(row):
    profile = make_profile(
        {"latency_p95": "< 5 ms", "accuracy_top1": "> 85 %", "memory_peak": "<= 64 MiB"},
        licenses=("apache-2.0",),
        candidates={"max_parameters": 50_000_000},
    )
    decision = decide(profile, make_evidence([row]))
    assert decision.winner is None
    assert decision.nearest_misses == ()


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("< 50 ms", 0.0513, 0.0514),
        ("<= 50 ms", 0.0513, 0.0513),
        ("< 50 ms", 61.0, 62.0),
        ("< 50 ms", 3700.0, 3720.0),
    ],
)
def test_limits_are_rounded_outwards_to_what_people_write(text, value, expected):
    judgement = judge(Requirement.parse("latency_p95", text), MetricValue(value))
    assert rounded_limit(judgement) == pytest.approx(expected)


def test_memory_is_rounded_in_the_unit_that_is_shown():
    judgement = judge(Requirement.parse("memory_peak", "< 2 GiB"), MetricValue(2.9341 * 2**30))
    limit = rounded_limit(judgement)
    assert judgement.requirement.at(limit).text in ("< 2.94 GiB",)
    assert limit == 2.94 * 2**30
