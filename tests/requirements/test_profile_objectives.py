"""Objectives as a profile writes them: one metric, weights, steps in turn."""

from __future__ import annotations

import pytest

from selector.errors import ProfileError
from selector.requirements import parse_profile
from selector.requirements.template import render_profile

PROFILE = """name: x
workload: {task: image-classification}
device: {target: cpu, price: 3 USD/h}
traffic: 20 M/month
objective: %s
candidates: {models: ["resnet*"]}
"""


def objective(text: str):
    return parse_profile(PROFILE % text).objective


def refusal(text: str) -> str:
    with pytest.raises(ProfileError) as caught:
        parse_profile(PROFILE % text)
    return str(caught.value)


def test_weights_are_brought_to_a_sum_of_one():
    found = objective("{weights: {accuracy_top1: 5, latency_p95: 3, cost_per_million: 2}}")
    assert found.weights == pytest.approx({"accuracy_top1": 0.5, "latency_p95": 0.3, "cost_per_million": 0.2})
    assert (found.direction, found.metric) == ("maximize", "accuracy_top1")
    assert [step.metric for step in found.steps] == ["score"]
    assert found.tie_breakers == ("latency_p50", "parameters")


@pytest.mark.parametrize(
    ("steps", "within", "relative", "tolerance"),
    [
        ("{maximize: accuracy_top1, within: 0.3 points}", 0.003, False, "0.3 points"),
        ("{minimize: latency_p50, within: 2 ms}", 0.002, False, "2 ms"),
        ("{minimize: latency_p50, within: 5 %}", 0.05, True, "5 %"),
        ("{minimize: parameters, within: 3 M}", 3e6, False, "3 M"),
        ("{maximize: throughput}", 0.0, False, ""),
    ],
)
def test_steps_carry_their_tolerance(steps, within, relative, tolerance):
    (step,) = objective(f"{{lexicographic: [{steps}]}}").lexicographic
    assert (step.within, step.relative, step.tolerance) == (pytest.approx(within), relative, tolerance)


@pytest.mark.parametrize(
    "text",
    [
        "{weights: {accuracy_top1: 0.5, latency_p95: 0.5}, tie_breakers: [parameters]}",
        "{lexicographic: [{maximize: accuracy_top1, within: 0.3 points}, {minimize: cost_per_month, within: 5 %}]}",
    ],
)
def test_a_written_profile_reads_the_same(text):
    profile = parse_profile(PROFILE % text)
    again = parse_profile(render_profile(profile))
    assert again.objective == profile.objective
    assert again.traffic == pytest.approx(profile.traffic)


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("{weights: {accuracy_top1: x}}", "5:", "the weight of accuracy_top1 must be a number"),
        ("{weights: {accuracy_top1: 0}}", "5:", "must be a number above 0"),
        ("{weights: {accuracy_top1: nan}}", "5:", "must be a number above 0"),
        ("{weights: {acuracy_top1: 1}}", "5:", "did you mean 'accuracy_top1'"),
        ("{weights: [a]}", "5:", "weights must hold metrics and numbers"),
        ("{weights: {score: 1}}", "5:", "score is what the weights make"),
        ("{minimize: score}", "5:", "score needs weights"),
        ("{weights: {latency_p50: 1}, maximize: accuracy_top1}", "5:", "both maximize and weights"),
        ("{weights: {latency_p50: 1}, tie_breakers: [latency_p50]}", "5:", "which has ranked already"),
        ("{lexicographic: []}", "5:", "lexicographic must be a list of steps"),
        ("{lexicographic: [a]}", "5:", "a step must hold keys and values"),
        ("{lexicographic: [{within: 3 ms}]}", "5:", "a step says what to maximize or minimize"),
        ("{lexicographic: [{minimize: accuracy_top1}]}", "5:", 'did you mean "maximize: accuracy_top1"'),
        ("{lexicographic: [{maximize: accuracy_top1, within: 3 ms}]}", "5:", "unknown unit 'ms'"),
        ("{lexicographic: [{maximize: accuracy_top1, witin: 3}]}", "5:", "did you mean 'within'"),
        ("{lexicographic: [{maximize: gmacs}, {minimize: gmacs}]}", "5:", "gmacs is better when lower"),
        ("{lexicographic: [{minimize: gmacs}, {minimize: gmacs}]}", "5:", "names 'gmacs' again"),
    ],
)
def test_a_slip_is_told_with_its_place(text, place, told):
    message = refusal(text)
    assert f"profile:{place}" in message
    assert told in message


@pytest.mark.parametrize("metric", ["devices_needed", "cost_per_month"])
def test_traffic_is_asked_for_where_it_is_needed(metric):
    text = (PROFILE % f"{{minimize: {metric}}}").replace("traffic: 20 M/month\n", "")
    with pytest.raises(ProfileError, match="needs the traffic: write traffic"):
        parse_profile(text)
