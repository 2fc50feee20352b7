"""Figures on the page: as high as they were drawn, in the colours of the theme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    import altair as alt

INK = {"light": "#1b1f24", "dark": "#e6e9ed"}
_AROUND = 70
"""Pixels of an axis and its title: Streamlit fits a figure with them into its height."""


def show(chart: alt.LayerChart, key: str, *, legend: bool = False, bare: bool = False, least: int = 0) -> None:
    """A figure.

    Args:
        chart: What to draw, with its height.
        key: Of the widget.
        legend: Whether a legend stands above it.
        bare: Whether it has no axis.
        least: Pixels that it is high at least.
    """
    around = 0 if bare else _AROUND + (40 if legend else 0)
    fitted = chart.properties(height=max(chart.height, least) + around).configure_text(color=ink())
    st.altair_chart(fitted, width="stretch", key=key)


def show_spec(spec: dict[str, Any], key: str, **selecting: Any) -> Any:
    """A figure as Vega-Lite; returns what was selected on it.

    Args:
        spec: What to draw.
        key: Of the widget.
        selecting: Further arguments of Streamlit's, for selections.
    """
    themed = {**spec, "config": {**spec.get("config", {}), "text": {"color": ink()}}}
    return st.vega_lite_chart(themed, width="stretch", key=key, **selecting)


def ink() -> str:
    """The colour of words in this theme."""
    return INK["dark" if st.context.theme.type == "dark" else "light"]
