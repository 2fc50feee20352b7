"""Every statement on what would change the choice is true when it is decided again."""

from __future__ import annotations

import random

from hypothesis import given, settings
from support.drawn import evidences, profiles
from support.evidence import make_evidence, make_measurement, make_planned, make_profile

from selector.decision import Decision, decide
from selector.decision.sensitivity import GRID, sensitivities
from selector.errors import UsageError
from selector.requirements import RequirementProfile
from selector.types import Evidence


def chosen(decision: Decision) -> str | None:
    return None if decision.winner is None else decision.winner.id


def at(profile: RequirementProfile, evidence: Evidence, key: str, limit: float) -> str | None:
    return chosen(decide(profile.with_limit(key, limit), evidence))


@settings(max_examples=300)
@given(profiles(), evidences())
def test_a_limit_is_true_at_its_edge_and_beyond_it_and_on_the_way(profile, evidence):
    decision = decide(profile, evidence)
    for found in (one for one in sensitivities(decision) if not one.weight):
        assert found.asked == profile.requirement(found.key).limit
        for edge in filter(None, (found.tighter, found.looser)):
            assert at(profile, evidence, found.key, edge.last) == chosen(decision)
            assert edge.winner != chosen(decision)
            assert at(profile, evidence, found.key, edge.first) == edge.winner
            for _ in range(3):
                between = random.Random(str(edge)).uniform(*sorted((found.asked, edge.last)))
                assert at(profile, evidence, found.key, between) == chosen(decision)
        assert found.sentences


@settings(max_examples=300)
@given(profiles(), evidences())
def test_where_no_edge_is_told_no_limit_changes_the_choice(profile, evidence):
    decision = decide(profile, evidence)
    for found in (one for one in sensitivities(decision) if not one.weight):
        upper = profile.requirement(found.key).comparison.startswith("<")
        for edge, factor in ((found.looser, 2.0 if upper else 0.5), (found.tighter, 0.5 if upper else 2.0)):
            limit = found.asked
            while edge is None and 1e-6 < (limit := limit * factor) < 1e12:
                try:
                    assert at(profile, evidence, found.key, limit) == chosen(decision)
                except UsageError:  # a share above 1
                    break


def example(weights=None, **limits):
    """Two models: `fast` is quick and less accurate, `good` slow and more accurate."""
    rows = (("fast.x", 0.75, 0.010), ("good.x", 0.80, 0.040))
    pairs = []
    for name, top1, latency in rows:
        planned = make_planned(name, top1=top1)
        pairs.append((planned, make_measurement(planned.candidate, latency, noise=0.001)))
    objective = None
    if weights:
        objective = {"direction": "maximize", "metric": "accuracy_top1", "weights": weights}
    return decide(make_profile(limits, objective=objective), make_evidence(pairs))


def test_the_next_winner_and_what_it_brings_are_told():
    decision = example(latency_p95="< 30 ms")
    assert chosen(decision) == "fast.x@eager"
    (found,) = sensitivities(decision)
    assert found.looser.winner == "good.x@eager"
    assert 0.040 < found.looser.first < 0.05
    assert found.looser.brings[0] == "+5.0 points top-1"
    assert found.tighter.winner is None
    text = " | ".join(found.sentences)
    assert "p95: the choice stays from" in text
    assert "instead of 30 ms: good.x@eager, +5.0 points top-1" in text
    assert "nothing that is measured is feasible" in text


def test_whoever_is_less_accurate_wins_where_the_winner_is_too_slow():
    decision = example(latency_p95="< 100 ms")
    assert chosen(decision) == "good.x@eager"
    (found,) = sensitivities(decision)
    assert found.tighter.winner == "fast.x@eager"
    assert found.tighter.brings[0] == "−5.0 points top-1"


def test_numbers_are_such_as_people_write():
    found = sensitivities(example(latency_p95="< 30 ms"))[0]
    assert all(len(f"{edge.first * 1e3:.6g}") <= 4 for edge in (found.looser, found.tighter))


def test_a_weight_is_true_at_its_edge_and_beyond_it():
    decision = example(weights={"accuracy_top1": 0.95, "latency_p50": 0.05})
    assert chosen(decision) == "good.x@eager"
    up, down = sensitivities(decision)
    assert (up.key, up.weight, up.looser) == ("accuracy_top1", True, None)
    assert up.tighter.winner == down.looser.winner == "fast.x@eager"
    assert abs(up.tighter.last - up.tighter.first) <= GRID * 1.001
    for share, expected in ((up.tighter.last, "good.x@eager"), (up.tighter.first, "fast.x@eager")):
        again = example(weights={"accuracy_top1": share, "latency_p50": 1 - share})
        assert chosen(again) == expected


def test_a_weight_may_leave_nobody_feasible_where_the_score_is_required():
    decision = example(weights={"accuracy_top1": 0.5, "latency_p50": 0.5}, score="< 17")
    assert chosen(decision) == "fast.x@eager"
    for found in (one for one in sensitivities(decision) if one.weight):
        for edge in filter(None, (found.tighter, found.looser)):
            shares = {"accuracy_top1": 1 - edge.first, "latency_p50": 1 - edge.first, found.key: edge.first}
            assert chosen(example(weights=shares, score="< 17")) == edge.winner
    up, down = (one for one in sensitivities(decision) if one.weight)
    assert up.looser.winner is None
    assert down.tighter.winner is None
    assert any("nothing that is measured is feasible" in text for text in up.sentences)


def test_without_a_winner_nothing_is_told():
    assert sensitivities(example(latency_p95="< 1 ms")) == ()


def test_a_limit_on_a_metric_that_nothing_else_names_is_told_too():
    """Without it the profile has no figure of that metric at all."""
    rows = []
    for name, top1, p50 in (("good.a", 0.8, 0.010), ("better.a", 0.9, 0.030)):
        planned = make_planned(name, top1=top1)
        rows.append((planned, make_measurement(planned.candidate, p50)))
    decision = decide(make_profile({"latency_p90": "< 20 ms"}), make_evidence(rows))
    (found,) = sensitivities(decision)
    assert chosen(decision) == "good.a@eager"
    assert found.looser is not None
    assert found.looser.winner == "better.a@eager"
