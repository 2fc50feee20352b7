"""Requirements against figures: three values, and the sentences that say them."""

import dataclasses
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.evidence import make_measurement, make_planned, make_profile

from selector.metrics import METRICS, MetricValue, NotObserved
from selector.requirements import Requirement, Verdict, judge, reading_for, static_exclusion

figures = st.floats(1e-6, 1e6)
shares = st.floats(1e-6, 0.99)


@st.composite
def results(draw, values=figures):
    value = draw(values)
    low = draw(st.none() | st.floats(0, value))
    high = draw(st.none() | st.floats(value, 10 * value))
    return MetricValue(value, low, high, 0.95)


@st.composite
def cases(draw):
    """A requirement, upper or lower, and a figure."""
    metric = draw(st.sampled_from(["latency_p95", "memory_peak", "throughput", "accuracy_top1"]))
    values = shares if metric == "accuracy_top1" else figures
    signs = ["<", "<="] if METRICS.get(metric).better == "lower" else [">", ">="]
    comparison = draw(st.sampled_from(signs))
    limit = draw(values)
    requirement = Requirement(metric=metric, comparison=comparison, limit=limit, text=f"{comparison} {limit}")
    return requirement, draw(results(values) | st.just(MetricValue(limit)))


def compare(value, requirement):
    sign, limit = requirement.comparison, requirement.limit
    return {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}[sign]


def ends(result):
    if result.low is None and result.high is None:
        return result.value, result.value
    return -math.inf if result.low is None else result.low, math.inf if result.high is None else result.high


class TestJudging:
    @given(cases())
    def test_the_whole_interval_decides(self, case):
        requirement, result = case
        low, high = ends(result)
        judgement = judge(requirement, result)
        satisfied = {compare(low, requirement), compare(high, requirement)}
        expected = {
            frozenset({True}): Verdict.HOLDS,
            frozenset({False}): Verdict.FAILS,
            frozenset({True, False}): Verdict.UNDECIDED,
        }[frozenset(satisfied)]
        assert judgement.verdict is expected

    @given(cases())
    def test_what_holds_is_satisfied_by_the_figure_itself(self, case):
        requirement, result = case
        judgement = judge(requirement, result)
        if judgement.verdict is Verdict.HOLDS:
            assert compare(result.value, requirement)
            assert judgement.shortfall == 0
        if judgement.verdict is Verdict.FAILS:
            assert not compare(result.value, requirement)

    @given(cases(), st.floats(1, 10))
    def test_relaxing_never_turns_holds_into_anything_else(self, case, factor):
        requirement, result = case
        upper = requirement.comparison.startswith("<")
        relaxed = requirement.at(requirement.limit * factor if upper else requirement.limit / factor)
        order = [Verdict.FAILS, Verdict.UNDECIDED, Verdict.HOLDS]
        before, after = judge(requirement, result), judge(relaxed, result)
        assert order.index(after.verdict) >= order.index(before.verdict)
        assert after.shortfall <= before.shortfall

    @given(cases(), st.floats(0, 1))
    def test_a_narrower_interval_never_reverses_a_decision(self, case, share):
        requirement, result = case
        low, high = ends(result)
        assume(math.isfinite(low) and math.isfinite(high))
        narrow = dataclasses.replace(
            result, low=result.value - share * (result.value - low), high=result.value + share * (high - result.value)
        )
        before, after = judge(requirement, result).verdict, judge(requirement, narrow).verdict
        assert before is Verdict.UNDECIDED or after is before

    @given(cases())
    def test_the_sentence_names_limit_and_figure(self, case):
        requirement, result = case
        judgement = judge(requirement, result)
        assert requirement.text in judgement.sentence
        open_ = [words for words in ("does not clear", "too few samples") if words in judgement.sentence]
        assert len(open_) == (judgement.verdict is Verdict.UNDECIDED)
        assert ("too few samples" in open_) is judgement.open_ended

    @pytest.mark.parametrize("result", [NotObserved("not measured"), MetricValue(math.nan)])
    def test_without_a_figure_nothing_is_decided(self, result):
        judgement = judge(Requirement.parse("latency_p95", "< 50 ms"), result)
        assert judgement.verdict is Verdict.UNDECIDED
        assert judgement.shortfall is None

    def test_half_an_interval_proves_only_its_side(self):
        requirement = Requirement.parse("latency_p95", "< 50 ms")
        assert judge(requirement, MetricValue(0.04, low=0.03)).verdict is Verdict.UNDECIDED
        assert judge(requirement, MetricValue(0.04, high=0.045)).verdict is Verdict.HOLDS
        assert judge(requirement, MetricValue(0.06, low=0.055)).verdict is Verdict.FAILS

    @pytest.mark.parametrize(("text", "verdict"), [("< 50 ms", Verdict.FAILS), ("<= 50 ms", Verdict.HOLDS)])
    def test_on_the_limit_the_comparison_decides(self, text, verdict):
        judgement = judge(Requirement.parse("latency_p95", text), MetricValue(0.05))
        assert judgement.verdict is verdict
        assert judgement.shortfall == 0
        assert judgement.sentence == f"p95 50 ms, limit {text}, exactly at the limit"

    def test_a_published_figure_meets_a_limit_exactly(self):
        published = MetricValue(84.7 / 100, evidence="published")
        assert judge(Requirement.parse("accuracy_top1", ">= 84.7 %"), published).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("key", "text", "result", "sentence"),
    [
        ("latency_p95", "< 50 ms", MetricValue(0.0612), "p95 61.2 ms, limit < 50 ms, 22 % over"),
        ("latency_p95", "< 50 ms", MetricValue(0.0381), "p95 38.1 ms, limit < 50 ms, 24 % to spare"),
        ("latency_p95", "< 50 ms", MetricValue(1.2), "p95 1.2 s, limit < 50 ms, 24 times the limit"),
        ("latency_p95", "< 50 ms", MetricValue(0.050001), "p95 50.001 ms, limit < 50 ms, less than 0.1 % over"),
        ("latency_p95", "< 50 ms", MetricValue(0.0502), "p95 50.2 ms, limit < 50 ms, 0.4 % over"),
        ("latency_mean", "< 50 ms", MetricValue(0.1), "mean latency 100 ms, limit < 50 ms, 100 % over"),
        ("accuracy_top1", "> 85 %", MetricValue(0.79), "top-1 79.0 %, limit > 85 %, 6.0 points under"),
        ("accuracy_top1", "> 85 %", MetricValue(0.858), "top-1 85.8 %, limit > 85 %, 0.8 points to spare"),
        (
            "accuracy_top1@imagenet-1k",
            "> 85 %",
            MetricValue(0.84998),
            "top-1 on imagenet-1k 84.998 %, limit > 85 %, less than 0.1 points under",
        ),
        ("throughput", ">= 600 img/s", MetricValue(480), "throughput 480 img/s, limit >= 600 img/s, 20 % under"),
        ("memory_peak", "<= 1 GiB", MetricValue(2**31), "memory peak 2 GiB, limit <= 1 GiB, 100 % over"),
        (
            "latency_p95",
            "< 50 ms",
            MetricValue(0.0491, 0.0479, 0.0506, 0.95),
            "p95 49.1 ms (47.9–50.6 ms) does not clear the limit < 50 ms beyond noise",
        ),
        (
            "latency_p95",
            "< 50 ms",
            MetricValue(0.0491, 0.0479),
            "p95 49.1 ms, limit < 50 ms: too few samples to be sure, at least 47.9 ms is all they prove",
        ),
        (
            "latency_p95",
            "< 50 ms",
            NotObserved("not enough samples: 61 of the 90 that p95 needs"),
            "p95 is not known: not enough samples: 61 of the 90 that p95 needs",
        ),
    ],
)
def test_sentences(key, text, result, sentence):
    assert judge(Requirement.parse(key, text), result).sentence == sentence


def test_the_shortfall_is_in_the_base_unit():
    judgement = judge(Requirement.parse("accuracy_top1", "> 85 %"), MetricValue(0.79))
    assert judgement.shortfall == pytest.approx(0.06)
    judgement = judge(Requirement.parse("latency_p95", "< 50 ms"), MetricValue(0.051, 0.04, 0.06))
    assert (judgement.verdict, judgement.shortfall) == (Verdict.UNDECIDED, pytest.approx(0.001))


def test_a_reading_carries_price_and_count():
    profile = make_profile(device={"price": 0.001, "count": 3})
    planned = make_planned()
    measurement = make_measurement(planned.candidate)
    reading = reading_for(profile, planned, measurement)
    assert (reading.price, reading.count) == (0.001, 3)
    assert (reading.candidate, reading.facts, reading.measurement) == (planned.candidate, planned.facts, measurement)


class TestStaticExclusion:
    def test_nothing_asked_excludes_nothing(self):
        assert static_exclusion(make_profile(), make_planned(top1=None, license=None, parameters=None)) is None

    def test_a_licence_that_is_not_allowed(self):
        profile = make_profile(licenses=("mit", "apache-2.0"))
        assert static_exclusion(profile, make_planned(license="Apache-2.0")) is None
        exclusion = static_exclusion(profile, make_planned(license="cc-by-nc-4.0"))
        assert exclusion.requirement == "license"
        assert exclusion.reason == "its licence cc-by-nc-4.0 is not among mit, apache-2.0"

    def test_an_unknown_licence_counts_as_not_allowed(self):
        exclusion = static_exclusion(make_profile(licenses=("mit",)), make_planned(license=None))
        assert exclusion.requirement == "license"
        assert "not known" in exclusion.reason

    def test_a_pretraining_that_is_not_allowed(self):
        profile = make_profile(pretraining=("none", "in22k", "laion2b"))
        for allowed in (None, "in22k", "laion2b+in22k"):
            assert static_exclusion(profile, make_planned(pretraining=allowed)) is None
        exclusion = static_exclusion(profile, make_planned(pretraining="laion2b+in12k"))
        assert exclusion.requirement == "pretraining"
        assert exclusion.reason == "its pretraining on laion2b+in12k is not among none, in22k, laion2b"
        strict = make_profile(pretraining=("in22k",))
        assert "its tag names no pretraining" in static_exclusion(strict, make_planned(pretraining=None)).reason

    def test_too_few_published_weights(self):
        profile = make_profile({"weight_sets": ">= 3"})
        assert static_exclusion(profile, make_planned(weight_sets=3)) is None
        exclusion = static_exclusion(profile, make_planned(weight_sets=2))
        assert exclusion.requirement == "weight_sets"

    def test_too_many_parameters(self):
        profile = make_profile(candidates={"max_parameters": 10_000_000})
        assert static_exclusion(profile, make_planned(parameters=10_000_000)) is None
        exclusion = static_exclusion(profile, make_planned(parameters=28_600_000))
        assert exclusion.requirement == "max_parameters"
        assert exclusion.reason == "28.6 M parameters, candidates.max_parameters 10 M"

    @pytest.mark.parametrize("way", ["eager", "amp-bf16", "amp-fp16"])
    def test_published_accuracy_of_half_precision_is_that_of_fp32(self, way):
        profile = make_profile({"accuracy_top1": "> 85 %"})
        exclusion = static_exclusion(profile, make_planned(optimization=way, top1=0.79))
        assert exclusion.requirement == "accuracy_top1"
        assert exclusion.reason == "top-1 79.0 %, limit > 85 %, 6.0 points under"
        assert exclusion.judgement.verdict is Verdict.FAILS
        assert static_exclusion(profile, make_planned(optimization=way, top1=0.86)) is None

    def test_int8_and_unpublished_are_left_to_measuring(self):
        profile = make_profile({"accuracy_top1": "> 85 %"})
        assert static_exclusion(profile, make_planned(optimization="onnxruntime-int8", top1=0.79)) is None
        assert static_exclusion(profile, make_planned(top1=None)) is None

    def test_a_requirement_on_a_fact(self):
        exclusion = static_exclusion(make_profile({"parameters": "<= 10 M"}), make_planned(parameters=11_700_000))
        assert exclusion.requirement == "parameters"
        assert exclusion.reason == "parameters 11.7 M, limit <= 10 M, 17 % over"

    @pytest.mark.parametrize(
        ("way", "out"), [("eager", True), ("amp-bf16", False), ("amp-fp16", False), ("onnxruntime-int8", False)]
    )
    def test_weights_are_a_lower_bound_of_memory(self, way, out):
        profile = make_profile(device={"memory": 300 * 2**20})
        exclusion = static_exclusion(profile, make_planned(optimization=way, parameters=100_000_000))
        assert (exclusion is not None) is out
        if exclusion:
            assert exclusion.requirement == "memory_peak"
            assert exclusion.reason == "its weights alone take 381 MiB in fp32, limit <= 300 MiB"
            assert exclusion.judgement.result.evidence == "predicted"

    @given(shares, shares)
    def test_relaxing_never_excludes_more(self, one, other):
        tight, loose = max(one, other), min(one, other)
        profile = make_profile({"accuracy_top1": "> 50 %"})
        planned = make_planned(top1=0.5)
        if static_exclusion(profile.with_limit("accuracy_top1", tight), planned) is None:
            assert static_exclusion(profile.with_limit("accuracy_top1", loose), planned) is None
