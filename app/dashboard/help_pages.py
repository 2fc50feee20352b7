"""Pages for a store that holds nothing to show."""

from __future__ import annotations

import streamlit as st

from dashboard.shown import as_text
from selector.errors import SelectorError


def no_store(url: str, error: SelectorError) -> None:
    """The store is missing, from another version, or no store at all; the error says what to change."""
    st.title("This store cannot be shown")
    st.error(as_text(error), icon=":material/database_off:")
    _ways_out(url)


def empty_store(url: str) -> None:
    """The store is there, and nothing was measured into it."""
    st.title("Nothing is measured yet")
    st.info("The store is empty: the first evaluation fills it, and this page shows what it finds.")
    _ways_out(url)


def unreadable(error: SelectorError) -> None:
    """What was picked cannot be decided, e.g. a profile of another version."""
    st.title("This cannot be decided")
    st.error(as_text(error), icon=":material/error:")
    st.markdown("Pick another run, profile or environment on the left.")


def _ways_out(url: str) -> None:
    st.markdown("Measure and decide, on this machine and within minutes:")
    st.code("selector evaluate quickstart", language="sh")
    st.markdown("Or show another store:")
    st.code("selector dashboard --store sqlite:///FILE", language="sh")
    st.caption(f"Asked for was {as_text(url)}. Reload this page when it is there.")
