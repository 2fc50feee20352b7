"""Run-offs in the ranking: who beat whom when both were timed in turn."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import ENVIRONMENT, make_evidence, make_measurement, make_planned, make_profile

from selector.decision import decide
from selector.decision.dominance import dominators
from selector.decision.finalists import FINALISTS, finalists
from selector.types import Duel, Evidence, Interval, RunOff, speed_identity

NAMES = ("a_net.x", "b_net.x", "c_net.x", "d_net.x", "e_net.x")


def _evidence(*p50: float, noise: float = 0.05, run_offs: tuple[RunOff, ...] = (), **observed) -> Evidence:
    """Models a, b, c … with these medians, each known to within 5 %."""
    pairs = []
    for name, value in zip(NAMES, p50, strict=False):
        planned = make_planned(name)
        pairs.append((planned, make_measurement(planned.candidate, value, noise=noise, **observed)))
    return replace(make_evidence(pairs), run_offs=run_offs)


def _identity(letter: str) -> str:
    return speed_identity(make_planned(f"{letter}_net.x").candidate, ENVIRONMENT)


def _run_off(*duels: tuple[str, str, float, float, float], statistic: str = "p50", disturbed=()) -> RunOff:
    """(first, second, ratio, low, high) of models by their letters."""
    letters = sorted({letter for duel in duels for letter in duel[:2]})
    return RunOff(
        id="r",
        environment=ENVIRONMENT,
        run_id="run",
        created=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        candidates=tuple(f"{letter}_net.x@eager" for letter in letters),
        identities=tuple(map(_identity, letters)),
        statistic=statistic,
        rounds=8,
        queries=5,
        latencies={},
        duels=tuple(
            Duel(_identity(one), _identity(other), statistic, Interval(ratio, low, high))
            for one, other, ratio, low, high in duels
        ),
        disturbed_by=disturbed,
        wall_seconds=1.0,
    )


PROFILE = make_profile({}, objective={"direction": "minimize", "metric": "latency_p50"})


DUELS = st.tuples(st.integers(0, 4), st.integers(0, 4), st.floats(0.9, 1.1), st.floats(0.001, 0.05))


def _order(evidence: Evidence) -> str:
    return "".join(one.id[0] for one in decide(PROFILE, evidence).ranked)


def _tied(evidence: Evidence) -> dict[str, set[str]]:
    return {one.id[0]: {name[0] for name in one.tied_with} for one in decide(PROFILE, evidence).ranked}


def test_without_a_run_off_the_noise_decides():
    assert _tied(_evidence(0.0100, 0.0101))["a"] == {"b"}


def test_a_tie_is_broken_by_time_in_turn():
    evidence = _evidence(0.0100, 0.0101, run_offs=(_run_off(("b", "a", 0.97, 0.96, 0.98)),))
    decision = decide(PROFILE, evidence)
    assert _order(evidence) == "ba"
    assert _tied(evidence) == {"a": set(), "b": set()}
    assert "timed in turn: +3.1 % (+2 % to +4.2 %)" in " ".join(decision.ranked[1].reasons)


def test_what_looked_apart_may_be_a_tie():
    apart = _evidence(0.0100, 0.0108, noise=0.02)
    assert _tied(apart)["a"] == set()
    evidence = replace(apart, run_offs=(_run_off(("a", "b", 1.001, 0.992, 1.010)),))
    assert _tied(evidence) == {"a": {"b"}, "b": {"a"}}


def test_a_run_off_turns_two_round():
    apart = _evidence(0.0100, 0.0108, noise=0.02)
    evidence = replace(apart, run_offs=(_run_off(("a", "b", 1.05, 1.04, 1.06)),))
    assert _order(apart) == "ab"
    assert _order(evidence) == "ba"


def test_a_disturbed_one_says_nothing():
    evidence = _evidence(0.0100, 0.0101, run_offs=(_run_off(("b", "a", 0.9, 0.89, 0.91), disturbed=("noise",)),))
    assert _tied(evidence)["a"] == {"b"}


def test_the_newest_speaks():
    newer, older = _run_off(("b", "a", 0.97, 0.96, 0.98)), _run_off(("b", "a", 1.1, 1.09, 1.11))
    assert _order(_evidence(0.0100, 0.0101, run_offs=(newer, older))) == "ba"
    assert _order(_evidence(0.0100, 0.0101, run_offs=(older, newer))) == "ab"


def test_another_statistic_says_nothing():
    evidence = _evidence(0.0100, 0.0101, run_offs=(_run_off(("b", "a", 0.97, 0.96, 0.98), statistic="p95"),))
    assert _tied(evidence)["a"] == {"b"}


def test_throughput_is_decided_by_the_mean():
    evidence = _evidence(0.0100, 0.0101, run_offs=(_run_off(("b", "a", 0.97, 0.96, 0.98), statistic="mean"),))
    profile = make_profile({}, objective={"direction": "maximize", "metric": "throughput"})
    assert [one.id[0] for one in decide(profile, evidence).ranked] == ["b", "a"]
    assert decide(profile, evidence).winner.tied_with == ()


def test_a_third_that_has_not_met_keeps_its_place():
    evidence = _evidence(0.0100, 0.0101, 0.0102, run_offs=(_run_off(("b", "a", 0.97, 0.96, 0.98)),))
    # c overlaps with both; a was beaten by b, c by nobody.
    assert _order(evidence) == "bca"
    assert _tied(evidence)["b"] == {"c"}


def test_a_circle_ends_in_the_better_figure():
    evidence = _evidence(
        *(0.0100, 0.0101, 0.0102),
        run_offs=(
            _run_off(("a", "b", 0.97, 0.96, 0.98), ("b", "c", 0.97, 0.96, 0.98), ("c", "a", 0.97, 0.96, 0.98)),
        ),
    )
    assert _order(evidence) == "abc"


@given(
    st.lists(st.floats(0.009, 0.012), min_size=2, max_size=5),
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4), st.floats(0.9, 1.1), st.floats(0.001, 0.05)), max_size=6
    ),
    st.floats(0.0, 0.1),
)
def test_everybody_is_ranked_once_and_ties_are_mutual(medians, duels, noise):
    letters = "abcde"[: len(medians)]
    met = [
        (letters[one], letters[other], ratio, ratio * (1 - width), ratio * (1 + width))
        for one, other, ratio, width in duels
        if one < len(letters) and other < len(letters) and one != other
    ]
    evidence = _evidence(*medians, noise=noise, run_offs=(_run_off(*met),) if met else ())
    tied = _tied(evidence)
    assert sorted(_order(evidence)) == list(letters)
    assert all(one in tied[other] for one in tied for other in tied[one])
    if not met:
        assert _order(evidence) == _order(replace(evidence, run_offs=()))


class TestFinalists:
    def test_who_is_within_ten_percent(self):
        found = finalists(decide(PROFILE, _evidence(0.0100, 0.0105, 0.0109, 0.0125, noise=0.001)))
        assert found is not None
        assert [one.id[0] for one in found.assessments] == ["a", "b", "c"]
        assert found.statistic == "p50"

    def test_who_overlaps_however_far(self):
        found = finalists(decide(PROFILE, _evidence(0.0100, 0.0130, noise=0.2)))
        assert found is not None
        assert len(found.assessments) == 2

    def test_of_many_that_noise_ties_the_best_figure_comes_first(self):
        # Published accuracy breaks the tie: the slowest is in front, and the fastest, which has none, is last.
        pairs = []
        for name, value, top1 in zip(
            NAMES, (0.020, 0.019, 0.018, 0.017, 0.010), (0.8, 0.79, 0.78, 0.77, None), strict=True
        ):
            planned = make_planned(name, top1=top1)
            pairs.append((planned, make_measurement(planned.candidate, value, noise=0.6)))
        decided = decide(PROFILE, make_evidence(pairs))
        assert decided.ranked[0].id[0] == "a"
        who = finalists(decided)
        assert who is not None
        assert "".join(one.id[0] for one in who.assessments) == "aedc"

    def test_whoever_has_met_the_winner_makes_room(self):
        evidence = _evidence(
            0.0100, 0.0101, 0.0102, 0.0103, 0.0104, run_offs=(_run_off(("a", "b", 1.0, 0.98, 1.02)),)
        )
        who = finalists(decide(PROFILE, evidence))
        assert who is not None
        assert "".join(one.id[0] for one in who.assessments) == "acde"

    def test_nobody_near(self):
        assert finalists(decide(PROFILE, _evidence(0.0100, 0.0130, noise=0.01))) is None
        assert finalists(decide(PROFILE, _evidence(0.0100))) is None

    def test_no_more_than_fit(self):
        five = _evidence(*[0.0100 + 0.0001 * step for step in range(5)])
        assert len(finalists(decide(PROFILE, five)).assessments) == FINALISTS
        big = _evidence(0.0100, 0.0101, 0.0102, memory={"peak": 4 * 2**30})  # of 16 GiB half may be used
        assert len(finalists(decide(PROFILE, big)).assessments) == 2

    def test_those_who_have_met_need_not_meet_again(self):
        run_off = _run_off(("a", "b", 1.0, 0.99, 1.01))
        evidence = _evidence(0.0100, 0.0101, run_offs=(run_off,))
        assert finalists(decide(PROFILE, evidence)) is None
        with_a_third = _evidence(0.0100, 0.0101, 0.0102, run_offs=(run_off,))
        assert len(finalists(decide(PROFILE, with_a_third)).assessments) == 3

    def test_an_objective_that_no_latency_decides(self):
        smallest = make_profile({}, objective={"direction": "minimize", "metric": "parameters"})
        decided = decide(smallest, _evidence(0.0100, 0.0101))
        statistic = finalists(decided)
        assert statistic is None or statistic.statistic in {"p50", "p95"}

    def test_who_an_earlier_criterion_parts_does_not_meet(self):
        best = make_profile({}, objective={"direction": "maximize", "metric": "accuracy_top1"})
        pairs = []
        for name, top1 in zip(NAMES, (0.80, 0.79), strict=False):
            planned = make_planned(name, top1=top1)
            pairs.append((planned, make_measurement(planned.candidate, 0.01, noise=0.05)))
        assert finalists(decide(best, make_evidence(pairs))) is None

    def test_two_tags_of_one_architecture_are_one(self):
        pairs = []
        for name in ("a_net.x", "a_net.y"):
            planned = make_planned(name)
            pairs.append((planned, make_measurement(planned.candidate, 0.01, noise=0.05)))
        assert finalists(decide(PROFILE, make_evidence(pairs))) is None


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_the_evidence_does_not_matter(order):
    run_offs = (_run_off(("b", "a", 0.97, 0.96, 0.98), ("b", "c", 0.97, 0.96, 0.98), ("a", "c", 1.0, 0.99, 1.01)),)
    evidence = _evidence(0.0100, 0.0101, 0.0102, run_offs=run_offs)
    considered = [evidence.plan.considered[place] for place in order]
    shuffled = replace(evidence, plan=replace(evidence.plan, considered=tuple(considered)))
    assert _order(shuffled) == "bac"


def test_a_run_off_and_not_the_figures_says_who_dominates():
    profile = make_profile(
        {}, objective={"direction": "minimize", "metric": "latency_p50", "tie_breakers": ("parameters",)}
    )
    pairs = []
    for name, value, parameters in (("a_net.x", 0.0100, 5_000_000), ("b_net.x", 0.0101, 6_000_000)):
        planned = make_planned(name, parameters=parameters)
        pairs.append((planned, make_measurement(planned.candidate, value, noise=0.05)))
    alone = make_evidence(pairs)
    met = replace(alone, run_offs=(_run_off(("b", "a", 0.93, 0.85, 1.02)),))

    def over_b(evidence: Evidence) -> list[str]:
        decision = decide(profile, evidence)
        found = next(one for one in decision.ranked if one.id == "b_net.x@eager")
        return [one.id for one in dominators(decision, found)]

    assert over_b(alone) == ["a_net.x@eager"]
    assert over_b(met) == []
