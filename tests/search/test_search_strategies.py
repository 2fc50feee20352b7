"""The contract of a search strategy, over every registered one, and how one is chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import make_measurement, make_planned, make_profile

from selector.errors import NotSupportedError, UnknownNameError
from selector.search import STRATEGIES, SearchState, Stop, Strategy, estimate_seconds, resolve_strategy
from selector.types import Measurement, Outcome, Planned

PROFILE = make_profile({"latency_p95": "< 50 ms"})
WAYS = ("eager", "compile", "openvino")


@st.composite
def states(draw: st.DrawFn) -> SearchState:
    """Any run so far: models of all sizes, some candidates measured or failed, the rest open."""
    rows = draw(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(WAYS)), unique=True, min_size=0, max_size=20))
    open_: list[Planned] = []
    measured: dict[str, Measurement] = {}
    for model, way in rows:
        work = draw(st.sampled_from((None, 0.05, 1.0, 4.5, 200.0)))
        planned = make_planned(f"net{model}.tag", way, gmacs=work)
        fate = draw(st.sampled_from(("open", "open", "ok", "crashed")))
        if fate == "open":
            open_.append(planned)
        else:
            measured[planned.candidate.id] = make_measurement(planned.candidate, outcome=Outcome(fate))
    return SearchState(PROFILE, tuple(open_), measured, draw(st.floats(0, 1e5)))


def run(strategy: Strategy, state: SearchState) -> tuple[list[str], Stop]:
    """What a strategy measures from a state on, in order, and how it ends."""
    order: list[str] = []
    while True:
        proposal = strategy.next(state)
        if isinstance(proposal, Stop):
            return order, proposal
        assert proposal in state.open, "only what is open may be proposed"
        order.append(proposal.candidate.id)
        state = replace(
            state,
            open=tuple(one for one in state.open if one is not proposal),
            measured={**state.measured, proposal.candidate.id: make_measurement(proposal.candidate)},
            elapsed=state.elapsed + 1,
        )
        assert len(order) <= 1000


@pytest.mark.parametrize("name", STRATEGIES.names())
class TestContract:
    @given(state=states())
    def test_it_measures_what_is_open_once_or_says_how_sure_it_is(self, name: str, state: SearchState) -> None:
        order, stop = run(STRATEGIES.get(name)(), state)
        everything = {one.candidate.id for one in state.open}
        assert len(order) == len(set(order))
        if stop.because == "exhausted":
            assert set(order) == everything
            assert stop.confidence == 1.0
        else:
            assert set(order) <= everything
            assert stop.confidence is None or 0 < stop.confidence <= 1

    @given(state=states())
    def test_the_same_states_give_the_same_proposals(self, name: str, state: SearchState) -> None:
        assert run(STRATEGIES.get(name)(), state) == run(STRATEGIES.get(name)(), state)

    @given(state=states())
    def test_it_stops_when_nothing_is_open(self, name: str, state: SearchState) -> None:
        assert STRATEGIES.get(name)().next(replace(state, open=())) == Stop("exhausted", 1.0)

    @given(state=states())
    def test_what_it_says_of_a_state_is_of_what_is_open(self, name: str, state: SearchState) -> None:
        account = STRATEGIES.get(name)().account(state)
        assert account.confidence is None or 0 <= account.confidence <= 1
        assert {one.candidate for one in account.missed} <= {one.candidate.id for one in state.open}
        chances = [one.chance for one in account.missed]
        assert chances == sorted(chances, reverse=True)
        assert all(0 < one <= 1 for one in chances)
        if account.confidence is not None:
            assert sum(chances) >= 1 - account.confidence - 1e-9, "the bound is that of the union"

    def test_it_goes_by_its_name(self, name: str) -> None:
        resolved, strategy = resolve_strategy(name)
        assert resolved == name
        assert isinstance(strategy, STRATEGIES.get(name))

    def test_it_is_documented(self, name: str) -> None:
        assert STRATEGIES.get(name).__doc__


@pytest.mark.parametrize("name", ["work-first", "random"])
@given(state=states(), data=st.data())
def test_the_order_of_the_plan_does_not_matter(name: str, state: SearchState, data: st.DataObject) -> None:
    shuffled = replace(state, open=tuple(data.draw(st.permutations(state.open))))
    assert run(STRATEGIES.get(name)(), shuffled) == run(STRATEGIES.get(name)(), state)


@given(state=states())
def test_work_first_begins_with_the_cheapest(state: SearchState) -> None:
    order, _ = run(STRATEGIES.get("work-first")(), state)
    cost = {one.candidate.id: estimate_seconds(PROFILE, one) for one in state.open}
    assert [cost[name] for name in order] == sorted(cost.values())


def test_random_order_is_another_order() -> None:
    """With a dozen models the chance that the order of names or of work comes out is one in 479 million."""
    planned = tuple(make_planned(f"net{number:02}.tag", gmacs=1.0 + number) for number in range(12))
    order, _ = run(STRATEGIES.get("random")(), SearchState(PROFILE, planned, {}, 0.0))
    assert order != sorted(order)


def test_auto_is_a_served_strategy_by_its_own_name() -> None:
    name, strategy = resolve_strategy("auto")
    assert name in STRATEGIES
    assert isinstance(strategy, STRATEGIES.get(name))


@pytest.mark.parametrize("name", ["tpe", "gp"])
def test_a_planned_strategy_is_refused_as_such(name: str) -> None:
    with pytest.raises(NotSupportedError, match="not supported yet") as caught:
        resolve_strategy(name)
    assert "auto" in str(caught.value)


def test_an_unknown_strategy_is_answered_with_a_near_one() -> None:
    with pytest.raises(UnknownNameError, match="'work-frist', did you mean 'work-first'"):
        resolve_strategy("work-frist")
