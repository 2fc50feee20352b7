"""The journey on the fake device: what is measured, kept, decided, and decided again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import pytest
from support.fake_profiles import LONG, SHORT, SMALL, fake_profile
from support.processes import await_end, measuring
from support.sample_store import CPU, GPU, fill

from selector import journey
from selector.decision import Decision
from selector.devices import DEVICES
from selector.engines import local
from selector.engines.campaign import Campaign
from selector.engines.run import BUILD_SECONDS
from selector.errors import DeviceError, StoreError, UnknownNameError, UsageError
from selector.journey import Observer, Options, Prospect, decide_run, evaluate, rank, survey
from selector.reports.timings import spreads
from selector.requirements import load_profile
from selector.store import Store
from selector.types import Measurement, Outcome, Planned, Timing

WANTED = {f"{model}@{way}" for model in (SHORT, LONG) for way in ("eager", "openvino")}
EXCLUDED = {f"{SMALL}@eager", f"{SMALL}@openvino"}
BY_LATENCY = {"minimize": "latency_p50"}


@dataclass
class Watcher(Observer):
    """Keeps what it is told, and may act on each measurement."""

    prospect: Prospect | None = None
    begun: list[tuple[str, int, int]] = field(default_factory=list)
    done: list[Measurement] = field(default_factory=list)
    act: Callable[[int], None] = lambda number: None

    def begins(self, prospect: Prospect) -> None:
        assert self.prospect is None
        self.prospect = prospect

    def measures(self, planned: Planned, done: int, left: int) -> None:
        self.begun.append((planned.candidate.id, done, left))

    def measured(self, planned: Planned, measurement: Measurement) -> None:
        self.done.append(measurement)
        self.act(len(self.done))


@pytest.fixture
def store() -> Iterator[Store]:
    with Store("sqlite://") as opened:
        yield opened


class Evaluated(NamedTuple):
    """One run of the profile, for tests that only look at it."""

    store: Store
    decision: Decision
    watcher: Watcher


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluated]:
    url = f"sqlite:///{tmp_path_factory.mktemp('journey') / 'selector.db'}"
    watcher = Watcher()
    with Store(url) as opened:
        decision = evaluate(fake_profile(), opened, observer=watcher)
    with Store(url, read_only=True) as reading:
        yield Evaluated(reading, decision, watcher)


def summary(decision: Decision) -> list[tuple[Any, ...]]:
    """What a decision says of every candidate, without what differs from run to run."""
    return [
        (one.id, one.status, one.rank, one.stage, dict(one.metrics), tuple(one.reasons), one.tied_with)
        for one in decision.assessments
    ]


class TestEvaluate:
    def test_it_measures_keeps_and_decides(self, evaluated: Evaluated) -> None:
        _, decision, watcher = evaluated
        assert decision.winner is not None
        assert decision.winner.id == f"{LONG}@openvino"
        assert decision.exit_code == 0
        assert {one.id for one in decision.ranked} == WANTED
        assert {one.id for one in decision.rejected} == EXCLUDED
        assert {one.stage for one in decision.rejected} == {"static"}
        certificate = decision.evidence.certificate
        assert certificate is not None
        assert (certificate.candidates, certificate.measured) == (4, 4)
        assert (certificate.strategy, certificate.stopped_because, certificate.confidence) == (
            "work-first",
            "exhausted",
            1.0,
        )
        timing = decision.evidence.timing
        assert 0 < timing.measured_seconds <= timing.wall_seconds
        assert timing.measured_seconds == pytest.approx(sum(one.wall_seconds for one in watcher.done))

    def test_the_run_is_kept(self, evaluated: Evaluated) -> None:
        store, decision, _ = evaluated
        run = store.run("latest")
        assert decision.evidence.run_id == run.id
        assert run.status == "finished"
        assert run.profile == fake_profile()
        assert run.strategy == "work-first"
        assert run.environment == decision.evidence.plan.environment
        assert run.certificate == decision.evidence.certificate
        assert run.timing == decision.evidence.timing
        assert {name for name, _ in run.excluded} == EXCLUDED
        assert all(reason.startswith("top-1 67.6 %, limit > 70 %") for _, reason in run.excluded)
        measured = store.measurements(run.id)
        assert {one.outcome for one in measured} == {Outcome.OK}
        assert {one.run_id for one in measured} == {run.id}

    def test_tags_of_one_architecture_share_a_measurement(self, evaluated: Evaluated) -> None:
        _, decision, watcher = evaluated
        assert len(watcher.done) == 2
        assert {one.candidate.optimization for one in watcher.done} == {"eager", "openvino"}
        by_way = {one.id: decision.evidence.measurements[one.id].id for one in decision.ranked}
        assert by_way[f"{SHORT}@eager"] == by_way[f"{LONG}@eager"] != by_way[f"{LONG}@openvino"]

    def test_the_observer_is_told_what_is_left(self, evaluated: Evaluated) -> None:
        watcher = evaluated.watcher
        assert watcher.prospect is not None
        assert {one.candidate.id for one in watcher.prospect.open} == WANTED
        assert [numbers for _, *numbers in watcher.begun] == [[0, 4], [1, 2]]

    def test_the_same_call_measures_nothing_and_answers_the_same(self, store: Store) -> None:
        first = evaluate(fake_profile(), store)
        watcher = Watcher()
        second = evaluate(fake_profile(), store, observer=watcher)
        assert watcher.begun == []
        assert summary(second) == summary(first)
        assert second.evidence.run_id != first.evidence.run_id
        assert second.evidence.certificate == first.evidence.certificate
        assert second.evidence.timing.measured_seconds == 0

    def test_without_anything_open_nothing_is_started(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Campaign, "_engine", lambda self: pytest.fail("an engine was started"))
        decision = evaluate(fake_profile(requirements={"accuracy_top1": "> 99 %"}), store)
        assert decision.winner is None
        assert decision.exit_code == 1
        assert {one.id for one in decision.rejected} == WANTED | EXCLUDED
        assert store.run("latest").status == "finished"

    def test_force_measures_again_and_begins_anew(self, store: Store) -> None:
        first = evaluate(fake_profile(), store)
        watcher = Watcher()
        second = evaluate(fake_profile(), store, Options(force=True), watcher)
        assert len(watcher.done) == 2
        assert samples(second) == samples(first)
        assert {one.run_id for one in second.evidence.measurements.values()} == {second.evidence.run_id}

    def test_a_tighter_percentile_adds_samples(self, store: Store) -> None:
        loose, tight = (
            fake_profile(requirements={percentile: "< 50 ms"}, objective=BY_LATENCY, evaluation=None)
            for percentile in ("latency_p50", "latency_p99")
        )
        before = samples(evaluate(loose, store))
        watcher = Watcher()
        decision = evaluate(tight, store, observer=watcher)
        assert len(watcher.done) == 4
        added = {one.candidate.id: one.observation.summary.samples for one in watcher.done if one.observation}
        assert all(count < 459 for count in before.values())
        assert all(decision.evidence.measurements[name].candidate.id in added for name in before)
        for name, count in samples(decision).items():
            assert count == before[name] + added[decision.evidence.measurements[name].candidate.id]
            assert count >= 459
        assert {verdict.verdict.value for one in decision.ranked for verdict in one.judgements.values()} == {"holds"}
        for profile in (tight, loose):
            again = Watcher()
            evaluate(profile, store, observer=again)
            assert again.done == []

    def test_the_time_budget_ends_the_run(self, store: Store) -> None:
        decision = evaluate(fake_profile(evaluation={"time_budget": "1 ns"}), store)
        assert {one.id for one in decision.not_measured} == WANTED
        assert all("the time budget of 1 ns was used up first" in one.reasons[0] for one in decision.not_measured)
        assert decision.exit_code == 1
        certificate = decision.evidence.certificate
        assert certificate is not None
        assert (certificate.stopped_because, certificate.measured, certificate.confidence) == ("time_budget", 0, None)
        assert store.run("latest").status == "finished"

    def test_the_next_run_takes_up_what_the_budget_left(self, store: Store) -> None:
        evaluate(fake_profile(evaluation={"time_budget": "1 ns"}), store)
        assert {one.id for one in evaluate(fake_profile(), store).ranked} == WANTED

    def test_a_used_up_budget_does_not_matter_when_all_is_stored(self, store: Store) -> None:
        evaluate(fake_profile(), store)
        decision = evaluate(fake_profile(evaluation={"time_budget": "1 ns"}), store)
        assert decision.evidence.certificate is not None
        assert decision.evidence.certificate.stopped_because == "exhausted"

    def test_waiting_for_another_run_costs_no_budget(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(local, "device_lock", lambda *_, **__: contextlib.nullcontext(1e6))
        decision = evaluate(fake_profile(evaluation={"time_budget": "1 ns"}), store)
        assert {one.id for one in decision.ranked} == WANTED

    def test_what_another_run_measured_meanwhile_is_not_measured_again(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock = local.device_lock

        def wait(*_: object, **__: object) -> contextlib.AbstractContextManager[float]:
            monkeypatch.setattr(local, "device_lock", lock)
            evaluate(fake_profile(), store, Options(only=("*@eager",)))
            return contextlib.nullcontext(1.0)

        for options, times in ((Options(), 1), (Options(force=True), 2)):
            watcher = Watcher()
            monkeypatch.setattr(local, "device_lock", wait)
            decision = evaluate(fake_profile(), store, options, watcher)
            assert len(watcher.done) == times
            assert {one.id for one in decision.ranked} == WANTED
            assert decision.evidence.certificate is not None
            assert (decision.evidence.certificate.candidates, decision.evidence.certificate.measured) == (4, 4)

    def test_the_strategy_is_the_profiles(self, store: Store) -> None:
        decision = evaluate(fake_profile(evaluation={"strategy": "random"}), store)
        assert decision.evidence.certificate is not None
        assert decision.evidence.certificate.strategy == "random"
        assert {one.id for one in decision.ranked} == WANTED

    def test_a_wrong_name_begins_no_run(self, store: Store) -> None:
        for profile, error in (
            (fake_profile(candidates={"models": ["resnet18.nope"]}), UnknownNameError),
            (fake_profile(candidates={"models": [SMALL], "optimizations": ["nope"]}), UnknownNameError),
            (_targeting("cuda:99"), DeviceError),
        ):
            with pytest.raises(error):
                evaluate(profile, store)
        assert store.runs() == []


class TestFailures:
    @pytest.fixture
    def crashing(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> Decision:
        monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*@openvino=crashed")
        decision = evaluate(fake_profile(), store)
        monkeypatch.delenv("SELECTOR_FAKE_FAULTS")
        return decision

    def test_a_failure_is_a_row_and_the_run_goes_on(self, crashing: Decision, store: Store) -> None:
        assert {one.id for one in crashing.failed} == {f"{SHORT}@openvino", f"{LONG}@openvino"}
        assert crashing.winner is not None
        assert crashing.winner.id == f"{LONG}@eager"
        assert crashing.exit_code == 3
        assert crashing.failed[0].reasons == ("crashed: killed by SIGSEGV during build",)
        (failure,) = (one for one in store.measurements("".join(crashing.evidence.run_id or "")) if one.message)
        assert (failure.outcome, failure.phase) == (Outcome.CRASHED, "build")

    def test_it_is_not_tried_again_unless_asked(self, crashing: Decision, store: Store) -> None:
        watcher = Watcher()
        again = evaluate(fake_profile(), store, observer=watcher)
        assert watcher.done == []
        assert summary(again) == summary(crashing)
        healed = evaluate(fake_profile(), store, Options(force=True))
        assert {one.id for one in healed.ranked} == WANTED
        assert healed.exit_code == 0

    def test_a_build_that_takes_too_long_is_ended(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*@openvino=timed_out")
        decision = evaluate(fake_profile(), store, Options(build_seconds=1.0))
        assert {one.measurement.outcome for one in decision.failed if one.measurement} == {Outcome.TIMED_OUT}
        assert len(decision.ranked) == 2

    def test_the_limit_of_a_build_is_that_of_the_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert Options().build_seconds == BUILD_SECONDS
        monkeypatch.setenv("SELECTOR_BUILD_LIMIT", "30 min")
        assert Options().build_seconds == 1800
        for wrong in ("soon", "0 s", "-5 s", "20"):
            monkeypatch.setenv("SELECTOR_BUILD_LIMIT", wrong)
            with pytest.raises(UsageError):
                Options()

    def test_only_failures_is_no_choice(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*=out_of_memory")
        decision = evaluate(fake_profile(), store)
        assert {one.id for one in decision.failed} == WANTED
        assert decision.exit_code == 1

    def test_what_was_measured_is_kept_when_the_store_fails(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        added: list[str] = []
        add = Store.add

        def fill_the_disk(self: Store, measurement: Measurement, **options: bool) -> None:
            if added:
                raise StoreError("the disk is full")
            add(self, measurement, **options)
            added.append(measurement.id)

        monkeypatch.setattr(Store, "add", fill_the_disk)
        before = measuring(os.getpid())
        with pytest.raises(StoreError, match="the disk is full"):
            evaluate(fake_profile(), store)
        run = store.run("latest")
        assert run.status == "failed"
        assert [one.id for one in store.measurements(run.id)] == added
        assert await_end(measuring(os.getpid()) - before) == set()

    def test_ways_that_cannot_run_here_are_no_failures(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(journey, "unavailable_ways", lambda environment: {"openvino": "it is not installed"})
        decision = evaluate(fake_profile(), store)
        assert {one.id for one in decision.unavailable} == {f"{SHORT}@openvino", f"{LONG}@openvino"}
        assert {tuple(one.reasons) for one in decision.unavailable} == {("it is not installed",)}
        assert decision.exit_code == 0
        assert store.run("latest").unavailable == {"openvino": "it is not installed"}
        assert summary(rank(fake_profile(), store)) == summary(decision)


class TestInterruption:
    def test_the_same_call_goes_on_where_it_was(self, store: Store) -> None:
        asked = [False]
        watcher = Watcher(act=lambda number: asked.__setitem__(0, True))
        decision = evaluate(fake_profile(), store, Options(stopping=lambda: asked[0]), watcher)
        assert len(watcher.done) == len(watcher.begun) == 1
        assert decision.evidence.certificate is not None
        assert decision.evidence.certificate.stopped_because == "interrupted"
        assert decision.evidence.certificate.measured == 2
        assert len(decision.ranked) == len(decision.not_measured) == 2
        assert all("interrupted" in one.reasons[0] for one in decision.not_measured)
        assert store.run("latest").status == "interrupted"
        rest = Watcher()
        complete = evaluate(fake_profile(), store, observer=rest)
        assert len(rest.done) == 1
        assert {one.id for one in complete.ranked} == WANTED
        assert store.run("latest").status == "finished"

    def test_the_candidate_at_work_is_dropped(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*=timed_out")
        watcher = Watcher()
        decision = evaluate(fake_profile(), store, Options(stopping=lambda: len(watcher.begun) > 0), watcher)
        assert len(watcher.begun) == 1
        assert watcher.done == []
        assert {one.id for one in decision.not_measured} == WANTED
        assert store.measurements(store.run("latest").id) == []

    def test_ending_at_once_is_an_interruption_too(self, store: Store) -> None:
        def again(number: int) -> None:
            raise KeyboardInterrupt

        before = measuring(os.getpid())
        with pytest.raises(KeyboardInterrupt):
            evaluate(fake_profile(), store, observer=Watcher(act=again))
        run = store.run("latest")
        assert run.status == "interrupted"
        assert len(store.measurements(run.id)) == 1
        assert await_end(measuring(os.getpid()) - before) == set()


class TestOnlyAndSkip:
    def test_only_considers_what_matches(self, store: Store) -> None:
        decision = evaluate(fake_profile(), store, Options(only=("*e2400*@openvino", "*e1200*")))
        assert {one.id for one in decision.assessments} == {
            f"{LONG}@openvino",
            f"{SHORT}@openvino",
            f"{SHORT}@eager",
        }

    def test_skip_leaves_out_what_matches(self, store: Store) -> None:
        decision = evaluate(fake_profile(), store, Options(only=("*e2400*",), skip=("*@eager",)))
        assert {one.id for one in decision.assessments} == {f"{LONG}@openvino"}

    @pytest.mark.parametrize("options", [Options(only=("*@tensorrt",)), Options(skip=("*@egaer",))])
    def test_a_pattern_must_match(self, store: Store, options: Options) -> None:
        with pytest.raises(UnknownNameError, match="candidate"):
            evaluate(fake_profile(), store, options)

    def test_something_must_be_left(self, store: Store) -> None:
        with pytest.raises(UsageError, match="no candidate"):
            evaluate(fake_profile(), store, Options(only=("*@eager",), skip=("*@eager",)))

    def test_the_run_is_decided_again_with_the_same_candidates(self, store: Store) -> None:
        evaluate(fake_profile(), store)
        narrowed = evaluate(fake_profile(), store, Options(only=("*@eager",)))
        assert narrowed.winner is not None
        assert narrowed.winner.id == f"{LONG}@eager"
        assert summary(decide_run(store, "latest")) == summary(narrowed)
        without = evaluate(fake_profile(), store, Options(skip=("*e2400*",)))
        assert summary(decide_run(store, "latest")) == summary(without)


class TestSurvey:
    def test_it_says_what_would_be_done_and_writes_nothing(self, store: Store) -> None:
        evaluate(fake_profile(), store, Options(only=("*@eager",)))
        revision = store.revision()
        prospect = survey(fake_profile(), store)
        assert set(prospect.excluded) == EXCLUDED
        assert set(prospect.stored) == {f"{SHORT}@eager", f"{LONG}@eager"}
        assert {one.candidate.id for one in prospect.open} == {f"{SHORT}@openvino", f"{LONG}@openvino"}
        assert prospect.estimate.candidates == 2
        assert prospect.estimate.seconds > 0
        assert prospect.strategy == "work-first"
        assert prospect.device.kind == "fake"
        assert store.revision() == revision

    def test_nothing_is_stored_without_a_store_or_with_force(self, evaluated: Evaluated) -> None:
        store = evaluated.store
        for prospect in (survey(fake_profile(), None), survey(fake_profile(), store, Options(force=True))):
            assert prospect.stored == {}
            assert {one.candidate.id for one in prospect.open} == WANTED


class TestRank:
    def test_it_decides_as_evaluating_did(self, evaluated: Evaluated) -> None:
        store, decision, _ = evaluated
        revision = store.revision()
        ranked = rank(fake_profile(), store)
        assert summary(ranked) == summary(decision)
        assert ranked.evidence.run_id is None
        assert ranked.evidence.timing == Timing()
        assert store.revision() == revision

    def test_another_profile_is_decided_from_the_same_measurements(self, evaluated: Evaluated) -> None:
        store = evaluated.store
        tighter = rank(fake_profile(requirements={"latency_p95": "< 4 ms"}, objective=BY_LATENCY), store)
        assert {one.id for one in tighter.rejected if one.stage == "measured"} == {f"{SHORT}@eager", f"{LONG}@eager"}
        assert {one.id for one in tighter.ranked} == {f"{SHORT}@openvino", f"{LONG}@openvino"}
        assert {one.id for one in tighter.not_measured} == EXCLUDED

    def test_only_narrows_it(self, evaluated: Evaluated) -> None:
        store = evaluated.store
        narrowed = rank(fake_profile(), store, options=Options(only=("*@eager",)))
        assert {one.planned.candidate.optimization for one in narrowed.assessments} == {"eager"}

    def test_an_environment_is_chosen_by_the_beginning_of_its_id(self, store: Store) -> None:
        slow, fast = fake_profile(device={"target": "fake"}), fake_profile(device={"target": "fake", "threads": 2})
        first, second = evaluate(slow, store), evaluate(fast, store)
        one, other = (decision.evidence.plan.environment for decision in (first, second))
        assert one.id != other.id
        assert rank(slow, store).evidence.plan.environment == other, "the newest is the default"
        assert rank(slow, store, one.id[:12]).evidence.plan.environment == one
        assert rank(fake_profile(device={"target": "fake", "threads": 1}), store).evidence.plan.environment == one
        with pytest.raises(UnknownNameError, match="environment"):
            rank(slow, store, "zzz")
        with pytest.raises(UsageError, match="several environments"):
            rank(slow, store, "")

    def test_what_cannot_run_there_is_known_from_any_run_that_asked(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(journey, "unavailable_ways", lambda environment: {"openvino": "not installed"})
        evaluate(fake_profile(), store)
        evaluate(fake_profile(candidates={"models": [LONG], "optimizations": ["eager"]}), store)
        assert {one.id for one in rank(fake_profile(), store).unavailable} == {
            f"{SHORT}@openvino",
            f"{LONG}@openvino",
        }
        monkeypatch.setattr(journey, "unavailable_ways", lambda environment: {})
        evaluate(fake_profile(candidates={"models": [LONG], "optimizations": ["open*"]}), store)
        assert rank(fake_profile(), store).unavailable == ()

    def test_evidence_of_another_device_is_never_used(self, evaluated: Evaluated) -> None:
        store = evaluated.store
        with pytest.raises(DeviceError, match=r"no measurements of the device 'cuda'.*it has fake"):
            rank(_targeting("cuda"), store)

    def test_an_empty_store_says_what_to_do(self, store: Store) -> None:
        with pytest.raises(DeviceError, match=r"it is empty.*selector evaluate"):
            rank(fake_profile(), store)

    def test_a_store_of_another_machine_is_ranked_here(self, store: Store) -> None:
        profile = load_profile("quickstart")
        fill(store, profile, GPU, samples=100)
        ranked = rank(
            profile.model_copy(update={"device": profile.device.model_copy(update={"target": "cuda"})}), store
        )
        assert ranked.evidence.plan.environment == GPU
        assert ranked.winner is not None

    def test_a_numbered_gpu_is_never_answered_for_by_another(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The store has GPU 1's evidence, then GPU 0's; ranked where no GPU is, and where three are."""
        first, second = (replace(GPU, device_id=f"GPU-{number}") for number in (0, 1))
        profile = load_profile("quickstart")
        fill(store, profile, second, samples=100)

        def ranked_on(target: str) -> str:
            device = profile.device.model_copy(update={"target": target})
            ranked = rank(profile.model_copy(update={"device": device}), store)
            return ranked.evidence.plan.environment.device_id

        assert ranked_on("cuda:1") == "GPU-1"  # the only one there is evidence of
        fill(store, profile, first, samples=100)
        assert ranked_on("cuda") == "GPU-0"  # the newest
        with pytest.raises(DeviceError, match=r"'cuda:1' is not on this machine.*--environment"):
            ranked_on("cuda:1")
        cuda = DEVICES.get("cuda")
        monkeypatch.setattr(cuda, "detect", classmethod(lambda kind: [kind(0), kind(1), kind(2)]))
        monkeypatch.setattr(cuda, "environment", lambda self, *_: replace(GPU, device_id=f"GPU-{self.index}"))
        assert [ranked_on(target) for target in ("cuda", "cuda:0", "cuda:1")] == ["GPU-0", "GPU-0", "GPU-1"]
        with pytest.raises(DeviceError, match=r"'cuda:2' was not measured; the store has .*--environment"):
            ranked_on("cuda:2")

    def test_stale_measurements_are_counted_and_not_used(self, store: Store) -> None:
        profile = load_profile("quickstart")
        profile = profile.model_copy(update={"device": profile.device.model_copy(update={"target": "cpu"})})
        old = [("timm", "1.0.0") if name == "timm" else (name, version) for name, version in CPU.versions]
        fill(store, profile, _with_versions(old), samples=100)
        fill(store, load_profile("cloud_api"), CPU, samples=100)
        ranked = rank(profile, store, CPU.id)
        assert ranked.winner is None
        assert len(ranked.evidence.stale) > 20
        assert not ranked.evidence.measurements


class TestDecideRun:
    def test_later_measurements_do_not_change_it(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        first = evaluate(fake_profile(), store)
        run = first.evidence.run_id
        assert run is not None
        monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*@openvino=slow")
        later = evaluate(fake_profile(), store, Options(force=True))
        assert later.winner is not None
        assert later.winner.id == f"{LONG}@eager"
        again = decide_run(store, run)
        assert summary(again) == summary(first)
        assert again.headline == first.headline
        assert again.evidence.certificate == first.evidence.certificate
        assert again.evidence.timing == first.evidence.timing
        assert again.evidence.run_id == run
        assert summary(decide_run(store, "latest")) == summary(later)

    def test_added_samples_do_not_change_it(self, store: Store) -> None:
        first = evaluate(fake_profile(requirements={"latency_p50": "< 50 ms"}, objective=BY_LATENCY), store)
        evaluate(fake_profile(requirements={"latency_p99": "< 50 ms"}, objective=BY_LATENCY), store)
        assert summary(decide_run(store, str(first.evidence.run_id))) == summary(first)

    def test_another_profile_may_be_asked_of_it(self, evaluated: Evaluated) -> None:
        store = evaluated.store
        profile = fake_profile().with_limit("latency_p95", 0.001)
        decision = decide_run(store, "latest", profile)
        assert decision.winner is None
        assert {one.id for one in decision.rejected if one.stage == "measured"} == WANTED

    def test_an_interrupted_run_is_decided_from_what_it_had(self, store: Store) -> None:
        watcher = Watcher()
        stopped = evaluate(fake_profile(), store, Options(stopping=lambda: len(watcher.done) > 0), watcher)
        evaluate(fake_profile(), store)
        assert summary(decide_run(store, str(stopped.evidence.run_id))) == summary(stopped)

    def test_an_unknown_run_is_refused(self, store: Store) -> None:
        with pytest.raises(UnknownNameError, match="run 'nope'"):
            decide_run(store, "nope")


def samples(decision: Decision) -> dict[str, int]:
    """By candidate id, how many samples speak for it."""
    return {
        name: one.observation.summary.samples
        for name, one in decision.evidence.measurements.items()
        if one.observation is not None
    }


def _targeting(target: str) -> Any:
    return fake_profile(device={"target": target})


def _with_versions(versions: list[tuple[str, str]]) -> Any:
    return replace(CPU, versions=tuple(versions))


def test_a_decision_brings_the_samples_of_its_finalists_and_of_nobody_else() -> None:
    with Store("sqlite://") as store:
        reference = fill(store, load_profile("quickstart"))
        as_it_ended = decide_run(store, reference)
        for decision in (as_it_ended, rank(load_profile("quickstart"), store, CPU.id)):
            assert decision.winner is decision.ranked[0]
            queries = {}
            for one in decision.ranked:
                assert one.measurement is not None
                assert one.measurement.observation is not None
                queries[one.measurement.identity] = len(one.measurement.observation.latencies) // 8
            assert list(queries.values())[:4] == [160] * 4
            assert set(list(queries.values())[4:]) == {0}
        assert spreads(as_it_ended) is not None


def test_the_samples_are_those_that_the_run_stood_on() -> None:
    profile = fake_profile()
    with Store("sqlite://") as store:
        first = evaluate(profile, store)
        evaluate(profile, store, Options(force=True))
        assert first.evidence.run_id is not None
        again = decide_run(store, first.evidence.run_id)
    assert [one.measurement for one in again.ranked] == [one.measurement for one in first.ranked]
    assert spreads(again) == spreads(first)
