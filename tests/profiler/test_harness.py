"""The timing loop under a clock that moves only when a query runs."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selector.profiler import protocol
from selector.profiler.harness import Stopwatch, time_queries, warm_up
from selector.profiler.plateau import FEWEST
from selector.profiler.protocol import StoppingRule, Target
from selector.profiler.statistics import summarize


class Simulation:
    """A device and a runner in arithmetic: each query takes the next of the given times.

    Attributes:
        now: The clock.
        events: What was called, in order: ("run", input) and "synchronize".
    """

    def __init__(self, times: Iterable[float], inputs: int = 4) -> None:
        self.now = 100.0
        self.events: list[object] = []
        self._times = iter(times)
        self.watch = Stopwatch(self._run, list(range(inputs)), self._synchronize, lambda: self.now)

    @property
    def inputs(self) -> list[int]:
        return [event[1] for event in self.events if isinstance(event, tuple)]

    def _run(self, fed: int) -> None:
        self.events.append(("run", fed))

    def _synchronize(self) -> None:
        # The work is done when the device says so, not when the call returns.
        self.events.append("synchronize")
        self.now += next(self._times)


def _constant(seconds: float) -> Iterable[float]:
    return itertools.repeat(seconds)


def _noisy(seconds: float, noise: float, seed: int = 1) -> Iterable[float]:
    random = np.random.default_rng(seed)
    while True:
        yield seconds * float(np.exp(noise * random.standard_normal()))


def _rule(cap: float = 10.0, statistic: str = "p50", limit: float | None = None) -> StoppingRule:
    return StoppingRule((Target(statistic, limit, ranked=limit is None),), cap)


# --- one query


def test_every_query_is_synchronized_before_the_clock_is_read():
    simulation = Simulation([0.5, 0.25, 0.125])
    assert simulation.watch.times(3) == [0.5, 0.25, 0.125]
    assert simulation.events == [("run", 0), "synchronize", ("run", 1), "synchronize", ("run", 2), "synchronize"]


def test_inputs_rotate():
    simulation = Simulation(_constant(1.0), inputs=3)
    simulation.watch.times(4)
    simulation.watch.times(3, start=4)
    assert simulation.inputs == [0, 1, 2, 0, 1, 2, 0]


def test_no_query_is_no_time():
    assert Simulation([]).watch.times(0) == []


# --- warm-up


def _settling(seconds: float, extra: float, per: float) -> Iterable[float]:
    for index in itertools.count():
        yield seconds * (1 + extra * np.exp(-index / per))


def test_warm_up_of_a_steady_stream_is_short():
    simulation = Simulation(_constant(0.01))
    trace = warm_up(simulation.watch, 100.0)
    assert trace == pytest.approx([0.01] * len(trace))
    assert FEWEST <= len(trace) <= 2 * FEWEST
    assert len(simulation.inputs) == len(trace)


@pytest.mark.parametrize("per", [3, 10, 30])
def test_warm_up_lasts_as_long_as_queries_get_faster(per):
    trace = warm_up(Simulation(_settling(0.01, 4.0, per)).watch, 100.0)
    assert trace[0] == pytest.approx(0.05)
    # Two windows differ by less than 2 % where the excess is a few per cent.
    assert np.median(trace[-protocol.WARMUP_WINDOW :]) < 0.01 * 1.2
    assert len(trace) > 2 * per


def test_a_slow_first_call_alone_does_not_prolong_it():
    steady = len(warm_up(Simulation(_constant(0.01)).watch, 100.0))
    trace = warm_up(Simulation(itertools.chain([20.0, 5.0], _constant(0.01))).watch, 1000.0)
    assert len(trace) == steady


@pytest.mark.parametrize("cap", [0.0, 0.5, 3.0])
def test_warm_up_of_a_slow_model_ends_after_its_share(cap):
    simulation = Simulation(_constant(1.0))
    trace = warm_up(simulation.watch, cap)
    assert len(trace) == 3, "three queries, whatever they cost"


def test_warm_up_ends_though_queries_never_settle():
    falling = (0.1 * 0.98**index for index in itertools.count())
    simulation = Simulation(falling)
    warm_up(simulation.watch, 1.0)
    assert simulation.now - 100.0 < 1.0 + protocol.WARMUP_WINDOW * 0.1


def test_of_a_long_warm_up_the_beginning_is_kept():
    falling = [0.1 * 0.995**index for index in range(1000)]
    simulation = Simulation(falling)
    trace = warm_up(simulation.watch, 19.0)
    assert len(simulation.inputs) > len(trace) == 500
    assert trace == pytest.approx(falling[:500])


# --- timing


def test_timing_ends_when_the_interval_is_narrow():
    simulation = Simulation(_noisy(0.01, 0.05))
    samples, reason = time_queries(simulation.watch, _rule())
    assert reason == "interval"
    assert len(samples) >= protocol.MIN_QUERIES
    assert protocol.MIN_SECONDS <= samples.sum() < 1.0
    assert len(samples) == len(simulation.inputs)
    assert samples.sum() == pytest.approx(simulation.now - 100.0)


def test_samples_stand_in_the_order_of_queries_and_inputs_go_on_rotating():
    times = [0.01 + 0.0001 * index for index in range(1000)]
    simulation = Simulation(times, inputs=3)
    samples, _ = time_queries(simulation.watch, _rule(cap=1.0))
    assert samples == pytest.approx(times[: len(samples)])
    assert simulation.inputs == [index % 3 for index in range(len(samples))]


def test_a_noisier_stream_is_timed_longer():
    quiet, noisy = (len(time_queries(Simulation(_noisy(0.01, noise)).watch, _rule())[0]) for noise in (0.05, 0.2))
    assert noisy > 2 * quiet


def test_a_limit_that_is_held_ends_it_sooner_than_a_narrow_interval():
    narrow, _ = time_queries(Simulation(_noisy(0.01, 0.3)).watch, _rule())
    held, reason = time_queries(Simulation(_noisy(0.01, 0.3)).watch, _rule(limit=0.1))
    assert reason == "limit"
    assert len(held) < len(narrow)


def test_a_hopeless_candidate_is_dropped_at_once():
    samples, reason = time_queries(Simulation(_noisy(1.0, 0.05)).watch, _rule(cap=100.0, limit=0.05))
    assert reason == "limit"
    assert len(samples) == protocol.HOPELESS_QUERIES


def test_the_verdict_is_that_of_the_samples_handed_back():
    for stream in (_noisy(0.01, 0.05), _noisy(0.01, 0.5), _noisy(1.0, 0.1), _constant(1e-5)):
        rule = _rule(cap=2.0)
        samples, reason = time_queries(Simulation(stream).watch, rule)
        assert rule.verdict(summarize(samples)) == reason


@settings(max_examples=30)
@given(st.floats(1e-3, 3.0), st.floats(0.1, 3.0), st.floats(0.05, 0.5), st.integers(0, 100))
def test_the_time_cap_is_not_overrun_by_more_than_a_query(seconds, cap, noise, seed):
    simulation = Simulation(_noisy(seconds, noise, seed))
    # Nothing is ever narrow enough or decided.
    never = StoppingRule((Target("p99", ranked=True),), cap)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "NARROW", 0.0)
        samples, reason = time_queries(simulation.watch, never)
    assert reason == "time_cap"
    # Chunks are planned by the median: noise may add to the last one what it adds to a tenth of a second.
    assert samples.sum() <= cap + samples.max() + protocol.CHECK_EVERY_SECONDS
    assert samples.sum() >= cap


@pytest.mark.parametrize("seconds", [0.0101, 0.033, 0.09, 0.4, 3.0])
def test_a_steady_stream_overruns_the_cap_by_less_than_a_query(monkeypatch, seconds):
    monkeypatch.setattr(protocol, "NARROW", -1.0)
    samples, reason = time_queries(Simulation(_constant(seconds)).watch, _rule(cap=1.01))
    assert reason == "time_cap"
    assert 1.01 <= samples.sum() < 1.01 + seconds + 1e-9


def test_it_looks_often_enough():
    """Between two looks lies a tenth of a second, also when queries are short."""
    simulation = Simulation(_constant(0.001))
    looks: list[float] = []

    class Looking(StoppingRule):
        def verdict(self, summary):
            looks.append(summary.seconds)
            return super().verdict(summary)

    time_queries(simulation.watch, Looking((Target("p50"),), 0.65))
    assert max(np.diff(looks)) <= protocol.CHECK_EVERY_SECONDS * 1.01


def test_more_than_a_stored_sample_may_hold_is_not_taken(monkeypatch):
    monkeypatch.setattr(protocol, "MAX_QUERIES", 700)
    monkeypatch.setattr(protocol, "NARROW", 0.0)
    samples, reason = time_queries(Simulation(_noisy(0.001, 0.1)).watch, _rule(cap=1000.0))
    assert (len(samples), reason) == (700, "time_cap")


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_no_garbage_is_collected_while_it_times(enabled, fails):
    seen = []

    def run(fed: object) -> None:
        seen.append(gc.isenabled())
        if fails:
            raise RuntimeError("the runtime failed")

    clock = itertools.count(0.0, 0.01)
    watch = Stopwatch(run, [None], lambda: None, lambda: next(clock))
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        _call(lambda: time_queries(watch, _rule()), fails)
        assert gc.isenabled() is enabled, "as it was before"
    finally:
        (gc.enable if before else gc.disable)()
    assert not any(seen)


def _call(function: Callable[[], object], fails: bool) -> None:
    if fails:
        with pytest.raises(RuntimeError, match="the runtime failed"):
            function()
    else:
        function()
