"""Which models run on published weights, and what is said where they cannot be had. No hub is asked here."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.evidence import make_facts

from selector.engines.weights import WeightsPolicy
from selector.profiler import hub
from selector.types import ModelFacts

HERE, THERE = make_facts("resnet18.a1_in1k"), make_facts("resnet34.a1_in1k")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], list[str]]:
    """Sets what the hub answers; the models that it was asked for. The cache holds `HERE` alone."""
    monkeypatch.setattr(hub, "cached", lambda facts: facts == HERE)

    def answers(gap: str | None) -> list[str]:
        seen: list[str] = []

        def unreachable(facts: ModelFacts) -> str | None:
            seen.append(facts.name)
            return gap

        monkeypatch.setattr(hub, "unreachable", unreachable)
        return seen

    return answers


def test_a_hub_that_answers_serves_every_model(asked: Callable[[str | None], list[str]]) -> None:
    seen = asked(None)
    policy = WeightsPolicy("cpu", [HERE, THERE], offline=False)
    assert policy.pretrained(HERE)
    assert policy.pretrained(THERE)
    assert policy.note is None
    assert not policy.offline
    assert seen == [THERE.name]


def test_without_the_hub_the_cache_serves_what_it_has(asked: Callable[[str | None], list[str]]) -> None:
    seen = asked("the model hub could not be reached (ConnectError)")
    policy = WeightsPolicy("cpu", [HERE, THERE, THERE], offline=False)
    assert policy.pretrained(HERE)
    assert not policy.pretrained(THERE)
    assert policy.note is not None
    assert "could not be reached (ConnectError)" in policy.note
    assert "random weights" in policy.note
    assert policy.offline, "children must not wait for it either"
    assert len(seen) == 1


def test_a_full_cache_asks_nobody(asked: Callable[[str | None], list[str]]) -> None:
    seen = asked("must not be asked")
    policy = WeightsPolicy("cuda", [HERE], offline=False)
    assert policy.pretrained(HERE)
    assert policy.note is None
    assert seen == []


def test_offline_never_asks(asked: Callable[[str | None], list[str]]) -> None:
    seen = asked(None)
    policy = WeightsPolicy("cpu", [HERE, THERE], offline=True)
    assert policy.pretrained(HERE)
    assert not policy.pretrained(THERE)
    assert policy.note is not None
    assert "--offline" in policy.note
    assert policy.offline
    assert seen == []


@pytest.mark.parametrize("models", [[], [HERE, THERE]])
def test_a_simulated_device_needs_none(asked: Callable[[str | None], list[str]], models: list[ModelFacts]) -> None:
    seen = asked("must not be asked")
    policy = WeightsPolicy("fake", models, offline=False)
    assert not any(policy.pretrained(one) for one in models)
    assert policy.note is None
    assert seen == []


def test_what_was_given_up_is_not_wanted_again(asked: Callable[[str | None], list[str]]) -> None:
    asked(None)
    policy = WeightsPolicy("cpu", [HERE, THERE], offline=False)
    policy.give_up(HERE)
    assert not policy.pretrained(HERE)
    assert policy.pretrained(THERE)
