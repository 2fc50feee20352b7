"""The fake device: repeatable, plainly not real, and able to fail in every way."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from support.evidence import make_candidate, make_facts

from selector.devices.fake import FAULTS, Fake, planted_fault
from selector.errors import BuildFailedError, ExportFailedError, FallbackError, OutOfMemoryError
from selector.types import Outcome

FACTS = make_facts()
IMAGES = np.linspace(-1, 1, 2 * 3 * 8 * 8, dtype=np.float32).reshape(2, 3, 8, 8)


def _seconds(candidate, facts=FACTS, queries=200):
    """Median seconds of a query on a new device, after it has warmed."""
    device = Fake()
    runner = device.simulate(candidate, facts)
    assert runner is not None
    times = []
    for _ in range(queries):
        began = device.clock()
        runner.run(IMAGES)
        times.append(device.clock() - began)
    return float(np.median(times[20:])), times


def test_nobody_can_take_it_for_a_real_device():
    assert "fake" in Fake().name
    assert "not a real measurement" in Fake().name
    assert Fake().environment(None, ()).device_kind == "fake"


def test_its_clock_moves_by_queries_alone():
    device = Fake()
    assert device.clock() == device.clock() == 0
    device.advance(1.5)
    assert device.clock() == 1.5


def test_the_same_candidate_always_takes_the_same_times():
    candidate = make_candidate(FACTS, "openvino")
    assert _seconds(candidate)[1] == _seconds(candidate)[1]
    assert _seconds(candidate)[1] != _seconds(make_candidate(FACTS, "onnxruntime"))[1]


def test_the_first_queries_are_slower():
    typical, times = _seconds(make_candidate(FACTS))
    assert times[0] > 1.5 * typical
    assert np.std(times[20:]) < 0.1 * typical


@pytest.mark.parametrize(
    "name", ["channels_last", "amp-bf16", "amp-fp16", "compile", "onnxruntime", "openvino", "openvino-bf16"]
)
def test_ways_differ_in_speed(name):
    assert _seconds(make_candidate(FACTS, name))[0] < _seconds(make_candidate(FACTS))[0]


def test_more_work_takes_longer():
    one = _seconds(make_candidate(FACTS))[0]
    assert _seconds(make_candidate(FACTS, batch_size=8))[0] > 4 * one
    assert _seconds(make_candidate(FACTS, image_size=(448, 448)))[0] > 2 * one
    heavier = dataclasses.replace(FACTS, gmacs=18.0)
    assert _seconds(make_candidate(heavier), heavier)[0] > 4 * one
    unknown = dataclasses.replace(FACTS, gmacs=None, parameters=None)
    assert math.isfinite(_seconds(make_candidate(unknown), unknown)[0])


def test_weights_do_not_change_its_speed():
    other = make_facts("resnet18.another")
    assert _seconds(make_candidate(other), other)[0] == pytest.approx(_seconds(make_candidate(FACTS))[0], rel=0.02)


def test_its_memory_grows_with_model_and_batch():
    def peak(**changes):
        device = Fake()
        device.start_memory()
        device.simulate(make_candidate(FACTS, **changes), FACTS)
        return device.read_memory()["peak"]

    assert FACTS.parameters * 4 < peak() < peak(batch_size=8)


def test_its_answers_depend_on_the_images_unless_they_are_wrong(monkeypatch):
    right = Fake().simulate(make_candidate(FACTS), FACTS)
    first, second = right.read(right.run(right.feed(IMAGES)))
    assert not np.allclose(first, second)
    monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*=wrong_output")
    wrong = Fake().simulate(make_candidate(FACTS), FACTS)
    assert not wrong.read(wrong.run(wrong.feed(IMAGES))).any()


def test_building_takes_its_time():
    seconds = {name: Fake().built(make_candidate(FACTS, name)) for name in ("eager", "openvino", "compile")}
    assert seconds["eager"] == 0 < seconds["openvino"] < seconds["compile"]


# --- planted faults


def test_every_fault_that_ends_a_candidate_is_an_outcome():
    assert set(FAULTS) - {"slow", "slower", "disturbed", "uneven"} <= {outcome.value for outcome in Outcome}


@pytest.mark.parametrize(
    ("fault", "error", "stage"),
    [
        ("export_failed", ExportFailedError, "build"),
        ("build_failed", BuildFailedError, "build"),
        ("out_of_memory", OutOfMemoryError, "load"),
        ("fallback", FallbackError, "load"),
    ],
)
def test_a_planted_fault_is_raised_where_it_belongs(monkeypatch, fault, error, stage):
    candidate = make_candidate(FACTS, "openvino")
    monkeypatch.setenv("SELECTOR_FAKE_FAULTS", f"*@openvino={fault}")
    steps = {"build": lambda: Fake().built(candidate), "load": lambda: Fake().simulate(candidate, FACTS)}
    with pytest.raises(error, match="planted fault"):
        steps.pop(stage)()
    assert next(iter(steps.values()))() is not None
    assert error.outcome == fault


def test_a_slow_candidate_takes_a_hundred_times_as_long(monkeypatch):
    usual = _seconds(make_candidate(FACTS))[0]
    monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*=slow")
    assert _seconds(make_candidate(FACTS))[0] == pytest.approx(100 * usual)


def test_a_slower_candidate_takes_a_third_longer(monkeypatch):
    usual, _ = _seconds(make_candidate(FACTS))
    monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*=slower")
    assert math.isclose(_seconds(make_candidate(FACTS))[0], 1.3 * usual)


def test_sessions_differ_a_little_and_each_is_repeatable(monkeypatch):
    candidate = make_candidate(FACTS)
    alone, medians = _seconds(candidate)[0], []
    for number in range(40):
        monkeypatch.setenv("SELECTOR_FAKE_SESSION", str(number))
        medians.append(_seconds(candidate)[0])
    assert medians[-1] == _seconds(candidate)[0]
    assert len(set(medians)) == 40
    assert 0.008 < np.std(np.log(medians)) < 0.025
    assert math.isclose(float(np.median(medians)), alone, rel_tol=0.02)
    monkeypatch.delenv("SELECTOR_FAKE_SESSION")
    assert _seconds(candidate)[0] == alone


def test_faults_are_planted_by_glob_and_the_first_counts(monkeypatch):
    monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "resnet18.*@open*=crashed,*=slow,,*=no_such_fault")
    assert planted_fault(make_candidate(FACTS, "openvino")) == "crashed"
    assert planted_fault(make_candidate(FACTS, "eager")) == "slow"
    monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*=no_such_fault")
    assert planted_fault(make_candidate(FACTS)) is None
    monkeypatch.delenv("SELECTOR_FAKE_FAULTS")
    assert planted_fault(make_candidate(FACTS)) is None
