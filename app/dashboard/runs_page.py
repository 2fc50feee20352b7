"""Runs: those that ended, and those that are going on as their rows arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import address, sources, tables
from dashboard.shown import as_text
from selector.errors import SelectorError
from selector.reports import history, provenance
from selector.requirements.template import render_profile
from selector.store import Store
from selector.types import Outcome

if TYPE_CHECKING:
    from dashboard.view import View
    from selector.store import RunRecord

_LATEST = 15
"""Measurements of a run that is going on which are shown."""
_SECONDS = 2.0
"""Between two looks at a run that is going on."""


def page(view: View) -> None:
    """The page."""
    assert view.store is not None
    st.header("Runs")
    runs, environments = sources.listing(view.url, view.revision, _store=view.store)
    if not runs:
        st.info("No run is stored; figures were brought here without one.")
        return
    live = history.going_on(runs)
    if live:
        _live(view.url, live[0].id)
    counted = sources.outcomes(view.url, view.revision, _store=view.store)
    event = st.dataframe(
        history.run_columns(runs, counted, environments),
        column_config={"search": st.column_config.TextColumn(width="large")},
        hide_index=True,
        width="stretch",
        key="runs",
        on_select="rerun",
        selection_mode="single-row",
    )
    if len(runs) == sources.RUNS_LISTED:
        st.caption(f"The newest {len(runs)} runs.")
    rows = event.selection.rows
    _run(view.store, runs[rows[0]] if rows and rows[0] < len(runs) else _asked(runs))


def _asked(runs: list[RunRecord]) -> RunRecord:
    wanted = st.session_state.get("run") or address.asked("run")
    return next((run for run in runs if run.id == wanted), runs[0])


@st.fragment(run_every=_SECONDS)
def _live(url: str, run_id: str) -> None:
    """A run that is going on; the whole page is drawn again when it ends."""
    with Store(url, read_only=True) as store:
        run = store.run(run_id)
        if run.status != "running":
            st.rerun()
        counted = store.outcomes([run_id]).get(run_id, {})
        latest = store.measurements(run_id, last=_LATEST)
    total = sum(counted.values())
    failed = total - counted.get(Outcome.OK.value, 0)
    with st.container(border=True):
        st.markdown(f"**Going on: {as_text(run.profile_name)}**, for {history.since(run)}")
        st.caption(f"{total:,} measured{f', {failed:,} of them failed' if failed else ''}; the newest first")
        tables.plain(history.measurement_columns(latest[::-1]), key=f"live:{run_id}")


def _run(store: Store, run: RunRecord) -> None:
    st.subheader(as_text(f"{run.profile_name}, run {run.id}"))
    st.markdown(as_text(f"{provenance.device_name(run.environment)}, {run.status}, {history.took(run)}"))
    if not run.is_check:
        st.button("Show its decision", icon=":material/target:", key="runs:open", on_click=_open, args=(run.id,))
    for note in run.notes:
        st.caption(f":material/info: {as_text(note)}")
    counted = store.outcomes([run.id]).get(run.id, {})
    failures = sum(counted.values()) - counted.get(Outcome.OK.value, 0)
    measured = store.measurements(run.id, last=tables.ROWS)
    failed = store.measurements(run.id, last=tables.ROWS, failed=True) if failures else []
    if failed:
        st.subheader(f"Failed: {failures:,}")
        tables.plain(history.measurement_columns(failed), key="runs:failed")
        logs = {one.candidate.id: one.log for one in failed if one.log.strip()}
        if logs:
            chosen = st.selectbox("Log of", list(logs), key="runs:log")
            st.code(logs[chosen], language=None)
    total = sum(counted.values())
    title = (
        f"What it measured: {total:,}" if total <= tables.ROWS else f"The last {tables.ROWS:,} of {total:,} measured"
    )
    with st.expander(title, icon=":material/table_rows:"):
        tables.plain(history.measurement_columns(measured), key="runs:measured")
    with st.expander("What was asked", icon=":material/tune:"):
        try:
            st.code(render_profile(run.profile), language="yaml")
        except SelectorError as error:
            st.error(as_text(error))


def _open(run_id: str) -> None:
    st.session_state["decide_for"] = "A run"
    st.session_state["run"] = run_id
    address.send_to("decision")
