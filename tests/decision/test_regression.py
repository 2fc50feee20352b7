"""A choice measured again: what is called worse, how often without reason, and how seldom that is missed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from support.evidence import (
    ENVIRONMENT,
    make_evidence,
    make_measurement,
    make_observation,
    make_planned,
    make_profile,
)

from selector.decision import Assessment, decide
from selector.decision.differences import SESSIONS
from selector.decision.regression import (
    MOST_VISITS,
    Check,
    Finding,
    Visit,
    conclusion,
    is_over,
    judge_visit,
    keys_of,
)
from selector.profiler.statistics import summarize
from selector.requirements import RequirementProfile
from selector.types import Measurement, Observation, Outcome

PROFILE = make_profile(
    {"latency_p95": "< 50 ms", "throughput": ">= 20 img/s"},
    objective={"direction": "minimize", "metric": "latency_p50"},
)
PLANNED = make_planned()
QUERIES = 400


def assessed(measurement: Measurement | None, profile: RequirementProfile = PROFILE) -> Assessment:
    return decide(profile, make_evidence([(PLANNED, measurement)])).find(PLANNED.candidate.id)


def measured(p50: float = 0.02, **observed: object) -> Measurement:
    return make_measurement(PLANNED.candidate, p50, **observed)


def judged(now: Measurement | None, tolerance: float = 0.0, profile: RequirementProfile = PROFILE) -> Visit:
    return judge_visit(profile, assessed(measured(), profile), assessed(now, profile), tolerance, SESSIONS)


def session(random: np.random.Generator, slower: float = 1.0, apart: float = SESSIONS) -> Measurement:
    """One session: its pace, and the queries of a log-normal noise of 5 % about it."""
    pace = 0.02 * slower * math.exp(apart * random.standard_normal())
    summary = summarize(pace * np.exp(0.05 * random.standard_normal(QUERIES)))
    observation: Observation = replace(make_observation(), summary=summary)
    return measured(observation=observation)


def checked(random: np.random.Generator, slower: float = 1.0, apart: float = SESSIONS) -> tuple[Visit, ...]:
    """A baseline and as many visits as a check makes."""
    baseline = assessed(session(random, apart=apart))
    visits: list[Visit] = []
    while not is_over(visits):
        visits.append(judge_visit(PROFILE, baseline, assessed(session(random, slower, apart)), 0.0, SESSIONS))
    return tuple(visits)


class TestOneVisit:
    def test_nothing_changed(self) -> None:
        visit = judged(measured())
        assert visit.finding is Finding.HELD
        assert [one.key for one in visit.metrics] == ["latency_p50", "latency_p95", "throughput"]
        assert {one.finding for one in visit.metrics} == {Finding.HELD}

    def test_thirty_percent_slower(self) -> None:
        visit = judged(measured(0.026))
        assert visit.finding is Finding.WORSE
        assert all(one.loss is not None and one.loss.value == pytest.approx(1.3) for one in visit.metrics)
        assert all(one.loss is not None and one.loss.low is not None and one.loss.low > 1.15 for one in visit.metrics)

    def test_faster_is_no_regression(self) -> None:
        visit = judged(measured(0.015))
        assert visit.finding is Finding.HELD
        assert all(one.difference.better == "second" for one in visit.metrics)

    @pytest.mark.parametrize(
        ("tolerance", "finding"), [(0.0, Finding.WORSE), (0.05, Finding.WORSE), (0.3, Finding.HELD)]
    )
    def test_what_is_tolerated(self, tolerance: float, finding: Finding) -> None:
        assert judged(measured(0.026), tolerance).finding is finding

    def test_what_sessions_differ_by_is_no_regression(self) -> None:
        assert judged(measured(0.0206)).finding is Finding.HELD

    def test_a_requirement_that_held_and_fails(self) -> None:
        """Within the tolerance, but beyond the limit."""
        profile = make_profile(
            {"latency_p95": "< 25 ms"}, objective={"direction": "maximize", "metric": "accuracy_top1"}
        )
        visit = judged(measured(0.03), 1.0, profile)
        lost = {one.key: one.requirement_lost for one in visit.metrics}
        assert lost == {"accuracy_top1": False, "latency_p95": True}
        assert visit.finding is Finding.WORSE

    def test_a_limit_that_noise_alone_crosses_is_not_lost(self) -> None:
        """The figure of now is wholly beyond the limit, but by less than sessions differ by."""
        profile = make_profile(
            {"latency_p95": "< 22.4 ms"}, objective={"direction": "maximize", "metric": "accuracy_top1"}
        )
        baseline = assessed(measured(0.02, noise=0.001), profile)
        now = assessed(measured(0.0205, noise=0.001), profile)
        assert now.judgements["latency_p95"].verdict == "fails"
        visit = judge_visit(profile, baseline, now, 0.0, SESSIONS)
        assert not any(one.requirement_lost for one in visit.metrics)
        assert visit.finding is Finding.HELD

    def test_a_percentile_that_cannot_be_had_any_more_is_not_told(self) -> None:
        few = measured(0.02, samples=20)
        assert judged(few).finding is Finding.UNKNOWN
        slow = judged(measured(0.2, samples=20))
        assert slow.finding is Finding.WORSE

    def test_memory_needs_more_than_a_reading(self) -> None:
        profile = make_profile(
            {"memory_peak": "<= 1 GiB"}, objective={"direction": "minimize", "metric": "latency_p50"}
        )
        little, much = (measured(memory={"peak": int(300 * 2**20 * factor)}) for factor in (1.01, 1.4))
        assert judged(little, profile=profile).finding is Finding.HELD
        assert judged(much, profile=profile).finding is Finding.WORSE

    @pytest.mark.parametrize(
        ("outcome", "finding"),
        [
            (Outcome.CRASHED, Finding.WORSE),
            (Outcome.OUT_OF_MEMORY, Finding.WORSE),
            (Outcome.WRONG_OUTPUT, Finding.WORSE),
            (Outcome.UNSTABLE, Finding.UNKNOWN),
        ],
    )
    def test_failures_are_worse_and_disturbance_is_not(self, outcome: Outcome, finding: Finding) -> None:
        visit = judged(measured(outcome=outcome, message="why"))
        assert (visit.outcome, visit.message, visit.finding, visit.metrics) == (outcome, "why", finding, ())

    def test_a_way_that_is_gone(self) -> None:
        gone = replace(PLANNED, unavailable="openvino is not installed")
        now = decide(PROFILE, make_evidence([gone])).assessments[0]
        visit = judge_visit(PROFILE, assessed(measured()), now, 0.0, SESSIONS)
        assert (visit.outcome, visit.finding) == (Outcome.UNAVAILABLE, Finding.WORSE)
        assert "not installed" in visit.message

    def test_weights_are_judged_metric_by_metric(self) -> None:
        weighed = make_profile(
            objective={
                "direction": "maximize",
                "metric": "accuracy_top1",
                "tie_breakers": ("parameters",),
                "weights": {"accuracy_top1": 0.6, "latency_p95": 0.4},
            }
        )
        assert keys_of(weighed) == ("accuracy_top1", "latency_p95")


class TestVisits:
    def visits(self, *findings: Finding) -> tuple[Visit, ...]:
        return tuple(Visit(None, Outcome.OK, "", (), one) for one in findings)

    @pytest.mark.parametrize(
        ("findings", "concluded"),
        [
            ("H", Finding.HELD),
            ("WH", Finding.HELD),
            ("WWH", Finding.HELD),
            ("WWW", Finding.WORSE),
            ("UWW", Finding.WORSE),
            ("WUU", Finding.UNKNOWN),
            ("UUU", Finding.UNKNOWN),
        ],
    )
    def test_what_they_say_together(self, findings: str, concluded: Finding) -> None:
        letters = {"H": Finding.HELD, "W": Finding.WORSE, "U": Finding.UNKNOWN}
        visits = self.visits(*(letters[one] for one in findings))
        assert conclusion(visits) is concluded
        assert is_over(visits)
        assert not any(is_over(visits[:number]) for number in range(len(visits)))

    @pytest.mark.parametrize(("findings", "code"), [("H", 0), ("WWW", 5), ("UUU", 1)])
    def test_exit_codes(self, findings: str, code: int) -> None:
        letters = {"H": Finding.HELD, "W": Finding.WORSE, "U": Finding.UNKNOWN}
        visits = self.visits(*(letters[one] for one in findings))
        check = Check(PROFILE, "a", "b", "c", ENVIRONMENT, visits, (), (), 0.0, SESSIONS)
        assert check.exit_code == code

    def test_a_way_that_is_gone_is_not_visited_again(self) -> None:
        gone = Visit(None, Outcome.UNAVAILABLE, "", (), Finding.WORSE)
        assert is_over([gone])
        assert conclusion([gone]) is Finding.WORSE


class TestSimulated:
    """Sessions that differ as the rule assumes, each with the intervals that real samples get."""

    CHECKS = 300

    def rate(self, finding: Finding, **options: float) -> float:
        random = np.random.default_rng(5)
        return sum(conclusion(checked(random, **options)) is finding for _ in range(self.CHECKS)) / self.CHECKS

    def test_without_a_change_the_alarm_is_rare(self) -> None:
        assert self.rate(Finding.WORSE) <= 0.025

    def test_nor_where_sessions_are_steadier(self) -> None:
        assert self.rate(Finding.WORSE, apart=0.005) == 0

    def test_a_third_of_slowdown_is_always_found(self) -> None:
        assert self.rate(Finding.WORSE, slower=1.3) == 1

    def test_a_tenth_is_mostly_found(self) -> None:
        assert self.rate(Finding.WORSE, slower=1.12) > 0.8

    def test_no_more_than_three_visits(self) -> None:
        assert len(checked(np.random.default_rng(1), slower=2.0)) == MOST_VISITS
