"""Two candidates of a decision, and two decisions, side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.drawn import evidences, profiles
from support.evidence import make_environment, make_evidence, make_measurement, make_planned, make_profile

from selector.decision import Decision, decide
from selector.decision.comparing import (
    Change,
    changes,
    compare_candidates,
    compare_decisions,
    environment_changes,
    flat,
)
from selector.decision.differences import SESSIONS, Basis
from selector.requirements import RequirementProfile, Verdict
from selector.types import Duel, Environment, Evidence, Interval, RunOff

PROFILE = make_profile({"latency_p95": "< 30 ms"}, objective={"direction": "minimize", "metric": "latency_p50"})
OLD = make_environment()
NEW = make_environment(driver="6.2", versions=(("onnx", "1.0"), ("torch", "2.10.0")))


def decision(
    medians: dict[str, float], environment: Environment = OLD, profile: RequirementProfile = PROFILE, run: str = "a"
) -> Decision:
    pairs = []
    for name, median in medians.items():
        planned = make_planned(f"{name}.x")
        made = make_measurement(planned.candidate, median, environment=environment, run_id=run)
        pairs.append((planned, replace(made, id=f"{run}-{name}")))
    return decide(profile, make_evidence(pairs, environment=environment, run_id=run))


class TestCandidates:
    def test_metrics_verdicts_and_identity(self) -> None:
        found = decision({"fast": 0.01, "slow": 0.05})
        first, second = (found.find(f"{name}.x@eager") for name in ("fast", "slow"))
        compared = compare_candidates(found, first, second)
        by_key = {one.key: one for one in compared.differences}
        assert by_key["latency_p50"].ratio is not None
        assert by_key["latency_p50"].ratio.value == pytest.approx(5)
        assert by_key["latency_p50"].better == "first"
        assert list(by_key) == list(first.metrics)
        assert compared.verdicts == {"latency_p95": (Verdict.HOLDS, Verdict.FAILS)}
        assert {one.name for one in compared.identity} >= {"model"}
        assert compared.environment == ()
        assert compared.chances == pytest.approx((1.0, 0.0))

    def test_two_tags_of_one_architecture_share_a_measurement(self) -> None:
        one, other = make_planned("net.a"), make_planned("net.b")
        shared = make_measurement(one.candidate, 0.01)
        found = decide(PROFILE, make_evidence([(one, shared), (other, shared)]))
        compared = compare_candidates(found, found.find("net.a@eager"), found.find("net.b@eager"))
        assert {each.basis for each in compared.differences if each.key.startswith("latency")} == {Basis.SAME}
        assert not any(each.beyond_noise for each in compared.differences)
        assert compared.comparisons == 0

    def test_two_tags_of_one_measurement_keep_their_own_published_accuracies(self) -> None:
        one, other = make_planned("net.a", top1=0.80), make_planned("net.b", top1=0.75)
        shared = make_measurement(one.candidate, 0.01)
        found = decide(PROFILE, make_evidence([(one, shared), (other, shared)]))
        compared = compare_candidates(found, found.find("net.a@eager"), found.find("net.b@eager"))
        (told,) = (each for each in compared.differences if each.key == "accuracy_top1")
        assert told.basis is Basis.EXACT
        assert told.better == "first"

    def test_those_that_met_are_told_by_their_run_off(self) -> None:
        """Their intervals overlap; timed in turn the second was slower by 3 to 5 %."""
        apart = decision({"a": 0.0100, "b": 0.0102})
        one, other = (apart.find(f"{name}.x@eager") for name in "ab")
        assert one.measurement is not None
        assert other.measurement is not None
        names = (one.measurement.identity, other.measurement.identity)
        run_off = RunOff(
            id="r",
            environment=OLD,
            run_id="a",
            created=one.measurement.created,
            candidates=(one.id, other.id),
            identities=names,
            statistic="p50",
            rounds=8,
            queries=5,
            latencies={},
            duels=(Duel(*names, "p50", Interval(1 / 1.04, 1 / 1.05, 1 / 1.03)),),
            disturbed_by=(),
            wall_seconds=1.0,
        )
        for disturbed, basis, better in (((), Basis.PAIRED, "first"), (("steal",), Basis.INTERVALS, None)):
            met = decide(PROFILE, replace(apart.evidence, run_offs=(replace(run_off, disturbed_by=disturbed),)))
            compared = compare_candidates(met, met.find(one.id), met.find(other.id))
            found = {each.key: each for each in compared.differences}
            assert (found["latency_p50"].basis, found["latency_p50"].better) == (basis, better)
            assert found["latency_p95"].basis is Basis.INTERVALS
        assert compared.comparisons == 6

    @settings(max_examples=40, deadline=None)
    @given(profiles(), evidences(), st.data())
    def test_exchanging_them_mirrors(
        self, profile: RequirementProfile, evidence: Evidence, data: st.DataObject
    ) -> None:
        found = decide(profile, evidence)
        if not found.assessments:
            return
        first, second = (data.draw(st.sampled_from(found.assessments)) for _ in range(2))
        there, back = compare_candidates(found, first, second), compare_candidates(found, second, first)
        assert there.comparisons == back.comparisons
        for one, other in zip(there.differences, back.differences, strict=True):
            assert (one.key, one.basis, one.beyond_noise) == (other.key, other.basis, other.beyond_noise)
            assert one.better == {"first": "second", "second": "first", None: None}[other.better]
        assert there.verdicts == {key: pair[::-1] for key, pair in back.verdicts.items()}
        assert there.identity == tuple(Change(one.name, one.second, one.first) for one in back.identity)

    @settings(max_examples=40, deadline=None)
    @given(profiles(), evidences())
    def test_one_with_itself_is_alike(self, profile: RequirementProfile, evidence: Evidence) -> None:
        found = decide(profile, evidence)
        for one in found.assessments[:5]:
            compared = compare_candidates(found, one, one)
            assert all(each.equal for each in compared.differences)
            assert (compared.verdicts, compared.identity, compared.environment) == ({}, (), ())


class TestDecisions:
    def test_who_moved_entered_and_left(self) -> None:
        before = decision({"a": 0.010, "b": 0.015, "c": 0.020}, run="a")
        after = decision({"a": 0.017, "b": 0.015, "d": 0.012}, NEW, run="b")
        compared = compare_decisions(before, after, SESSIONS)
        assert [one.id for one in compared.entered] == ["d.x@eager"]
        assert [one.id for one in compared.left] == ["c.x@eager"]
        assert {one.id: one.rank for one in compared.pairings} == {
            "a.x@eager": (1, 3),
            "d.x@eager": (None, 1),
            "b.x@eager": (2, 2),
            "c.x@eager": (3, None),
        }
        assert (compared.same_choice, compared.within_ties) == (False, False)
        noticed = {one.id: {each.key for each in one.beyond_noise} for one in compared.pairings if one.beyond_noise}
        assert set(noticed) == {"a.x@eager"}
        assert {"latency_p50", "throughput"} <= noticed["a.x@eager"]

    def test_environment_and_profile_are_named(self) -> None:
        asked = make_profile({"latency_p95": "< 40 ms"}, workload={"batch_size": 2})
        compared = compare_decisions(decision({"a": 0.01}), decision({"a": 0.01}, NEW, asked), SESSIONS)
        assert compared.environment == (
            Change("driver", "6.1", "6.2"),
            Change("versions.onnx", None, "1.0"),
            Change("versions.torch", "2.9.0", "2.10.0"),
        )
        named = {one.name: (one.first, one.second) for one in compared.profile}
        assert named["requirements.latency_p95"] == ("< 30 ms", "< 40 ms")
        assert named["workload.batch_size"] == (1, 2)
        assert named["objective.metric"] == ("latency_p50", "accuracy_top1")

    def test_what_changed_within_a_tie_is_no_more_than_noise(self) -> None:
        asked = make_profile(objective={"direction": "minimize", "metric": "latency_p50", "tie_breakers": ()})
        before, after = (
            decision({"a": one, "b": 0.01}, profile=asked, run=run) for one, run in ((0.0101, "x"), (0.0099, "y"))
        )
        compared = compare_decisions(before, after, SESSIONS)
        assert compared.same_choice or compared.within_ties
        assert not any(one.beyond_noise for one in compared.pairings)

    def test_sessions_of_three_percent_are_noise(self) -> None:
        compared = compare_decisions(decision({"a": 0.01}), decision({"a": 0.0103}, run="b"), SESSIONS)
        assert not any(one.beyond_noise for one in compared.pairings)

    @settings(max_examples=30, deadline=None)
    @given(profiles(), evidences(), evidences())
    def test_exchanging_them_mirrors(self, profile: RequirementProfile, one: Evidence, other: Evidence) -> None:
        first, second = decide(profile, one), decide(profile, other)
        there, back = (compare_decisions(*pair, SESSIONS) for pair in ((first, second), (second, first)))
        assert there.comparisons == back.comparisons
        assert (there.same_choice, there.within_ties) == (back.same_choice, back.within_ties)
        assert [one.id for one in there.pairings] == [one.id for one in back.pairings]
        assert {one.id for one in there.entered} == {one.id for one in back.left}
        for mine, others in zip(there.pairings, back.pairings, strict=True):
            assert mine.status == others.status[::-1]
            assert mine.rank == others.rank[::-1]
            assert {each.key for each in mine.beyond_noise} == {each.key for each in others.beyond_noise}

    @settings(max_examples=30, deadline=None)
    @given(profiles(), evidences())
    def test_one_with_itself_is_alike(self, profile: RequirementProfile, evidence: Evidence) -> None:
        found = decide(profile, evidence)
        compared = compare_decisions(found, found, SESSIONS)
        assert compared.same_choice
        assert compared.comparisons == 0
        assert not any(one.moved or one.beyond_noise or one.verdicts for one in compared.pairings)
        assert (compared.environment, compared.profile) == ((), ())


def test_flat_names_requirements_by_their_metric() -> None:
    profile = make_profile({"accuracy_top1@imagenet-1k": ">= 50 %", "latency_p95": "< 5 ms"})
    named = flat(profile.as_dict())
    assert named["requirements.accuracy_top1@imagenet-1k"] == ">= 50 %"
    assert named["requirements.latency_p95"] == "< 5 ms"


def test_changes_name_what_is_missing_on_one_side() -> None:
    assert changes({"a": 1, "b": 2}, {"b": 3}) == (Change("a", 1, None), Change("b", 2, 3))
    assert environment_changes(OLD, OLD) == ()
