"""What holds for every decision, whatever was asked and measured."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support.drawn import evidences, profiles

from selector.decision import Decision, Status, decide
from selector.metrics import METRICS, MetricResult, MetricValue, Reading
from selector.requirements import Requirement, RequirementProfile
from selector.types import Evidence, Outcome, Plan


def only(evidence: Evidence, names: set[str]) -> Evidence:
    """The same evidence without the other candidates."""
    kept = tuple(planned for planned in evidence.plan.considered if planned.candidate.id in names)
    measured = {name: found for name, found in evidence.measurements.items() if name in names}
    return replace(
        evidence,
        plan=Plan(evidence.plan.environment, kept, evidence.plan.notes),
        measurements=measured,
    )


def proven(requirement: Requirement, result: MetricResult) -> bool:
    """Whether the whole interval is on the asked side, written down again from the definition."""
    if not isinstance(result, MetricValue):
        return False
    ends = [result.value, *(end for end in (result.low, result.high) if end is not None)]
    return {
        "<": max(ends) < requirement.limit,
        "<=": max(ends) <= requirement.limit,
        ">": min(ends) > requirement.limit,
        ">=": min(ends) >= requirement.limit,
    }[requirement.comparison]


def figure_of(profile: RequirementProfile, evidence: Evidence, name: str, metric: str) -> MetricResult:
    planned = next(one for one in evidence.plan.considered if one.candidate.id == name)
    return METRICS.get(metric).compute(Reading(planned.candidate, planned.facts, evidence.measurements.get(name)))


def standing(decision: Decision) -> list[tuple[str, int | None, tuple[str, ...], tuple[str, ...]]]:
    return [(one.id, one.rank, one.tied_with, tuple(one.reasons)) for one in decision.ranked]


@given(profiles(), evidences())
def test_every_candidate_stands_in_exactly_one_list(profile, evidence):
    decision = decide(profile, evidence)
    names = [one.id for one in decision.assessments]
    assert sorted(names) == sorted(planned.candidate.id for planned in evidence.plan.considered)
    for status in Status:
        assert all(one.status is status for one in getattr(decision, status.value))
        assert all(any(one.reasons) for one in getattr(decision, status.value))


@given(profiles(), evidences())
def test_nothing_undecided_or_missing_ever_wins(profile, evidence):
    decision = decide(profile, evidence)
    assert (decision.winner is None) == (not decision.ranked)
    for one in decision.ranked:
        measurement = evidence.measurements[one.id]
        assert measurement.outcome is Outcome.OK
        assert one.planned.unavailable is None
        assert not profile.licenses or one.planned.facts.license in profile.licenses
        assert isinstance(figure_of(profile, evidence, one.id, profile.objective.metric), MetricValue)
        for requirement in profile.requirements:
            assert proven(requirement, figure_of(profile, evidence, one.id, requirement.metric))


@given(profiles(), evidences())
def test_what_is_proven_is_ranked(profile, evidence):
    decision = decide(profile, evidence)
    for one in (*decision.undecided, *(entry for entry in decision.rejected if entry.stage == "measured")):
        results = [(entry, figure_of(profile, evidence, one.id, entry.metric)) for entry in profile.requirements]
        ranking = [figure_of(profile, evidence, one.id, metric) for metric in profile.objective.metrics]
        known = all(isinstance(figure, MetricValue) for figure in ranking)
        assert not all(proven(*pair) for pair in results) or not known


@given(profiles(), evidences(), st.integers(0, 3), st.floats(1.0, 3.0))
def test_relaxing_a_requirement_never_makes_a_feasible_candidate_infeasible(profile, evidence, number, factor):
    feasible = {one.id for one in decide(profile, evidence).ranked}
    if not profile.requirements:
        return
    requirement = profile.requirements[number % len(profile.requirements)]
    limit = requirement.limit * factor if requirement.comparison.startswith("<") else requirement.limit / factor
    for relaxed in (profile.with_limit(requirement.key, limit), profile.without(requirement.key)):
        assert feasible <= {one.id for one in decide(relaxed, evidence).ranked}


@given(profiles(), evidences(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(profile, evidence, shuffler: random.Random):
    considered, measured = list(evidence.plan.considered), list(evidence.measurements.items())
    shuffler.shuffle(considered)
    shuffler.shuffle(measured)
    shuffled = replace(
        evidence, plan=replace(evidence.plan, considered=tuple(considered)), measurements=dict(measured)
    )
    first, second = decide(profile, evidence), decide(profile, shuffled)
    assert standing(first) == standing(second)
    assert (first.headline, first.notes, first.exit_code) == (second.headline, second.notes, second.exit_code)
    assert [one.id for one in first.assessments] == [one.id for one in second.assessments]
    assert [miss.relaxation for miss in first.nearest_misses] == [miss.relaxation for miss in second.nearest_misses]


@given(profiles(), evidences(), st.sets(st.integers(0, 11)))
def test_irrelevant_candidates_do_not_matter(profile, evidence, dropped):
    decision = decide(profile, evidence)
    infeasible = [one.id for one in decision.assessments if one.status is not Status.RANKED]
    gone = {name for position, name in enumerate(infeasible) if position in dropped}
    names = {one.id for one in decision.assessments}
    assert standing(decide(profile, only(evidence, names - gone))) == standing(decision)


@given(profiles(), evidences())
def test_nobody_stands_before_who_beats_it_on_the_objective(profile, evidence):
    decision = decide(profile, evidence)
    first = profile.objective.steps[0]
    if first.within:
        return  # within the tolerance the next step decides
    sign = 1 if first.direction == "minimize" else -1
    spans = []
    for one in decision.ranked:
        result = one.metrics[first.metric]
        exact = result.low is result.high is None
        low = result.value if exact else -math.inf if result.low is None else result.low
        high = result.value if exact else math.inf if result.high is None else result.high
        spans.append((min(sign * low, sign * high), max(sign * low, sign * high)))
    for position, (low, _) in enumerate(spans):
        assert all(later_high >= low for _, later_high in spans[position + 1 :])


@given(profiles(), evidences())
def test_ties_are_mutual_and_stand_together(profile, evidence):
    decision = decide(profile, evidence)
    ranked = {one.id: one for one in decision.ranked}
    for one in decision.ranked:
        assert one.id not in one.tied_with
        assert all(one.id in ranked[other].tied_with for other in one.tied_with)
        ranks = sorted([one.rank, *(ranked[other].rank for other in one.tied_with)])
        assert ranks == list(range(ranks[0], ranks[0] + len(ranks)))
        assert bool(one.tied_with) == any(
            "tied with" in sentence and not sentence.startswith("runner-up") for sentence in one.reasons
        )


@given(profiles(), evidences())
def test_the_exit_code_says_what_happened(profile, evidence):
    decision = decide(profile, evidence)
    expected = 1 if decision.winner is None else 3 if decision.failed else 0
    assert decision.exit_code == expected
    assert decision.headline.endswith(".")
    assert decision.headline.count("\n") == 0
