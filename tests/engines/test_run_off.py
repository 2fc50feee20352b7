"""Finalists timed in turn, in real child processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.fake_profiles import fake_profile

from selector.artifacts import ArtifactCache
from selector.decision import decide
from selector.decision.finalists import finalists
from selector.devices import resolve
from selector.engines.local import LocalEngine, Order
from selector.engines.runoff import RunOffFailed
from selector.journey import Observer, Options, evaluate, rank, survey
from selector.optimizations import all_libraries
from selector.profiler import protocol
from selector.profiler.rule import stopping_rule
from selector.profiler.statistics import decode
from selector.requirements import RequirementProfile
from selector.store import Store
from selector.types import Planned, RunOff


class Watcher(Observer):
    """Notes run-offs."""

    def __init__(self) -> None:
        self.meetings: list[tuple[Planned, ...]] = []
        self.results: list[tuple[RunOff | None, str]] = []

    def meets(self, finalists_: tuple[Planned, ...]) -> None:  # type: ignore[override]
        self.meetings.append(tuple(finalists_))

    def met(self, run_off: RunOff | None, why: str) -> None:
        self.results.append((run_off, why))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'selector.db'}") as opened:
        yield opened


def near_profile() -> RequirementProfile:
    """Ways of one model whose simulated figures are within 10 % of each other: eager and channels_last."""
    return fake_profile(
        requirements=None,
        objective={"minimize": "latency_p50"},
        candidates={"models": ["resnet18.a1_in1k"], "optimizations": ["eager", "channels_last"]},
    )


def test_finalists_meet_and_what_they_showed_is_kept(store: Store) -> None:
    watcher = Watcher()
    decision = evaluate(near_profile(), store, observer=watcher)
    [meeting] = watcher.meetings
    [(run_off, why)] = watcher.results
    assert why == ""
    assert run_off is not None
    assert {one.candidate.id for one in meeting} == set(run_off.candidates) == {one.id for one in decision.ranked}
    [kept] = store.run_offs(run_off.identities, run_off.environment, with_samples=True)
    assert kept == replace(run_off, environment=kept.environment)
    assert kept.rounds in protocol.ROUND_LOOKS
    for taken in kept.latencies.values():
        assert decode(taken).shape == (kept.rounds * kept.queries,)
    # channels_last takes 0.92 of eager's work on the fake device, beside a fixed millisecond.
    duel = next(one for one in kept.duels if one.statistic == "p50")
    by_id = dict(zip(kept.identities, kept.candidates, strict=True))
    ratio = duel.ratio if by_id[duel.first].endswith("@channels_last") else None
    value = duel.ratio.value if ratio else 1 / duel.ratio.value
    assert 0.90 < value < 0.96
    assert decision.winner is not None
    assert decision.winner.planned.candidate.optimization == "channels_last"
    assert decision.winner.tied_with == ()
    assert "timed in turn" in " ".join(decision.ranked[1].reasons)


def test_they_meet_once(store: Store) -> None:
    evaluate(near_profile(), store)
    watcher = Watcher()
    decision = evaluate(near_profile(), store, observer=watcher)
    assert watcher.meetings == []
    assert decision.evidence.run_offs
    assert rank(near_profile(), store).ranked[0].id == decision.ranked[0].id
    evaluate(near_profile(), store, Options(force=True), watcher)
    assert len(watcher.meetings) == 1


def test_nobody_meets_who_is_far(store: Store) -> None:
    watcher = Watcher()
    evaluate(far_profile(), store, observer=watcher)
    assert watcher.meetings == []


def far_profile() -> RequirementProfile:
    """Ways of one model that are far apart."""
    return fake_profile(
        requirements=None,
        objective={"minimize": "latency_p50"},
        candidates={"models": ["resnet18.a1_in1k"], "optimizations": ["eager", "openvino"]},
    )


def test_a_lone_winner_is_visited_at_other_times_where_the_machine_is_uneven(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*=uneven")
    watcher = Watcher()
    decision = evaluate(far_profile(), store, observer=watcher)
    [(run_off, why)] = watcher.results
    assert why == ""
    assert run_off is not None
    assert decision.winner is not None
    assert run_off.candidates == (decision.winner.id,)
    assert run_off.duels == ()
    # Each visit meets the fast or the slow mood by chance: the logarithms are log(1.3) / 2 around their mean.
    assert 0.04 < run_off.unevenness < 0.2
    [summary] = run_off.summaries.values()
    assert decision.winner.metrics["latency_p50"].value == summary.percentiles["p50"].value  # type: ignore[union-attr]
    loser = decision.ranked[1].metrics["latency_p50"]
    alone = store.latest({decision.ranked[1].measurement.identity})  # type: ignore[union-attr]
    [measured] = alone.values()
    once = measured.observation.summary.percentiles["p50"]  # type: ignore[union-attr]
    assert loser.low < once.low < once.high < loser.high  # type: ignore[union-attr,operator]
    again = Watcher()
    evaluate(far_profile(), store, observer=again)
    assert again.meetings == []


def test_a_disturbed_run_off_decides_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate(near_profile(), store, Options(only=("*@eager",)))
    evaluate(near_profile(), store, Options(only=("*@channels_last",)))
    before = rank(near_profile(), store)
    monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*@eager=unstable")
    watcher = Watcher()
    decision = evaluate(near_profile(), store, observer=watcher)
    [(run_off, why)] = watcher.results
    assert run_off is not None
    assert "other programs" in why
    assert [one.id for one in decision.ranked] == [one.id for one in before.ranked]
    assert finalists(decision) is not None  # the next run lets them meet again


def test_a_finalist_that_fails_ends_the_run_off_not_the_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate(near_profile(), store, Options(only=("*@eager",)))
    evaluate(near_profile(), store, Options(only=("*@channels_last",)))
    monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*@eager=out_of_memory")
    watcher = Watcher()
    decision = evaluate(near_profile(), store, observer=watcher)
    [(run_off, why)] = watcher.results
    assert run_off is None
    assert "eager" in why
    assert "20 GiB" in why
    assert decision.winner is not None


def test_real_models_meet(tmp_path: Path) -> None:
    """The same small model by two real ways, side by side in two processes."""
    profile = fake_profile(
        device={"target": "cpu"},
        requirements=None,
        objective={"minimize": "latency_p50"},
        candidates={"models": ["test_vit.r160_in1k"], "optimizations": ["eager", "onnxruntime"]},
        evaluation={"candidate_time": "1 s"},
    )
    device = resolve("cpu")
    environment = device.environment(1, all_libraries())
    orders = [
        Order(one.candidate, one.facts, stopping_rule(profile), 0.1, pretrained=False)
        for one in survey(profile, None).plan.considered
    ]
    with LocalEngine(device, environment, ArtifactCache(tmp_path), "run") as engine:
        run_off = engine.run_off(orders, "p50")
    assert {name.rpartition("@")[2] for name in run_off.candidates} == {"eager", "onnxruntime"}
    assert run_off.rounds >= protocol.ROUND_LOOKS[0]
    samples = {name: decode(taken) for name, taken in run_off.latencies.items()}
    assert all((taken > 0).all() for taken in samples.values())
    first, second = run_off.identities
    [duel] = [one for one in run_off.duels if one.statistic == "p50"]
    medians = np.median(samples[first]) / np.median(samples[second])
    assert duel.ratio.value == pytest.approx(medians, rel=0.05)
    assert duel.ratio.low is not None
    assert duel.ratio.high is not None
    assert duel.ratio.low <= duel.ratio.value <= duel.ratio.high


def test_what_cannot_be_built_again_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*=build_failed")
    profile = near_profile()
    device = resolve("fake")
    environment = device.environment(1, all_libraries())
    orders = [
        Order(one.candidate, one.facts, stopping_rule(profile), 0.1, pretrained=False)
        for one in survey(profile, None).plan.considered
    ]
    with (
        LocalEngine(device, environment, ArtifactCache(tmp_path), "run") as engine,
        pytest.raises(RunOffFailed, match="built again"),
    ):
        engine.run_off(orders, "p50")


def test_the_decision_without_run_offs_is_that_of_the_intervals(store: Store) -> None:
    decision = evaluate(near_profile(), store)
    alone = decide(decision.profile, replace(decision.evidence, run_offs=()))
    assert {one.id for one in alone.ranked} == {one.id for one in decision.ranked}
    assert finalists(alone) is not None
    assert finalists(decision) is None
