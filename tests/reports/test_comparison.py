"""What is printed of comparisons and checks, and the same as data."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from support.drawn import evidences, profiles
from support.evidence import make_environment, make_evidence, make_measurement, make_planned, make_profile

from selector.decision import Decision, decide
from selector.decision.comparing import Change, compare_candidates, compare_decisions
from selector.decision.differences import SESSIONS, Basis, Difference
from selector.decision.regression import Check, Finding, Visit, judge_visit
from selector.metrics import MetricValue
from selector.reports.comparison import candidates_text, check_text, decisions_text, difference_text
from selector.reports.comparison_json import SCHEMA_VERSION, candidates_data, check_data, decisions_data
from selector.requirements import RequirementProfile
from selector.types import Environment, Evidence, Interval, Outcome

PROFILE = make_profile({"latency_p95": "< 30 ms"}, objective={"direction": "minimize", "metric": "latency_p50"})
HOSTILE = "<script>alert(1)</script> | `id` \x1b[31m\n\u202egnp 名前 🦙"
NAMES = ("run a", "run b")


def decision(medians: dict[str, float], environment: Environment | None = None, run: str = "a") -> Decision:
    environment = environment or make_environment()
    pairs = []
    for name, median in medians.items():
        planned = make_planned(f"{name}.x")
        made = make_measurement(planned.candidate, median, environment=environment, run_id=run)
        pairs.append((planned, replace(made, id=f"{run}-{name}")))
    return decide(PROFILE, make_evidence(pairs, environment=environment, run_id=run))


def check(*medians: float, **changes: object) -> Check:
    baseline = decision({"net": 0.02}).assessments[0]
    visits = tuple(
        judge_visit(PROFILE, baseline, decision({"net": one}).assessments[0], 0.0, SESSIONS) for one in medians
    )
    made = Check(
        PROFILE, "20260101-a", "20260102-b", "net.x@eager", make_environment(), visits, (), (), 0.0, SESSIONS
    )
    return replace(made, **changes)


class TestDifferences:
    figure = MetricValue(1.0)

    def told(self, key: str, basis: Basis, ratio: Interval | None, gap: Interval) -> str:
        return difference_text(Difference(key, self.figure, MetricValue(2.0), basis, ratio, gap))

    @pytest.mark.parametrize(
        ("ratio", "text"),
        [
            (Interval(1.121, 1.07, 1.175), "+12.1 % (+7.0 to +17.5)"),
            (Interval(0.95, 0.9, 1.0), "−5.0 % (−10.0 to 0.0)"),
            (Interval(1.0, 0.9996, 1.0004), "0.0 % (0.0 to 0.0)"),
            (Interval(2.04, 1.91, 2.18), "2.04 times (1.91 to 2.18)"),
            (Interval(0.25, 0.24, None), "0.25 times (0.24 to ?)"),
            (Interval(12345.0, 0.0, 20000.0), "12,345 times (0 to 20,000)"),
        ],
    )
    def test_ratios(self, ratio: Interval, text: str) -> None:
        assert self.told("latency_p50", Basis.INTERVALS, ratio, Interval(1.0)) == text

    def test_points_counts_and_nothing(self) -> None:
        assert self.told("accuracy_top1", Basis.EXACT, None, Interval(0.009)) == "+0.9 points"
        assert self.told("accuracy_top1", Basis.EXACT, None, Interval(-0.02)) == "−2.0 points"
        assert self.told("build_time", Basis.READINGS, None, Interval(-2.0)) == "−2.00 s"
        assert self.told("latency_p50", Basis.SAME, Interval(1.0), Interval(0.0)) == "the same"
        assert self.told("latency_p50", Basis.MISSING, None, Interval(0.0)) == "–"


class TestText:
    def test_two_candidates(self) -> None:
        found = decision({"fast": 0.01, "slow": 0.05})
        compared = compare_candidates(found, found.find("fast.x@eager"), found.find("slow.x@eager"))
        text = candidates_text(compared)
        assert text.splitlines()[1] == "  A  fast.x@eager: the choice, 100 % to be the best"
        assert "  B  slow.x@eager: rejected (p95 55 ms, limit < 30 ms, 83 % over)" in text
        assert "p50 (ms)" in text
        assert "5 times (" in text
        assert "    latency_p95: holds for A, fails for B" in text
        assert "    model: fast.x → slow.x" in text
        assert "parameters" not in text
        assert "parameters" in candidates_text(compared, everything=True)
        lines = [line for line in text.splitlines() if line.startswith("  p")]
        assert lines[0].lstrip().startswith("p50"), "the objective first"

    def test_two_decisions(self) -> None:
        new = make_environment(driver="6.2", versions=(("torch", "2.10.0"),))
        before, after = decision({"a": 0.010, "b": 0.015}), decision({"a": 0.017, "b": 0.015, "c": 0.012}, new, "b")
        text = decisions_text(compare_decisions(before, after, SESSIONS), NAMES)
        assert "  A chooses a.x@eager\n  B chooses c.x@eager\n" in text
        assert "  the choice of B is not considered in A" in text
        assert "    driver: 6.1 → 6.2" in text
        assert "    versions.torch: 2.9.0 → 2.10.0" in text
        assert "+70.0 %" in text
        assert "allow for sessions that differ by 1.8 %" in text

    def test_without_a_choice(self) -> None:
        compared = compare_decisions(decision({"a": 0.2}), decision({"a": 0.01}, run="b"), SESSIONS)
        text = decisions_text(compared, NAMES)
        assert "  A has no choice: " in text
        assert "  B chooses a.x@eager" in text
        both = compare_decisions(decision({"a": 0.2}), decision({"a": 0.2}), SESSIONS)
        assert "neither has a choice" in decisions_text(both, NAMES)

    def test_checks(self) -> None:
        held = check_text(check(0.02))
        assert held.startswith("no worse: net.x@eager, the choice of run 20260101-a, in 1 visit\n")
        worse = check_text(check(0.028, 0.027, 0.029), everything=True)
        assert worse.startswith(
            "REGRESSION: net.x@eager, the choice of run 20260101-a, found worse in 3 visits: p50, p95\n"
        )
        assert "visit 3" in worse
        lost = check_text(check(0.05, 0.05, 0.05))
        assert "its requirement held and fails now" in lost
        again = check_text(check(0.028, 0.02))
        assert "no worse: net.x@eager, the choice of run 20260101-a, as the last of 2 visits shows" in again

    def test_hostile_text_stays_text(self) -> None:
        place = make_environment(device_name=HOSTILE, driver=HOSTILE, versions=((HOSTILE, HOSTILE),))
        compared = compare_decisions(decision({"a": 0.01}), decision({"a": 0.02}, place, HOSTILE), SESSIONS)
        failed = Visit(None, Outcome.CRASHED, HOSTILE, (), Finding.WORSE)
        found = decision({"a": 0.01, "b": 0.02}, place, HOSTILE)
        texts = [
            decisions_text(compared, (HOSTILE, HOSTILE), everything=True),
            candidates_text(compare_candidates(found, *found.assessments), everything=True),
            check_text(
                check(
                    visits=(failed,),
                    baseline=HOSTILE,
                    candidate=HOSTILE,
                    environment=(Change(HOSTILE, HOSTILE, None),),
                )
            ),
        ]
        for text in texts:
            assert "<script>alert(1)</script> | `id`" in text
            assert "名前 🦙" in text
            assert "\x1b" not in text
            assert "\u202e" not in text
            assert "`id` \n" not in text


class TestData:
    @settings(max_examples=25, deadline=None)
    @given(profiles(), evidences(largest=6), evidences(largest=6))
    def test_it_is_json_and_always_the_same(
        self, profile: RequirementProfile, one: Evidence, other: Evidence
    ) -> None:
        first, second = decide(profile, one), decide(profile, other)
        compared = compare_decisions(first, second, SESSIONS)
        for everything in (False, True):
            data = decisions_data(compared, "run", NAMES, everything=everything)
            text = json.dumps(data, allow_nan=False)
            assert json.loads(text) == data
            assert text == json.dumps(
                decisions_data(compare_decisions(first, second, SESSIONS), "run", NAMES, everything=everything)
            )
            assert decisions_text(compared, NAMES, everything=everything).endswith("\n")
        for pair in zip(first.assessments, first.assessments[1:], strict=False):
            found = compare_candidates(first, *pair)
            json.dumps(candidates_data(found, everything=True), allow_nan=False)
            assert candidates_text(found, everything=True)

    def test_versions_and_verdicts(self) -> None:
        data = check_data(check(0.05, 0.05, 0.05))
        assert data["schema_version"] == SCHEMA_VERSION
        assert (data["finding"], data["exit_code"], data["kind"]) == ("worse", 5, "check")
        (_, p95) = data["visits"][0]["metrics"]
        assert p95["requirement"] == ["holds", "fails"]
        assert p95["unit"] == "s"
        json.dumps(data, allow_nan=False)

    def test_what_is_alike_is_left_out_unless_asked(self) -> None:
        compared = compare_decisions(
            decision({"a": 0.01, "b": 0.02}), decision({"a": 0.01, "b": 0.029}, run="b"), SESSIONS
        )
        assert [one["id"] for one in decisions_data(compared, "run", NAMES)["candidates"]] == ["b.x@eager"]
        assert len(decisions_data(compared, "run", NAMES, everything=True)["candidates"]) == 2
