"""Which candidate is looked at: the newest that was clicked in the figure or in the table, on every page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import address

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision

_KEY, _LAST = "selection:candidate", "selection:last"


def picked(where: str, candidate: str) -> None:
    """Somebody clicked; widgets report an old click again and again, which says nothing new.

    Args:
        where: The widget.
        candidate: The candidate's id.
    """
    last: dict[str, str] = st.session_state.setdefault(_LAST, {})
    if last.get(where) != candidate:
        last[where] = candidate
        choose(candidate)


def choose(candidate: str) -> None:
    """This candidate is looked at from now on."""
    st.session_state[_KEY] = candidate


def current(decision: Decision) -> Assessment | None:
    """The candidate that is looked at, as this decision has it; noted in the address."""
    wanted = st.session_state.get(_KEY) or address.asked("candidate")
    found = next((one for one in decision.assessments if one.id == wanted), None)
    if found is not None:
        address.note("candidate", found.id)
    return found
