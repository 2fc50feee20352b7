"""A slider and an exact number for every requirement and every weight, which follow each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import address
from dashboard.shown import as_text
from selector.errors import SelectorError
from selector.quantities import parse_quantity
from selector.reports.limits import (
    LEAST_WEIGHT,
    LimitRange,
    limit_ranges,
    shares,
    weights_of,
    with_limits,
    with_weights,
)
from selector.reports.values import label

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from selector.decision import Decision
    from selector.requirements import RequirementProfile

_KEPT, _RANGES = "controls:kept", "controls:ranges"
_LIMIT, _WEIGHT = "limit.", "weight."


@dataclass(frozen=True)
class Moved:
    """What stands on the page.

    Attributes:
        profile: As the page has it; the very profile that was asked where nothing is moved.
        slots: Below each slider, by requirement key and "weight:METRIC", room for what is worked out later.
    """

    profile: RequirementProfile
    slots: Mapping[str, DeltaGenerator]


@dataclass(frozen=True)
class _Knob:
    """One slider with its number; figures in the unit of the page."""

    source: str
    key: str
    title: str
    value: float
    low: float
    high: float
    step: float
    decimals: int
    smallest: float
    largest: float | None

    @property
    def slider(self) -> str:
        return f"{self.source}:{self.key}:slider"

    @property
    def number(self) -> str:
        return f"{self.source}:{self.key}:number"

    def within(self, value: float) -> float:
        return min(max(value, self.low), self.high)


def profile_of(source: str, asked: Decision) -> RequirementProfile:
    """The profile as the page of the decision left it, for the other pages; notes it in the address.

    Args:
        source: Tells this pick from others.
        asked: What is decided as it was asked.
    """
    kept = _kept(source, asked)
    return _edited(asked, kept)


def controls(source: str, asked: Decision) -> Moved:
    """The widgets.

    Args:
        source: Tells this pick's widgets from those of another.
        asked: What is decided as it was asked.
    """
    ranges = _ranges(asked)
    weights = weights_of(asked.profile)
    kept = _kept(source, asked)
    slots: dict[str, Any] = {}
    st.subheader("What must hold")
    if not ranges:
        st.caption("The profile has no requirement with a limit.")
    for one in ranges:
        knob = _knob_of(source, one)
        kept[one.key], slots[one.key] = _moved(knob, kept.get(one.key, one.value))
    if weights:
        st.subheader("What counts")
        points = {}
        for key, value in weights.items():
            knob = _Knob(source, f"weight:{key}", label(key), value, LEAST_WEIGHT, 100.0, 1.0, 0, LEAST_WEIGHT, None)
            points[key], slots[knob.key] = _moved(knob, kept.get(knob.key, value))
            kept[knob.key] = points[key]
        told = " · ".join(f"{label(key)} {100 * share:.0f} %" for key, share in shares(points).items())
        st.caption(as_text(f"Together they are 100 %: {told}"))
    if ranges or weights:
        st.button(
            "Back to the profile",
            icon=":material/restart_alt:",
            disabled=kept == _asked(asked),
            key=f"{source}:reset",
            on_click=_reset,
            args=(source, asked),
        )
    return Moved(_edited(asked, kept), slots)


def _ranges(asked: Decision) -> tuple[LimitRange, ...]:
    """The ranges of all sliders, found once: they look at every candidate."""
    held: tuple[Decision, tuple[LimitRange, ...]] | None = st.session_state.get(_RANGES)
    if held is None or held[0] is not asked:
        held = st.session_state[_RANGES] = (asked, limit_ranges(asked))
    return held[1]


def _asked(asked: Decision) -> dict[str, float]:
    """What the profile says, by the keys of knobs."""
    limits = {one.key: one.value for one in _ranges(asked)}
    return limits | {f"weight:{key}": value for key, value in weights_of(asked.profile).items()}


def _kept(source: str, asked: Decision) -> dict[str, float]:
    """What was moved, which outlives the widgets; at first what the address says."""
    every: dict[str, dict[str, float]] = st.session_state.setdefault(_KEPT, {})
    if source not in every:
        every[source] = _asked(asked)
        if len(every) == 1:  # what the session was opened with
            _from_address(every[source], asked)
    return every[source]


def _from_address(kept: dict[str, float], asked: Decision) -> None:
    ranges = {one.key: one for one in _ranges(asked)}
    for key, text in address.asked_below(_LIMIT).items():
        try:
            kept[key] = ranges[key].read(text)
        except (KeyError, SelectorError):
            st.warning(as_text(f"The link's limit {key} {text} was not understood; the profile's holds."))
    for key, text in address.asked_below(_WEIGHT).items():
        try:
            value = parse_quantity(text, "count")
        except SelectorError:
            value = 0.0
        if f"weight:{key}" in kept and value >= LEAST_WEIGHT:
            kept[f"weight:{key}"] = value
        else:
            st.warning(as_text(f"The link's weight {key} {text} was not understood; the profile's holds."))


def _edited(asked: Decision, kept: Mapping[str, float]) -> RequirementProfile:
    """The profile as moved, noted in the address; the asked one where it cannot be."""
    before = _asked(asked)
    ranges = {one.key: one for one in _ranges(asked)}
    for key, value in kept.items():
        if value == before.get(key):
            continue
        if key in ranges:
            address.note(f"{_LIMIT}{key}", ranges[key].written(value))
        else:
            address.note(f"{_WEIGHT}{key.removeprefix('weight:')}", f"{value:g}")
    try:
        profile = with_limits(asked.profile, {key: value for key, value in kept.items() if key in ranges})
        points = {key.removeprefix("weight:"): value for key, value in kept.items() if key.startswith("weight:")}
        profile = with_weights(profile, points) if points else profile
    except SelectorError as error:
        st.error(as_text(error))
        return asked.profile
    return asked.profile if profile == asked.profile else profile


def _knob_of(source: str, one: LimitRange) -> _Knob:
    return _Knob(
        source, one.key, one.title, one.value, one.low, one.high, one.step, one.decimals, one.smallest, one.largest
    )


def _moved(one: _Knob, value: float) -> tuple[float, DeltaGenerator]:
    """The widgets of one knob: where they stand, and the room below the slider."""
    st.session_state.setdefault(one.number, value)
    st.session_state.setdefault(one.slider, one.within(value))
    st.markdown(f"**{as_text(one.title)}**")
    left, right = st.columns([3, 2], vertical_alignment="center")
    with left:
        st.slider(
            one.title,
            min_value=one.low,
            max_value=one.high,
            step=one.step,
            format=f"%.{one.decimals}f",
            key=one.slider,
            label_visibility="collapsed",
            on_change=_follow_slider,
            args=(one,),
        )
        slot = st.empty()
    with right:
        st.number_input(
            one.title,
            min_value=one.smallest,
            max_value=one.largest,
            step=one.step,
            format=f"%.{max(one.decimals, 1)}f",
            key=one.number,
            label_visibility="collapsed",
            on_change=_follow_number,
            args=(one,),
        )
    return float(st.session_state[one.number]), slot


def _follow_slider(one: _Knob) -> None:
    st.session_state[one.number] = st.session_state[one.slider]


def _follow_number(one: _Knob) -> None:
    st.session_state[one.slider] = one.within(st.session_state[one.number])


def _reset(source: str, asked: Decision) -> None:
    kept = st.session_state[_KEPT][source]
    for key, value in _asked(asked).items():
        kept[key] = value
        for widget in (f"{source}:{key}:slider", f"{source}:{key}:number"):
            st.session_state.pop(widget, None)
