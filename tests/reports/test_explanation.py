"""Why one candidate stands where it stands, in words."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.evidence import make_evidence, make_measurement, make_planned, make_profile
from support.sample_decisions import HOSTILE, NAMES, sample_decision

from selector.decision import Assessment, Decision, decide
from selector.reports.explanation import candidate_document, explain_text
from selector.reports.json_report import decision_data
from selector.reports.text import plain
from selector.types import Outcome

PROFILE = make_profile({"latency_p95": "< 50 ms"})


def explained(decision: Decision, assessment: Assessment, **options: bool) -> list[str]:
    return explain_text(decision, assessment, **options).splitlines()


def failure(log: str) -> tuple[Decision, Assessment]:
    planned = make_planned()
    failed = make_measurement(planned.candidate, outcome=Outcome.BUILD_FAILED, message="no engine")
    decision = decide(PROFILE, make_evidence([(planned, replace(failed, log=log))]))
    return decision, decision.failed[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_candidate_of_every_decision_is_explained(name: str) -> None:
    decision = sample_decision(name)
    listed = {
        status: {one["id"] for one in decision_data(decision)[status]}
        for status in ("ranked", "undecided", "rejected", "failed", "unavailable", "not_measured")
    }
    for one in decision.assessments:
        text = explain_text(decision, one)
        assert text.endswith("\n")
        assert "\x1b" not in text
        lines = text.splitlines()
        assert lines[1].startswith("  ")
        behind = decision.winner is not None and (one.rank or 1) > 1
        heading = f"  why, against the choice {plain(decision.winner.id)}" if behind else "  why"
        reasons = lines[lines.index(heading) + 1 :] if one.reasons else []
        assert len([line for line in reasons[: len(one.reasons)] if line.startswith("    ")]) == len(one.reasons)
        assert one.id in listed[candidate_document(decision, one)["status"]]


def test_who_dominates_a_candidate_is_named_with_what_it_has_over_it() -> None:
    slow, fast = make_planned("slow.a1_in1k", top1=0.7), make_planned("fast.a1_in1k", top1=0.75)
    equal = make_planned("equal.a1_in1k", top1=0.75)
    speeds = {slow: 0.02, fast: 0.01, equal: 0.01}
    rows = [(planned, make_measurement(planned.candidate, p50)) for planned, p50 in speeds.items()]
    decision = decide(PROFILE, make_evidence(rows))
    lines = explained(decision, decision.find("slow.a1_in1k@eager"))
    (told,) = (line for line in lines if "dominated by" in line)
    assert "dominated by equal.a1_in1k@eager: −5.0 points top-1; p95 22 ms against 11 ms (+100 %)" in told
    assert told.endswith("; 1 more dominate it, too")
    document = candidate_document(decision, decision.find("slow.a1_in1k@eager"))
    assert document["dominated_by"] == ["equal.a1_in1k@eager", "fast.a1_in1k@eager"]
    for name in ("fast", "equal"):
        best = explained(decision, decision.find(f"{name}.a1_in1k@eager"))
        assert any(line.startswith("    on the front: no feasible candidate is as good in all") for line in best)
        assert any(
            re.match(r"    the chance that it is the best of the 3 feasible is [45]\d %$", one) for one in best
        )


def test_what_would_admit_a_rejected_candidate_is_told() -> None:
    planned = make_planned()
    decision = decide(PROFILE, make_evidence([(planned, make_measurement(planned.candidate, 0.05))]))
    (rejected,) = decision.rejected
    assert "    to admit it, relax latency_p95 from < 50 ms to < 56.2 ms" in explained(decision, rejected)
    admitted = candidate_document(decision, rejected)["admitted_by"]
    assert admitted["limits"] == {"latency_p95": pytest.approx(0.0562)}
    unmendable, failed = failure("")
    assert candidate_document(unmendable, failed)["admitted_by"] is None


def test_standing_says_place_and_ties() -> None:
    decision = sample_decision("quickstart")
    assert explained(decision, decision.ranked[0])[1].startswith("  the choice")
    assert explained(decision, decision.ranked[1])[1].startswith(f"  rank 2 of {len(decision.ranked)}: meets every")
    tied = next(one for one in decision.ranked if one.tied_with)
    assert f"tied with {len(tied.tied_with)} other" in explained(decision, tied)[1]
    static = next(one for one in decision.rejected if one.stage == "static")
    assert explained(decision, static)[1] == "  rejected before measuring, by what is known of the model"
    measured = next(one for one in sample_decision("no_choice").rejected if one.stage == "measured")
    assert explained(sample_decision("no_choice"), measured)[1] == "  rejected by measurement"


def test_figures_tell_intervals_samples_and_what_is_missing() -> None:
    decision = sample_decision("quickstart")
    lines = explained(decision, decision.ranked[0])
    (latency,) = (line for line in lines if line.startswith("    latency_p95 "))
    assert " ms (" in latency
    assert " at 95 % confidence)" in latency
    assert "measured here, 160 samples" in latency
    missing = decide(PROFILE, make_evidence([make_planned()]))
    assert any("– (" in line for line in explained(missing, missing.not_measured[0]))


def test_a_long_log_is_cut_unless_asked_for() -> None:
    decision, failed = failure("\n".join(f"line {number}" for number in range(40)))
    short, whole = explained(decision, failed), explained(decision, failed, log=True)
    assert "  log (last 12 of 40 lines; --verbose shows all)" in short
    assert "    line 28" in short
    assert "    line 27" not in short
    assert "  log" in whole
    assert "    line 0" in whole


def test_a_log_is_shown_and_not_obeyed() -> None:
    decision, failed = failure(f"{HOSTILE}\n\x1b]0;title\x07")
    text = explain_text(decision, failed, log=True)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text


def test_without_a_log_there_is_no_block_of_it() -> None:
    decision, failed = failure("  \n")
    assert "  log" not in explained(decision, failed)
