"""Metrics: one contract over all of them, and the formulas."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import (
    RANDOM_WEIGHTS,
    make_agreement,
    make_candidate,
    make_evidence,
    make_facts,
    make_measurement,
    make_observation,
    make_planned,
    make_profile,
)

from selector.decision import decide
from selector.errors import PluginError, UnknownNameError
from selector.metrics import (
    METRICS,
    PERCENTILE_SAMPLES,
    MetricValue,
    NotObserved,
    Reading,
    Terms,
    evaluate_metric,
    label,
    metric,
)
from selector.metrics.proportions import paired_difference, wilson
from selector.reports import content
from selector.types import Examined, Interval, LatencySummary, Outcome, PublishedFigure, Weights

UNITS = {"time": "s", "memory": "B", "energy": "J", "fraction": "1", "money": "USD", "rate": "1/s", "count": "1"}
CONTRACT = (
    *("latency_mean", "latency_p50", "latency_p90", "latency_p95", "latency_p99", "throughput", "memory_peak"),
    *("accuracy_top1", "accuracy_top5", "agreement_top1", "energy_per_image", "cost_per_million", "build_time"),
    *("cold_start", "artifact_size", "parameters", "gmacs", "cost_per_month", "devices_needed"),
)
EXAMINED = Examined(200, 300, right=152, among_five=190, compared=200, both=148, lost=7, won=4, same=185)
LATENCIES = tuple(name for name in CONTRACT if name.startswith("latency_"))

every_metric = pytest.mark.parametrize("name", METRICS.names())
seconds = st.floats(1e-6, 1e3)
counts = st.integers(1, 1024)


def _facts(**changes: Any) -> Any:
    figure = PublishedFigure("imagenet-1k", (224, 224), 0.715, 0.9, "timm's results, 2025-01")
    return make_facts(published=(figure,), **changes)


def _reading(optimization: str = "eager", *, price: float | None = 0.00085, **observed: Any) -> Reading:
    """A reading from which every metric can be had."""
    facts = _facts()
    candidate = make_candidate(facts, optimization)
    measurement = make_measurement(candidate, **{"energy_joules": 12.0, **observed})
    weights = {"accuracy_top1": 0.5, "latency_p50": 0.5}
    return Reading(
        candidate,
        facts,
        measurement,
        price=price,
        traffic=500.0,
        weights=weights,
        test_set="photographs",
        examined=EXAMINED,
    )


def _summary(mean: Interval, samples: int = 100) -> LatencySummary:
    return LatencySummary(samples, samples * mean.value, mean, {"p50": mean}, 0.95)


def _timed(
    mean: Interval, *, batch_size: int = 1, price: float | None = None, count: int = 1, **observed: Any
) -> Reading:
    facts = make_facts()
    candidate = make_candidate(facts, batch_size=batch_size)
    observation = dataclasses.replace(make_observation(**observed), summary=_summary(mean))
    return Reading(candidate, facts, make_measurement(candidate, observation=observation), price=price, count=count)


def _value(name: str, reading: Reading) -> MetricValue:
    result = evaluate_metric(name, reading)
    assert isinstance(result, MetricValue), result
    return result


def _gap(name: str, reading: Reading) -> NotObserved:
    result = evaluate_metric(name, reading)
    assert isinstance(result, NotObserved), result
    return result


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    """A positive figure, with both ends, one, or none."""
    low, value, high = sorted(draw(st.tuples(seconds, seconds, seconds)))
    return Interval(value, draw(st.sampled_from((low, None))), draw(st.sampled_from((high, None))))


# --- every metric


def test_the_metrics_of_the_contract_are_served():
    assert set(CONTRACT) <= set(METRICS.names())


@every_metric
def test_a_metric_is_described(name):
    entry = METRICS.get(name)
    assert entry.name == name
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
    assert entry.unit == UNITS[entry.kind]
    assert entry.better in ("lower", "higher")
    assert entry.description[0].isupper()
    assert not entry.description.endswith(".")
    assert entry.label
    assert "_" not in entry.label + entry.heading


@every_metric
def test_a_metric_is_a_figure_where_everything_was_observed(name):
    result = _value(name, _reading())
    assert math.isfinite(result.value)
    assert result.value >= 0
    assert result.low is None or result.low <= result.value
    assert result.high is None or result.high >= result.value
    assert (result.confidence is None) == (result.low is None and result.high is None)
    assert result.evidence == ("published" if METRICS.get(name).static else "measured")
    assert result.source


@every_metric
@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.OK])
def test_a_failure_has_no_figure(name, outcome):
    reading = _reading()
    failed = dataclasses.replace(reading, measurement=make_measurement(reading.candidate, outcome=outcome))
    if METRICS.get(name).static:
        assert evaluate_metric(name, failed) == evaluate_metric(name, reading)
    else:
        assert outcome.value in _gap(name, failed).reason


@every_metric
def test_without_a_measurement_only_static_figures_are_known(name):
    reading = dataclasses.replace(_reading(), measurement=None)
    if METRICS.get(name).static:
        _value(name, reading)
    else:
        assert "not measured" in _gap(name, reading).reason


@every_metric
@pytest.mark.parametrize("optimization", ["eager", "amp-bf16", "onnxruntime-int8"])
@pytest.mark.parametrize("samples", [1, 6, 10**6])
def test_a_reading_with_gaps_raises_nothing(name, optimization, samples):
    reading = _reading(
        optimization,
        price=None,
        samples=samples,
        memory={},
        artifact_bytes=None,
        agreement=None,
        energy_joules=None,
    )
    observation = reading.measurement.observation
    bare = dataclasses.replace(observation.summary, percentiles={}, mean=Interval(0.01))
    bare_facts = dataclasses.replace(
        reading.facts, parameters=None, weight_sets=None, gmacs=None, license=None, published=()
    )
    without = dataclasses.replace(
        reading,
        facts=bare_facts,
        examined=None,
        measurement=dataclasses.replace(
            reading.measurement, observation=dataclasses.replace(observation, summary=bare)
        ),
    )
    result = evaluate_metric(name, without)
    if name in ("throughput", "latency_mean", "build_time", "cold_start", "devices_needed"):
        assert isinstance(result, MetricValue)
        assert (result.low, result.high) == (None, None)
    else:
        assert isinstance(result, NotObserved)
        assert result.reason
        assert not result.reason.endswith(".")


def test_an_unknown_metric_gets_a_near_name():
    with pytest.raises(UnknownNameError, match="did you mean 'latency_p95'"):
        evaluate_metric("latncy_p95", _reading())


def test_a_metric_is_one_decorated_function(monkeypatch):
    monkeypatch.setattr(METRICS, "_entries", dict(METRICS))

    @metric("switches", unit="1", kind="count", better="lower", description="Involuntary context switches")
    def switches(reading: Reading) -> MetricValue:
        return MetricValue(7.0)

    assert evaluate_metric("switches", _reading()) == MetricValue(7.0)
    with pytest.raises(PluginError, match="metric 'throughput' is registered twice"):
        metric("throughput", unit="1/s", kind="rate", better="higher", description="Again")(switches)


def test_what_people_call_a_metric_stands_at_the_metric(monkeypatch):
    assert label("latency_p95") == "p95"
    assert label("accuracy_top1@imagenet-r") == "top-1 on imagenet-r"
    monkeypatch.setattr(METRICS, "_entries", dict(METRICS))
    metric("switches_total", unit="1", kind="count", better="lower", description="Switches")(
        lambda _: MetricValue(7.0)
    )
    metric(
        "jitter", unit="s", kind="time", better="lower", description="Spread", label="spread of p95", heading="spread"
    )(lambda _: MetricValue(7.0))
    assert (label("switches_total"), METRICS.get("switches_total").heading) == ("switches total", "switches total")
    profile = make_profile({"jitter": "< 1 s"})
    evidence = make_evidence([(planned := make_planned(), make_measurement(planned.candidate))])
    decision = decide(profile, evidence)
    assert "spread of p95 7 s, limit < 1 s" in decision.rejected[0].reasons[0]
    columns = {one.key: one.title for one in content.ranking_table(decision, decision.rejected).columns}
    assert columns["jitter"] == "spread"


# --- latencies


@pytest.mark.parametrize(("percentile", "share"), [("p90", 0.90), ("p95", 0.95), ("p99", 0.99)])
def test_the_samples_that_a_percentile_needs(percentile, share):
    needed = PERCENTILE_SAMPLES[percentile]
    assert 1 - share**needed >= 0.99 > 1 - share ** (needed - 1)


def test_the_samples_that_a_median_needs():
    # The range of n samples holds the median with probability 1 - 2 * 0.5**n.
    assert 1 - 2 * 0.5 ** (PERCENTILE_SAMPLES["p50"] - 1) >= 0.95 > 1 - 2 * 0.5 ** (PERCENTILE_SAMPLES["p50"] - 2)


@pytest.mark.parametrize("percentile", PERCENTILE_SAMPLES)
def test_a_percentile_needs_its_samples(percentile):
    needed = PERCENTILE_SAMPLES[percentile]
    enough = _value(f"latency_{percentile}", _reading(samples=needed))
    assert enough.samples == needed
    gap = _gap(f"latency_{percentile}", _reading(samples=needed - 1))
    assert f"{needed - 1} of the {needed} that {percentile} needs" in gap.reason
    # What is proven all the same: a limit below the interval's lower end is missed for certain.
    assert gap.low == enough.low


def test_a_mean_needs_one_sample():
    assert _value("latency_mean", _reading(samples=1)).value == pytest.approx(0.01)


def test_latencies_are_those_of_the_summary():
    reading = _reading(p50=0.02, p95=0.05)
    summary = reading.measurement.observation.summary
    for name in LATENCIES:
        statistic = name.removeprefix("latency_")
        expected = summary.mean if statistic == "mean" else summary.percentiles[statistic]
        result = _value(name, reading)
        assert (result.value, result.low, result.high) == (expected.value, expected.low, expected.high)
        assert (result.confidence, result.samples) == (0.95, 500)


def test_offline_has_throughput_and_no_latency():
    reading = _reading()
    offline = dataclasses.replace(reading, candidate=dataclasses.replace(reading.candidate, scenario="offline"))
    for name in LATENCIES:
        assert "offline" in _gap(name, offline).reason
    assert _value("throughput", offline).value == pytest.approx(100)


# --- rates and prices


@given(intervals(), counts, counts)
def test_throughput_times_mean_is_the_images_of_all_devices(mean, batch_size, count):
    rate = _value("throughput", _timed(mean, batch_size=batch_size, count=count))
    assert rate.value * mean.value == pytest.approx(batch_size * count)
    # A long query is a low rate: the ends change places, and a missing one stays missing on the other side.
    if mean.high is None:
        assert rate.low is None
    else:
        assert rate.low * mean.high == pytest.approx(batch_size * count)
        assert rate.low <= rate.value
    if mean.low is None:
        assert rate.high is None
    else:
        assert rate.high * mean.low == pytest.approx(batch_size * count)
        assert rate.high >= rate.value


@given(intervals(), counts, st.floats(1e-7, 1.0), counts)
def test_the_cost_of_a_million_images(mean, batch_size, price, count):
    reading = _timed(mean, batch_size=batch_size, price=price, count=count)
    cost = _value("cost_per_million", reading)
    images_per_second = batch_size / mean.value
    assert cost.value == pytest.approx(1e6 / images_per_second * price)
    # All devices together cost `count` times as much and do `count` times as much.
    assert cost.value == pytest.approx(1e6 * price * count / _value("throughput", reading).value)
    for end in ("low", "high"):
        seconds_end, cost_end = getattr(mean, end), getattr(cost, end)
        assert (cost_end is None) is (seconds_end is None)
        assert cost_end is None or cost_end == pytest.approx(1e6 * price * seconds_end / batch_size)


def test_a_price_that_is_known_to_people():
    # 3.06 USD an hour at 1,000 images a second: 1,000 seconds, 0.85 USD.
    cost = _value("cost_per_million", _timed(Interval(0.032), batch_size=32, price=3.06 / 3600))
    assert cost.value == pytest.approx(0.85)


def test_without_a_price_there_is_no_cost():
    assert "device.price" in _gap("cost_per_million", _reading(price=None)).reason


@given(st.floats(0, 1e6), counts, st.integers(1, 10_000))
def test_energy_is_shared_by_all_images(joules, batch_size, samples):
    facts = make_facts()
    candidate = make_candidate(facts, batch_size=batch_size)
    measurement = make_measurement(candidate, samples=samples, energy_joules=joules)
    energy = _value("energy_per_image", Reading(candidate, facts, measurement))
    assert energy.value * batch_size * samples == pytest.approx(joules)


def test_no_energy_without_a_counter():
    assert "no energy counter" in _gap("energy_per_image", _reading(energy_joules=None)).reason


# --- single readings


def test_cold_start_is_loading_and_the_first_answer():
    assert _value("cold_start", _reading(load_seconds=1.5, first_call=0.25)).value == 1.75


def test_build_time_is_that_of_the_original_build():
    assert _value("build_time", _reading(build_seconds=40.0, built_from_cache=True)).value == 40.0


def test_memory_is_the_peak():
    assert _value("memory_peak", _reading(memory={"peak": 3, "resident": 9})).value == 3
    assert "no memory reading" in _gap("memory_peak", _reading(memory={"resident": 9})).reason


def test_gmacs_are_counted_at_the_native_size_only():
    reading = _reading()
    larger = dataclasses.replace(reading, candidate=dataclasses.replace(reading.candidate, image_size=(288, 288)))
    assert _value("gmacs", reading).value == 1.8
    assert "native" in _gap("gmacs", larger).reason
    assert _value("parameters", larger).value == 11_700_000


# --- accuracy as evidence

REAL = Weights("a1_in1k", "0" * 64, "pretrained")


def _accuracy(optimization: str, weights: Weights | None, outcome: Outcome = Outcome.OK) -> Reading:
    facts = _facts()
    precision = next((found for found in ("bf16", "fp16", "int8") if f"-{found}" in optimization), "fp32")
    candidate = make_candidate(facts, optimization, precision=precision)
    agreement = None if weights is None else make_agreement(weights)
    return Reading(candidate, facts, make_measurement(candidate, outcome=outcome, agreement=agreement))


@pytest.mark.parametrize("optimization", ["eager", "channels_last", "compile", "onnxruntime", "openvino"])
@pytest.mark.parametrize("weights", [REAL, RANDOM_WEIGHTS, None])
def test_fp32_inherits_the_published_figure(optimization, weights):
    result = _value("accuracy_top1", _accuracy(optimization, weights))
    assert result == MetricValue(0.715, evidence="published", source="timm's results, 2025-01")
    assert (result.low, result.high) == (None, None)


@pytest.mark.parametrize("optimization", ["amp-bf16", "amp-fp16", "openvino-bf16", "channels_last+amp-bf16"])
def test_half_precision_inherits_after_agreement_on_the_same_real_weights(optimization):
    for name, figure in (("accuracy_top1", 0.715), ("accuracy_top5", 0.9)):
        result = _value(name, _accuracy(optimization, REAL))
        assert result.value == figure
        assert result.evidence == "published"
        assert "published for fp32" in result.source


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (RANDOM_WEIGHTS, "random"),
        (None, "real weights"),
        (Weights("a2_in1k", "1" * 64, "pretrained"), "a2_in1k"),
        (Weights(None, "1" * 64, "checkpoint"), "other weights"),
    ],
)
@pytest.mark.parametrize("optimization", ["amp-bf16", "amp-fp16"])
def test_half_precision_inherits_nothing_from_other_weights(optimization, weights, reason):
    assert reason in _gap("accuracy_top1", _accuracy(optimization, weights)).reason


def test_half_precision_that_computes_something_else_inherits_nothing():
    reading = _accuracy("amp-bf16", REAL, Outcome.WRONG_OUTPUT)
    assert "wrong_output" in _gap("accuracy_top1", reading).reason


@pytest.mark.parametrize("weights", [REAL, RANDOM_WEIGHTS, None])
def test_int8_never_inherits(weights):
    reading = _accuracy("onnxruntime-int8", weights)
    assert "labelled images" in _gap("accuracy_top1", reading).reason
    assert "labelled images" in _gap("accuracy_top1", dataclasses.replace(reading, measurement=None)).reason


def test_a_published_figure_holds_for_its_size_and_set_only():
    figures = (
        PublishedFigure("imagenet-r", (224, 224), 0.30, None, "elsewhere"),
        PublishedFigure("imagenet-1k", (288, 288), 0.73, None, "at 288"),
        PublishedFigure("imagenet-1k", (224, 224), 0.71, None, "at 224"),
    )
    facts = make_facts(published=figures)
    at_224 = Reading(make_candidate(facts), facts)
    assert _value("accuracy_top1", at_224).value == 0.71
    assert "224×224" in _gap("accuracy_top5", at_224).reason
    at_288 = Reading(make_candidate(facts, image_size=(288, 288)), facts)
    assert _value("accuracy_top1", at_288).source == "at 288"
    assert evaluate_metric("accuracy_top1@imagenet-r", at_224).value == 0.30
    assert _value("accuracy_top1", dataclasses.replace(at_224, dataset="imagenet-r")).value == 0.30
    on_both = dataclasses.replace(at_224, dataset="imagenet-r")
    assert evaluate_metric("accuracy_top1@imagenet-1k", on_both).value == 0.71
    gap = evaluate_metric("accuracy_top1@imagenet-sketch", at_224)
    assert gap == NotObserved("no figure published on imagenet-sketch for these weights at 224×224 pixels")
    at_256 = Reading(make_candidate(facts, image_size=(256, 224)), facts)
    assert "256×224 pixels" in _gap("accuracy_top1", at_256).reason


def test_agreement_of_classes_needs_real_weights():
    assert _value("agreement_top1", _accuracy("amp-bf16", REAL)).value == 1.0
    assert _value("agreement_top1", _accuracy("amp-bf16", REAL)).samples == 16
    assert "real weights" in _gap("agreement_top1", _accuracy("amp-bf16", RANDOM_WEIGHTS)).reason
    assert "real weights" in _gap("agreement_top1", _accuracy("amp-bf16", None)).reason


class TestCosts:
    """A month of traffic, in whole devices."""

    @pytest.mark.parametrize(("traffic", "devices"), [(1.0, 1), (100.0, 1), (100.1, 2), (1000.0, 10), (1001.0, 11)])
    def test_devices_are_whole(self, traffic, devices):
        reading = dataclasses.replace(_timed(Interval(0.01, 0.009, 0.011), price=0.001), traffic=traffic)
        assert _value("devices_needed", reading).value == devices
        month = _value("cost_per_month", reading)
        assert month.value == pytest.approx(devices * 0.001 * 365.25 * 86400 / 12)
        assert month.low <= month.value <= month.high

    @given(seconds, counts, st.floats(1e-3, 1e4), st.integers(1, 50))
    def test_a_limit_in_seconds_per_query_is_the_limit(self, mean, batch_size, traffic, limit):
        reading = _timed(Interval(mean), batch_size=batch_size, price=0.002)
        reading = dataclasses.replace(reading, traffic=traffic)
        terms = Terms(batch_size, 0.002, 1, traffic)
        for name, scale in (("devices_needed", 1.0), ("cost_per_month", 0.002 * 365.25 * 86400 / 12)):
            allowed = METRICS.get(name).per_query(limit * scale * (1 + 1e-12), terms)
            if not math.isclose(allowed, mean, rel_tol=1e-9):
                assert (mean < allowed) == (_value(name, reading).value <= limit * scale * (1 + 1e-9))

    def test_without_traffic_or_price_the_profile_is_named(self):
        reading = _timed(Interval(0.01))
        assert "traffic" in _gap("devices_needed", reading).reason
        assert "price" in _gap("cost_per_month", reading).reason


class TestScore:
    """Weights over metrics that are made comparable without looking at other candidates."""

    def test_is_the_weighted_geometric_mean_of_losses(self):
        reading = _reading()
        latency, accuracy = _value("latency_p50", reading).value, _value("accuracy_top1", reading).value
        expected = math.sqrt(1e3 * latency * 100 * (1 - accuracy))
        assert _value("score", reading).value == pytest.approx(expected)

    @given(st.floats(1e-4, 1.0), st.floats(1.01, 50.0))
    def test_half_the_latency_makes_up_for_twice_the_price_at_equal_weights(self, mean, factor):
        weights = {"latency_mean": 0.5, "cost_per_million": 0.5}
        one = dataclasses.replace(_timed(Interval(mean), price=0.01), weights=weights)
        other = dataclasses.replace(_timed(Interval(mean / factor), price=0.01 * factor**2), weights=weights)
        assert _value("score", one).value == pytest.approx(_value("score", other).value, rel=1e-6)

    def test_the_interval_holds_all_good_and_all_bad_ends(self):
        interval = Interval(0.02, 0.01, 0.04)
        found = _value("score", dataclasses.replace(_timed(interval), weights={"latency_mean": 1.0}))
        assert (found.low, found.value, found.high) == pytest.approx((10.0, 20.0, 40.0))
        rate = _value("score", dataclasses.replace(_timed(interval), weights={"throughput": 1.0}))
        assert (rate.low, rate.value, rate.high) == pytest.approx((10.0, 20.0, 40.0))

    def test_an_end_that_is_not_known_stays_unknown(self):
        weights = {"latency_mean": 1.0}
        assert _value("score", dataclasses.replace(_timed(Interval(0.02, 0.01)), weights=weights)).high is None

    def test_what_is_not_observed_is_named(self):
        reading = dataclasses.replace(_reading(price=None), weights={"cost_per_million": 1.0})
        assert "price" in _gap("score", reading).reason

    def test_nothing_is_worth_infinitely_much(self):
        reading = dataclasses.replace(_reading(), weights={"build_time": 1.0})
        assert _value("score", reading).value >= 1.0


# --- accuracy measured on labelled images


def _examined(**changes: Any) -> Reading:
    """A reading whose accuracies are those of the labelled images."""
    return dataclasses.replace(_reading(changes.pop("optimization", "eager")), dataset="photographs", **changes)


def test_measured_accuracy_is_counted_and_carries_wilsons_interval():
    reading = _examined()
    top1, top5 = _value("accuracy_top1", reading), _value("accuracy_top5", reading)
    assert (top1.value, top5.value) == (152 / 200, 190 / 200)
    assert (top1.evidence, top1.samples, top1.source) == ("measured", 200, "measured on 200 of 300 labelled images")
    # 300 images may be looked at twice, so that each look has half of the risk.
    assert top1.confidence == pytest.approx(0.975)
    assert (top1.low, top1.high) == pytest.approx(wilson(152, 200, 0.975))
    assert _value("accuracy_top1@imagenet-1k", reading).evidence == "published"


def test_what_a_way_loses_is_paired():
    drop = _value("accuracy_drop", _examined(optimization="onnxruntime-int8"))
    assert drop.value == pytest.approx(3 / 200)
    assert (drop.value, drop.low, drop.high) == pytest.approx(paired_difference(148, 7, 4, 41, 0.975))
    assert drop.source == "7 lost and 4 won against fp32 on 200 of 300 labelled images, McNemar p 0.55"
    agreement = _value("agreement_top1", _examined())
    assert (agreement.value, agreement.samples) == (185 / 200, 200)


def test_an_fp32_way_with_the_same_answers_has_lost_nothing():
    same = dataclasses.replace(EXAMINED, both=155, lost=0, won=0, same=200)
    exact = _value("accuracy_drop", _examined(examined=same))
    assert (exact.value, exact.low, exact.high, exact.confidence) == (0.0, None, None, None)
    int8 = _value("accuracy_drop", _examined(optimization="onnxruntime-int8", examined=same))
    assert int8.value == 0
    assert int8.low is not None
    assert int8.low < 0 < int8.high, "200 images prove no more than so much"


@pytest.mark.parametrize("name", ["accuracy_top1", "accuracy_top5", "accuracy_drop"])
def test_without_answers_the_reason_is_told(name):
    assert _gap(name, _examined(examined=None)).reason.startswith("not examined on labelled images")
    failed = Examined(0, 300, failure="crashed: ended by SIGSEGV")
    assert _gap(name, _examined(examined=failed)).reason.endswith("failed: crashed: ended by SIGSEGV")
    alone = dataclasses.replace(EXAMINED, compared=0)
    if name == "accuracy_drop":
        assert "fp32 eager has not answered" in _gap(name, _examined(examined=alone)).reason
        assert "name a folder" in _gap(name, _examined(test_set=None)).reason


class TestProbes:
    """What a probe on frozen fp32 features says of a way of running."""

    def test_an_fp32_way_takes_it_as_it_is(self):
        top1 = _value("accuracy_top1", _examined(protocol="knn"))
        assert top1.value == _value("accuracy_top1", _examined()).value
        assert top1.source == "nearest neighbours on frozen fp32 features, cross-validated on 200 labelled images"

    def test_int8_takes_nothing_of_it(self):
        found = _gap("accuracy_top1", _examined(optimization="onnxruntime-int8", protocol="linear-probe"))
        assert "int8 does not inherit what a probe makes of fp32 features" in found.reason

    def test_half_precision_takes_it_once_it_was_compared_on_real_weights(self):
        half = _examined(optimization="amp-bf16", protocol="linear-probe")
        assert "a linear probe on frozen fp32 features" in _value("accuracy_top1", half).source
        assert _value("accuracy_top1", half).source.endswith("; measured for fp32")

    def test_there_is_no_drop(self):
        assert "own classifier" in _gap("accuracy_drop", _examined(protocol="knn")).reason
