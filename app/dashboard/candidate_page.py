"""One candidate: why it stands where it stands, its times, its way's gain, what it is and what it was timed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import deciding, drawn, selection, tables
from dashboard.shown import as_text
from selector.reports import browsing, content, drawing_times, explanation, timings

if TYPE_CHECKING:
    from dashboard.view import View
    from selector.decision import Assessment, Decision

_KEY = "candidate"


def page(view: View) -> None:
    """The page."""
    source = view.source
    assert source is not None
    decision = deciding.shown(source)
    one = _pick(decision)
    if one is None:
        st.title("No candidate")
        st.info("The profile considers none: widen its `candidates`.")
        return
    st.header(as_text(content.name(one)))
    st.markdown(as_text(explanation.standing(decision, one)))
    for line in (*one.reasons, *explanation.against(decision, one)):
        st.markdown(f"- {as_text(line)}")
    if one.judgements and one.rank != 1:  # what the choice leaves to each limit is among the reasons
        tables.plain(
            {
                "requirement": [content.condition(judged.requirement) for judged in one.judgements.values()],
                "verdict": [judged.verdict.value for judged in one.judgements.values()],
                "in words": [judged.sentence for judged in one.judgements.values()],
            }
        )
    sampled = deciding.with_own_samples(view, source, one)
    _times(decision, sampled)
    rungs = timings.ladder(decision, one)
    if rungs is not None:
        st.subheader("Every way of running this model")
        drawn.show(drawing_times.draw_ladder(rungs), "ladder", legend=True)
        if rungs.unavailable:
            st.caption(f"{content.count(rungs.unavailable, 'more way')} cannot run on this device.")
    st.subheader("Figures")
    tables.rows(("metric", "figure", "interval", "from"), browsing.figure_rows(one), key="figures")
    st.subheader("What it is and what it was timed on")
    tables.rows(("fact", "what"), browsing.fact_rows(one), key="facts")
    _failure(one)


def _pick(decision: Decision) -> Assessment | None:
    ids = list(deciding.ids(decision))
    if not ids:
        return None
    wanted = selection.current(decision) or decision.winner or decision.assessments[0]
    st.session_state[_KEY] = wanted.id
    st.selectbox("Candidate", ids, key=_KEY, on_change=_chosen, help="Type a part of its name.")
    selection.choose(wanted.id)
    return selection.current(decision)


def _chosen() -> None:
    selection.choose(st.session_state[_KEY])


def _times(decision: Decision, one: Assessment) -> None:
    spread = timings.spreads(decision, shown=[one])
    warm = timings.warm_up(one)
    if spread is None and warm is None:
        return
    left, right = st.columns([3, 2], gap="large")
    if spread is not None:
        with left:
            st.subheader("Times of its queries")
            drawn.show(drawing_times.draw_spreads(spread), "spread", least=220)
            st.caption("Solid p50, dashed p95, as they were decided on; the thick line at the foot is the interval.")
    if warm is not None:
        with right:
            st.subheader("Warm-up")
            drawn.show(drawing_times.draw_warm_up(warm), "warm-up")
            st.caption(as_text(warm.description))


def _failure(one: Assessment) -> None:
    measurement = one.measurement
    if measurement is None or not measurement.log.strip():
        return
    with st.expander("Log", expanded=measurement.observation is None, icon=":material/article:"):
        st.code(measurement.log, language=None)
