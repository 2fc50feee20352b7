"""The contract of a search strategy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from selector.errors import NotSupportedError
from selector.registry import Registry
from selector.requirements import RequirementProfile
from selector.types import Environment, Measurement, Missed, Planned

_LATER = ("tpe", "gp")
"""Strategies of the profile format that this version does not serve."""


@dataclass(frozen=True)
class SearchState:
    """What a strategy decides from.

    Attributes:
        profile: What is asked.
        open: Candidates that static facts left and that have no sufficient measurement yet, in the plan's order.
        measured: Measurements so far by candidate id, failures too.
        elapsed: Seconds since the run began.
        considered: All candidates that static facts left, measured ones too; `open` alone where it is empty.
        environment: Where it is measured, or None where that does not matter.
    """

    profile: RequirementProfile
    open: tuple[Planned, ...]
    measured: Mapping[str, Measurement]
    elapsed: float
    considered: tuple[Planned, ...] = ()
    environment: Environment | None = None


@dataclass(frozen=True)
class Stop:
    """The search ends.

    Attributes:
        because: "exhausted" or the strategy's own word.
        confidence: That nothing better was missed, None when the strategy cannot say.
    """

    because: str
    confidence: float | None


@dataclass(frozen=True)
class Account:
    """What a strategy can say of a search that ends in the state it is in.

    Attributes:
        confidence: That nothing better is missed, None when the strategy cannot say.
        missed: Open candidates that are likeliest to be better, likeliest first.
    """

    confidence: float | None = None
    missed: tuple[Missed, ...] = ()


class Strategy(ABC):
    """Proposes one candidate after the other. The time budget is kept by the caller."""

    @abstractmethod
    def next(self, state: SearchState) -> Planned | Stop:
        """The candidate to measure next, out of `state.open`, or `Stop`.

        Must stop when nothing is open. Deterministic: the same states give the same proposals.
        """

    def account(self, state: SearchState) -> Account:  # noqa: ARG002 - most cannot say
        """How sure it is that nothing better is missed if the search ends in this state."""
        return Account()


STRATEGIES: Registry[type[Strategy]] = Registry("strategy", "selector.search")


def resolve_strategy(name: str) -> tuple[str, Strategy]:
    """A strategy by name, "auto" included, with the name it goes by.

    Raises:
        NotSupportedError: The format has it, this version does not.
        UnknownNameError: No such strategy.
    """
    resolved = "work-first" if name == "auto" else name
    if resolved in _LATER and resolved not in STRATEGIES:
        served = ", ".join(["auto", *sorted(STRATEGIES.names())])
        raise NotSupportedError(f"the strategy {name!r} is not supported yet; this version has {served}")
    return resolved, STRATEGIES.get(resolved)()
