"""What a person takes along: the report in every format, the data, the profile as moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import deciding
from selector.errors import SelectorError
from selector.reports import FORMATS, pictures, render
from selector.reports.base import Context
from selector.requirements.template import render_profile

if TYPE_CHECKING:
    from dashboard.sources import Source
    from dashboard.view import View
    from selector.decision import Decision


def downloads(view: View, source: Source, decision: Decision, axes: tuple[str | None, str | None]) -> None:
    """Buttons; a report is made when its button is pressed."""
    st.subheader("Take it along")
    name = (
        "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in decision.profile.name) or "report"
    )
    with st.container(horizontal=True):
        for key, made in FORMATS:
            try:
                made.require_packages()
            except SelectorError:
                continue
            st.download_button(
                key.upper() if made.binary or len(key) > 2 else "Markdown",
                data=_maker(view, source, decision, key),
                file_name=f"{name}{made.suffix}",
                mime=made.media_type,
                key=f"download:{key}",
                icon=":material/download:",
                on_click="ignore",
                help=made.description,
            )
        if pictures.can_draw():
            st.download_button(
                "Figure",
                data=lambda: pictures.scatter_picture(decision, *axes),
                file_name=f"{name}.png",
                mime="image/png",
                key="download:figure",
                icon=":material/download:",
                on_click="ignore",
                help="The figure as it stands above, as a picture",
            )
        st.download_button(
            "Profile",
            data=render_profile(decision.profile),
            file_name=f"{name}.yaml",
            mime="application/yaml",
            key="download:profile",
            icon=":material/tune:",
            on_click="ignore",
            help="The profile as this page has it, for selector evaluate",
        )
    st.caption("The address of this page is a link to what it shows: profile, limits, weights, selection.")


def _maker(view: View, source: Source, decision: Decision, key: str) -> Callable[[], bytes]:
    """Makes a report of one format: called when its button is pressed, after the page is drawn."""

    def make() -> bytes:
        made = render(deciding.with_finalists(view, source, decision), key, Context(profile=source.profile))
        return made if isinstance(made, bytes) else made.encode()

    return make
