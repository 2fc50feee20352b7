"""The contract of a check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from selector.devices import Device
from selector.engines.run import Observer, Options
from selector.registry import Registry

Result = Literal["ok", "warn", "fail", "skipped"]
"""How one thing is: in order; with a reservation; broken, though it should work; not looked at or not here."""


@dataclass(frozen=True)
class Finding:
    """What a check says of one thing.

    Attributes:
        subject: What was looked at, in a word or two.
        result: How it is.
        found: What was seen, as a clause.
        advice: What to do about it, or "".
        figures: Readings in base units, for programs.
    """

    subject: str
    result: Result
    found: str
    advice: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Visit:
    """What checks get to work with.

    Attributes:
        device: The device that the ways are proven on.
        store: Address of the store, which need not be there yet.
        options: Names the artifact cache; `stopping` ends the proving of the ways.
        quick: Whether to leave out what builds and times models.
        ways: Names and globs of the ways to prove; empty for all.
        asked: How the user named the device.
        observer: Is told how the proving of the ways goes.
    """

    device: Device
    store: str
    options: Options = field(default_factory=Options)
    quick: bool = False
    ways: tuple[str, ...] = ()
    asked: str = "auto"
    observer: Observer = field(default_factory=Observer)


@dataclass(frozen=True)
class Check:
    """One thing that is looked at.

    Attributes:
        name: In the registry and in JSON.
        title: Heading of its findings.
        place: Checks run and stand in the order of these numbers.
        look: Does it. What it raises becomes a finding; so far as it came before, that stays.
    """

    name: str
    title: str
    place: int
    look: Callable[[Visit], Iterable[Finding]]


CHECKS: Registry[Check] = Registry("check", "selector.doctor")

Look = Callable[[Visit], Iterable[Finding]]


def check(name: str, title: str, place: int) -> Callable[[Look], Look]:
    """Registers a function as a check; for the arguments see `Check`."""

    def register(look: Look) -> Look:
        CHECKS.register(name, Check(name, title, place, look))
        return look

    return register
