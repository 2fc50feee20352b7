"""The data of the sensitivity figure: in which range each limit and each weight leaves the choice as it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selector.decision.sensitivity import Edge, Sensitivity, sensitivities
from selector.reports.content import SIGNS
from selector.reports.text import plain
from selector.reports.values import label, show

if TYPE_CHECKING:
    from selector.decision import Decision
    from selector.reports.limits import LimitRange

_LEFT, _RIGHT, _LONE = 0.24, 0.76, 0.5
"""Where the edges stand on a row of width 1, and the asked limit where nothing else gives it a place."""


@dataclass(frozen=True)
class StayRange:
    """In which range one limit, or one weight, leaves the choice as it is.

    Every row has a scale of its own, so places are shares of its width.

    Attributes:
        key: The requirement or the weighed metric.
        title: "p95 <", "weight of top-1".
        asked: Place of the limit as it is.
        asked_text: The same for people: "50 ms".
        low: Place of the smallest limit at which the choice stays; 0 where it stays at all smaller ones.
        low_text: "39.5 ms"; "" where there is no such edge.
        high: As `low`, of the largest; 1 where it stays at all larger ones.
        high_text: As `low_text`.
        below: What happens below, in a sentence.
        above: What happens above.
    """

    key: str
    title: str
    asked: float
    asked_text: str
    low: float
    low_text: str
    high: float
    high_text: str
    below: str
    above: str


def stay_ranges(decision: Decision) -> tuple[StayRange, ...]:
    """One row for every limit and every weight, in the profile's order; empty without a winner."""
    return rows_of(decision, sensitivities(decision))


def rows_of(decision: Decision, found: Iterable[Sensitivity]) -> tuple[StayRange, ...]:
    """The rows of sensitivities that are at hand.

    Args:
        decision: What was decided.
        found: Its sensitivities.
    """
    signs = {one.key: SIGNS[one.comparison] for one in decision.profile.requirements}
    return tuple(_row(one, signs) for one in found)


def _row(found: Sensitivity, signs: dict[str, str]) -> StayRange:
    edges = [edge for edge in (found.tighter, found.looser) if edge is not None]
    told = {id(edge): plain(text) for edge, text in zip(edges, found.sentences[1:], strict=bool(edges))}
    below = next((edge for edge in edges if edge.first < edge.last), None)
    above = next((edge for edge in edges if edge.first > edge.last), None)
    unchanged = "the choice stays" if edges else plain(found.sentences[0])
    return StayRange(
        key=found.key,
        title=f"weight of {label(found.key)}" if found.weight else f"{label(found.key)} {signs[found.key]}",
        asked=_place(found.asked, below, above),
        asked_text=_shown(found, found.asked),
        low=0.0 if below is None else _LEFT,
        low_text="" if below is None else _shown(found, below.last),
        high=1.0 if above is None else _RIGHT,
        high_text="" if above is None else _shown(found, above.last),
        below=unchanged if below is None else told[id(below)],
        above=unchanged if above is None else told[id(above)],
    )


def _place(asked: float, below: Edge | None, above: Edge | None) -> float:
    if below is None or above is None or above.last <= below.last:
        return _LONE
    return _LEFT + (_RIGHT - _LEFT) * (asked - below.last) / (above.last - below.last)


def _shown(found: Sensitivity, value: float) -> str:
    return f"{value:.2g}" if found.weight else show(found.key, value, 6)


@dataclass(frozen=True)
class Strip:
    """Where on a slider the choice stays and where it changes; figures are in the slider's unit.

    Attributes:
        low: Left end of the slider.
        high: Right end.
        left: From here on the choice stays; `low` where no smaller limit changes it.
        right: Up to here it does; `high` likewise.
        marks: (place, what happens there) of the changes that lie on the slider.
        text: The range in words: "stays from 31 ms to 61 ms".
        description: All of it in words.
    """

    low: float
    high: float
    left: float
    right: float
    marks: tuple[tuple[float, str], ...]
    text: str
    description: str


def strip(moved: LimitRange, found: Sensitivity) -> Strip:
    """What stands along the slider of one limit.

    Args:
        moved: The slider.
        found: The sensitivity of its requirement.
    """
    return _strip(found, moved.low, moved.high, moved.scale.factor)


def weight_strip(found: Sensitivity) -> Strip:
    """What stands along the slider of one weight, whose ends are 0 and 100 (as shares of all weights)."""
    return _strip(found, 0.0, 100.0, 0.01)


def _strip(found: Sensitivity, low: float, high: float, factor: float) -> Strip:
    row = _row(found, {found.key: ""})
    edges = [edge for edge in (found.tighter, found.looser) if edge is not None]
    told = {id(edge): plain(text) for edge, text in zip(edges, found.sentences[1:], strict=bool(edges))}
    left = max((edge.last for edge in edges if edge.first < edge.last), default=None)
    right = min((edge.last for edge in edges if edge.first > edge.last), default=None)
    marks = tuple((edge.first / factor, told[id(edge)]) for edge in edges if low <= edge.first / factor <= high)
    if row.low_text and row.high_text:
        text = f"the choice stays from {row.low_text} to {row.high_text}"
    elif row.low_text or row.high_text:
        text = f"the choice stays {f'from {row.low_text} on' if row.low_text else f'up to {row.high_text}'}"
    else:
        text = "changes nothing among what is measured"
    return Strip(
        low=low,
        high=high,
        left=low if left is None else min(max(left / factor, low), high),
        right=high if right is None else max(min(right / factor, high), low),
        marks=marks,
        text=text,
        description="; ".join((text, *(told[id(edge)] for edge in edges))),
    )
