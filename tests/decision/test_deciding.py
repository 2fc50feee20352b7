from __future__ import annotations

import pickle

import pytest
from support.evidence import (
    RANDOM_WEIGHTS,
    make_evidence,
    make_measurement,
    make_planned,
    make_profile,
)

from selector.decision import Decider, Decision, Status, decide
from selector.decision.records import TIES_LISTED
from selector.metrics import METRICS, MetricValue, NotObserved, metric
from selector.requirements import Verdict
from selector.types import Certificate


def measured(name="resnet18.a1_in1k", way="eager", p50=0.01, *, top1=0.8, **changes):
    facts = {key: changes.pop(key) for key in ("license", "parameters", "unavailable") if key in changes}
    planned = make_planned(name, way, top1=top1, **facts)
    return planned, make_measurement(planned.candidate, p50, **changes)


def decided(*rows, requirements=None, certificate=None, stale=None, notes=(), **profile) -> Decision:
    evidence = make_evidence(rows, certificate=certificate, stale=stale, notes=notes)
    return decide(make_profile(requirements or {}, **profile), evidence)


def only(decision: Decision):
    (one,) = decision.assessments
    return one


STRICT = {"latency_p95": "< 50 ms", "accuracy_top1": "> 85 %"}


def test_static_facts_come_before_everything_else():
    row = measured(top1=0.8, outcome="crashed", message="signal 9", unavailable="needs CUDA")
    one = only(decided(row, requirements=STRICT))
    assert (one.status, one.stage) == (Status.REJECTED, "static")
    assert one.reasons == ("top-1 80.0 %, limit > 85 %, 5.0 points under",)
    assert one.judgements["accuracy_top1"].verdict is Verdict.FAILS
    assert one.exclusion.requirement == "accuracy_top1"


def test_a_licence_that_is_not_allowed_rejects_unmeasured():
    one = only(decided(measured(license=None), licenses=("mit",)))
    assert (one.status, one.stage) == (Status.REJECTED, "static")
    assert one.reasons == ("its licence is not known, which counts as not allowed",)


def test_the_bound_on_memory_stands_among_the_judgements():
    row = make_planned(parameters=100_000_000)
    one = only(decided(row, requirements={"memory_peak": "< 64 MiB"}))
    assert one.stage == "static"
    assert one.judgements["memory_peak"].verdict is Verdict.FAILS
    assert one.judgements["memory_peak"].result.evidence == "predicted"


def test_a_way_that_is_not_there_is_unavailable_with_its_reason():
    assert only(decided(make_planned(unavailable="needs CUDA"))).reasons == ("needs CUDA",)
    row = measured(outcome="unavailable", message="openvino is not installed")
    one = only(decided(row))
    assert one.status is Status.UNAVAILABLE
    assert one.reasons == ("openvino is not installed",)


@pytest.mark.parametrize("outcome", ["export_failed", "crashed", "unstable", "timed_out", "wrong_output"])
def test_a_failure_is_named_and_never_wins(outcome):
    decision = decided(measured(outcome=outcome, message="foreign load"))
    one = only(decision)
    assert one.status is Status.FAILED
    assert one.reasons == (f"{outcome}: foreign load",)
    assert (decision.winner, decision.exit_code) == (None, 1)


def test_a_failure_without_message_says_where():
    assert only(decided(measured(outcome="timed_out", phase="build"))).reasons == ("timed_out during build",)


@pytest.mark.parametrize(
    ("stopped", "reason"),
    [
        (None, "not measured yet"),
        ("time_budget", "not measured: the time budget of 3 min 30 s was used up first"),
        ("interrupted", "not measured: the run was interrupted before its turn"),
        ("exhausted", "not measured: it was not among those that the run set out to measure"),
        ("certain", "not measured: the search (guided) stopped first: certain"),
    ],
)
def test_what_was_never_measured_says_why(stopped, reason):
    certificate = stopped and Certificate("guided", 1, 0, None, stopped)
    decision = decided(make_planned(), certificate=certificate, evaluation={"time_budget": 210.0})
    assert only(decision).status is Status.NOT_MEASURED
    assert only(decision).reasons == (reason,)


def test_every_requirement_that_fails_is_told_with_its_numbers():
    row = measured(p50=0.055, p95=0.0612, noise=0.01)
    one = only(decided(row, requirements={"latency_p95": "< 50 ms", "throughput": ">= 100 img/s"}))
    assert (one.status, one.stage) == (Status.REJECTED, "measured")
    assert one.reasons == (
        "p95 61.2 ms, limit < 50 ms, 22 % over",
        "throughput 18.2 img/s, limit >= 100 img/s, 82 % under",
    )


def test_noise_around_a_limit_leaves_it_undecided():
    one = only(decided(measured(p95=0.0495, noise=0.03), requirements={"latency_p95": "< 50 ms"}))
    assert one.status is Status.UNDECIDED
    assert one.reasons == ("p95 49.5 ms (48–51 ms) does not clear the limit < 50 ms beyond noise",)


def test_a_failing_requirement_outweighs_an_undecided_one():
    row = measured(p50=0.06, p95=0.061, samples=50)
    one = only(decided(row, requirements={"latency_p95": "< 70 ms", "latency_p50": "< 50 ms"}))
    assert one.reasons == ("p50 60 ms, limit < 50 ms, 20 % over",)
    assert one.judgements["latency_p95"].verdict is Verdict.UNDECIDED


def test_a_missing_metric_never_passes():
    one = only(decided(measured(samples=50), requirements={"latency_p95": "< 50 ms"}))
    assert one.status is Status.UNDECIDED
    assert one.reasons == ("p95 is not known: not enough samples: 50 of the 90 that p95 needs",)


def test_a_missing_objective_never_ranks():
    one = only(decided(measured(top1=None)))
    assert one.status is Status.UNDECIDED
    assert one.reasons[0].startswith("top-1, which is the objective, is not observed: no figure published")


def test_a_figure_that_is_no_number_is_not_observed():
    one = only(decided(measured(build_seconds=float("nan")), requirements={"build_time": "< 5 s"}))
    assert one.status is Status.UNDECIDED
    assert isinstance(one.metrics["build_time"], NotObserved)


def test_the_winner_says_what_it_offers_and_who_comes_next():
    decision = decided(
        measured("swin.x", p50=0.009, p95=0.0098, noise=0.01, top1=0.791),
        measured("vit.x", p50=0.004, top1=0.786),
        requirements={"latency_p95": "< 30 ms"},
    )
    assert decision.winner is decision.ranked[0]
    assert decision.winner.reasons == (
        "top-1 79.1 % (published), the highest of 2 feasible candidates",
        "p95 9.8 ms, limit < 30 ms, 67 % to spare",
        "runner-up vit.x@eager: −0.5 points top-1",
    )
    assert decision.ranked[1].reasons == ("−0.5 points top-1",)
    assert [one.rank for one in decision.ranked] == [1, 2]


def test_ways_of_one_model_are_compared_by_what_parts_them():
    decision = decided(
        measured(way="eager", p50=0.0121, noise=0.01),
        measured(way="openvino", p50=0.0098, noise=0.01),
        measured(way="compile", p50=0.00981, noise=0.01),
    )
    assert [one.planned.candidate.optimization for one in decision.ranked] == ["compile", "openvino", "eager"]
    winner, second, third = decision.ranked
    assert winner.tied_with == (second.id,)
    assert second.tied_with == (winner.id,)
    assert third.tied_with == ()
    alike = "parameters equal; nothing else parts them, so they stand in order of their names"
    assert winner.reasons[-1] == (
        f"tied with {second.id}; against {second.id}: top-1 equal; p50 9.8 ms against 9.81 ms, within the noise; "
        f"{alike}"
    )
    assert second.reasons == (
        f"tied with the winner: top-1 equal; p50 9.8 ms against 9.81 ms, within the noise; {alike}",
    )
    assert third.reasons == ("top-1 equal; p50 12.1 ms against 9.81 ms (+23 %)",)


def test_a_tie_broken_by_a_preference_says_so():
    decision = decided(
        measured("a.x", p50=0.0098, noise=0.02, parameters=30_000_000),
        measured("b.x", p50=0.0099, noise=0.02, parameters=28_600_000),
    )
    assert decision.ranked[0].id == "b.x@eager"
    assert decision.ranked[1].reasons == (
        "tied with the winner: top-1 equal; p50 9.8 ms against 9.9 ms, within the noise; "
        "parameters 30 M against 28.6 M (+4.9 %)",
    )


def test_ties_behind_the_winner_are_named_too():
    decision = decided(
        measured("a.x", top1=0.9),
        *(measured("b.x", way, top1=0.8) for way in ("eager", "compile", "openvino", "onnxruntime")),
    )
    last = decision.ranked[-1]
    assert last.reasons == ("−10.0 points top-1", "tied with b.x@compile, b.x@eager and 1 other")


def test_who_is_within_the_winners_noise_but_beaten_by_another_says_by_whom():
    objective = {"direction": "minimize", "metric": "latency_p50", "tie_breakers": ("parameters",)}
    decision = decided(
        measured("wide.x", p50=0.010, noise=0.25, parameters=1_000_000),
        measured("fast.x", p50=0.0105, noise=0.01, parameters=20_000_000),
        measured("late.x", p50=0.0119, noise=0.01, parameters=500_000),
        objective=objective,
    )
    assert [one.planned.candidate.architecture for one in decision.ranked] == ["wide", "fast", "late"]
    assert decision.ranked[2].reasons == (
        "p50 11.9 ms against 10 ms, within the noise of the winner's, but beaten beyond it by fast.x@eager",
    )


def test_a_winner_that_is_not_the_fastest_by_the_figure_does_not_claim_it():
    objective = {"direction": "minimize", "metric": "latency_p50", "tie_breakers": ("parameters",)}
    decision = decided(
        measured("a.x", p50=0.010, noise=0.05, parameters=30_000_000),
        measured("b.x", p50=0.0101, noise=0.05, parameters=20_000_000),
        objective=objective,
    )
    assert decision.winner.reasons[0] == (
        "p50 10.1 ms, which none of the 2 feasible candidates beats beyond the noise"
    )


def test_an_unlimited_tie_lists_only_the_best_placed():
    objective = {"direction": "maximize", "metric": "agreement_top1", "tie_breakers": ()}
    rows = [measured(f"net{number:03}.x") for number in range(TIES_LISTED + 20)]
    decision = decided(*rows, objective=objective)
    assert all(len(one.tied_with) == TIES_LISTED for one in decision.ranked)
    assert all(one.id not in one.tied_with for one in decision.ranked)


def test_a_choice_despite_failures_has_its_own_exit_code():
    decision = decided(measured("a.x"), measured("b.x", outcome="crashed", message="signal 11"))
    assert decision.winner.id == "a.x@eager"
    assert decision.exit_code == 3
    assert decided(measured("a.x"), make_planned("b.x", unavailable="no")).exit_code == 0


def test_rejected_candidates_stand_measured_first_and_nearest_first():
    decision = decided(
        measured("far.x", p50=0.2, top1=0.9),
        make_planned("low.x", top1=0.84),
        measured("near.x", p50=0.05, top1=0.9),
        requirements=STRICT,
    )
    assert [one.planned.candidate.architecture for one in decision.rejected] == ["near", "far", "low"]


def test_metrics_are_those_mentioned_and_the_standard_set():
    requirements = {"latency_p99": "< 1 s", "accuracy_top1@imagenet-1k": "> 10 %"}
    one = only(decided(measured(), requirements=requirements, device={"price": 0.001}))
    assert {"latency_p99", "accuracy_top1@imagenet-1k", "cost_per_million", "gmacs"} <= set(one.metrics)
    assert "energy_per_image" not in one.metrics
    assert "cost_per_million" not in only(decided(measured())).metrics
    with pytest.raises(KeyError):
        one.metrics["energy_per_image"]
    assert one.metrics["accuracy_top1@imagenet-1k"] == one.metrics["accuracy_top1"]
    assert one.metrics["throughput"].value == pytest.approx(100.0)


def test_another_profile_can_admit_what_the_plan_excluded():
    evidence = make_evidence([make_planned(top1=0.8), measured("b.x", top1=0.9, way="compile")])
    strict = make_profile({"accuracy_top1": "> 85 %"})
    assert [len(strict_list) for strict_list in (decide(strict, evidence).rejected,)] == [1]
    relaxed = decide(strict.with_limit("accuracy_top1", 0.7), evidence)
    assert [one.id for one in relaxed.not_measured] == ["resnet18.a1_in1k@eager"]


def test_a_static_metric_of_an_outside_package_is_judged_for_every_way():
    """Two ways of one model share precision and size, yet a plugin may know a difference between them."""

    @metric("royalties", unit="USD", kind="money", better="lower", description="Of the runtime", static=True)
    def royalties(reading):
        return MetricValue(9.0 if reading.candidate.optimization == "openvino" else 1.0, evidence="published")

    try:
        rows = [make_planned(optimization=way) for way in ("eager", "openvino", "compile")]
        decision = decided(*rows, requirements={"royalties": "< 5 USD"})
        assert [one.id for one in decision.rejected] == ["resnet18.a1_in1k@openvino"]
    finally:
        METRICS._entries.pop("royalties")


def test_a_decider_gives_what_decide_gives_and_computes_each_figure_once(monkeypatch):
    computed = []
    latency = METRICS.get("latency_p95")
    original = latency.compute

    def counted(reading):
        computed.append(reading.candidate.id)
        return original(reading)

    object.__setattr__(latency, "compute", counted)
    try:
        evidence = make_evidence([measured(f"net{number}.x", p50=0.01 * number) for number in range(1, 6)])
        profile, decider = make_profile({"latency_p95": "< 30 ms"}), Decider(evidence)
        for limit in (0.02, 0.03, 0.05):
            moved = profile.with_limit("latency_p95", limit)
            decision = decider.decide(moved)
            assert sorted(computed) == sorted(planned.candidate.id for planned in evidence.plan.considered)
            assert [one.id for one in decision.ranked] == [one.id for one in decide(moved, evidence).ranked]
            computed[5:] = []
    finally:
        object.__setattr__(latency, "compute", original)


def test_a_decider_forgets_what_a_moved_limit_touches():
    """Measured, static and memory limits there and back again: each time what `decide` says from scratch."""
    evidence = make_evidence([measured(f"net{number}.x", p50=0.01 * number) for number in range(1, 6)])
    asked = make_profile({"latency_p95": "< 30 ms", "parameters": "< 300 M", "memory_peak": "< 8 GiB"})
    decider = Decider(evidence)
    moves = (("latency_p95", 0.02), ("parameters", 1.0), ("memory_peak", 1.0), ("latency_p95", 0.05))
    profiles = [asked, *(asked.with_limit(key, limit) for key, limit in moves), asked, asked.without("parameters")]
    seen = set()
    for profile in profiles:
        found, wanted = decider.decide(profile), decide(profile, evidence)
        assert found.headline == wanted.headline
        for one, other in zip(found.assessments, wanted.assessments, strict=True):
            assert (one.id, one.status, one.stage, one.reasons) == (
                other.id,
                other.status,
                other.stage,
                other.reasons,
            )
            assert dict(one.judgements) == dict(other.judgements)
        seen.add(found.headline)
    assert len(seen) >= 4


def test_a_decider_keeps_no_figures_of_another_price():
    evidence = make_evidence([measured()])
    decider = Decider(evidence)
    for price in (0.001, 0.002):
        profile = make_profile({"cost_per_million": "< 50 USD"}, device={"price": price})
        (one,) = decider.decide(profile).assessments
        assert one.metrics["cost_per_million"].value == pytest.approx(1e6 * price * 0.01)


def test_a_decision_survives_pickling():
    decision = decided(
        measured("a.x"), measured("b.x", p50=0.2), measured("c.x"), requirements={"latency_p95": "< 50 ms"}
    )
    copy = pickle.loads(pickle.dumps(decision))
    assert [tuple(one.reasons) for one in copy.assessments] == [tuple(one.reasons) for one in decision.assessments]
    assert copy.headline == decision.headline
    assert isinstance(copy.winner.metrics["throughput"], MetricValue)


def test_random_weights_leave_the_accuracy_of_half_precision_open():
    decision = decided(
        measured("a.x", "amp-bf16", weights=RANDOM_WEIGHTS),
        measured("b.x", "eager", weights=RANDOM_WEIGHTS),
        measured("c.x", "openvino-int8", weights=RANDOM_WEIGHTS),
    )
    assert [one.id for one in decision.ranked] == ["b.x@eager"]
    assert [one.id for one in decision.undecided] == ["a.x@amp-bf16", "c.x@openvino-int8"]
    assert decision.notes == (
        "1 candidate is undecided because the weights were random: these tell speed and memory, but neither "
        "agreement nor whether a half-precision way keeps the published accuracy",
    )


def test_notes_carry_the_plan_over_and_count_stale_evidence():
    decision = decided(
        measured("a.x"), notes=("weights are random",), stale={"a.x@eager": 3, "not.considered@eager": 9}
    )
    assert decision.notes == (
        "weights are random",
        "3 stored measurements of 1 candidate are stale and not used: made on this device, but with other versions, "
        "threads, power limit or protocol",
    )
