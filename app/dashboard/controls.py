"""A slider and an exact number for every requirement, which follow each other."""

from __future__ import annotations

import streamlit as st

from dashboard.shown import as_text
from selector.reports.limits import LimitRange


def limits(source: str, ranges: tuple[LimitRange, ...]) -> dict[str, float]:
    """The limits as they stand on the page, by requirement key, in the ranges' units.

    Args:
        source: Tells this profile's widgets from those of another.
        ranges: What can be moved.
    """
    if not ranges:
        st.caption("The profile has no requirement with a limit.")
    chosen = {one.key: _limit(source, one) for one in ranges}
    moved = any(chosen[one.key] != one.value for one in ranges)
    if ranges:
        st.button(
            "Back to the profile",
            icon=":material/restart_alt:",
            disabled=not moved,
            key=f"{source}:reset",
            on_click=_reset,
            args=(source, ranges),
        )
    return chosen


def _limit(source: str, one: LimitRange) -> float:
    slider, number = _keys(source, one)
    st.session_state.setdefault(number, one.value)
    st.session_state.setdefault(slider, _within(one.value, one))
    st.markdown(f"**{as_text(one.title)}**")
    left, right = st.columns([3, 2], vertical_alignment="center")
    with left:
        st.slider(
            one.title,
            min_value=one.low,
            max_value=one.high,
            step=one.step,
            format=f"%.{one.decimals}f",
            key=slider,
            label_visibility="collapsed",
            on_change=_follow_slider,
            args=(source, one),
        )
    with right:
        st.number_input(
            one.title,
            min_value=one.smallest,
            max_value=one.largest,
            step=one.step,
            format=f"%.{max(one.decimals, 1)}f",
            key=number,
            label_visibility="collapsed",
            on_change=_follow_number,
            args=(source, one),
        )
    return float(st.session_state[number])


def _keys(source: str, one: LimitRange) -> tuple[str, str]:
    return f"{source}:{one.key}:slider", f"{source}:{one.key}:number"


def _within(value: float, one: LimitRange) -> float:
    return min(max(value, one.low), one.high)


def _follow_slider(source: str, one: LimitRange) -> None:
    slider, number = _keys(source, one)
    st.session_state[number] = st.session_state[slider]


def _follow_number(source: str, one: LimitRange) -> None:
    slider, number = _keys(source, one)
    st.session_state[slider] = _within(st.session_state[number], one)


def _reset(source: str, ranges: tuple[LimitRange, ...]) -> None:
    for one in ranges:
        slider, number = _keys(source, one)
        st.session_state[number] = one.value
        st.session_state[slider] = _within(one.value, one)
