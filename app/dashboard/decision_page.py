"""The decision: verdict, limits to move, the figure, the ranking, and why not the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import controls, help_pages, sources
from dashboard.shown import as_text
from selector.decision import decide
from selector.errors import SelectorError, StoreError
from selector.reports import argument, content, drawing, figures, provenance
from selector.reports.base import Context
from selector.reports.limits import limit_ranges, with_limits
from selector.reports.values import label, observed, show
from selector.store import Store

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision

_WIDTHS = {"rank": 50, "model": 330, "way": 180, "limit": 110}
"""Pixels of columns that are not figures."""
CARDS = 4
"""Figures of the choice that stand in cards, unless more are limited."""
ROWS = 500
"""Rows of a table at most; the JSON report has all."""


def page() -> None:
    """The page."""
    url = sources.store_url()
    try:
        store = Store(url, read_only=True)
    except StoreError as error:
        help_pages.no_store(url, error)
        return
    with store:
        try:
            source = sources.pick(store, url)
            if source is None:
                help_pages.empty_store(url)
                return
        except SelectorError as error:
            help_pages.unreadable_run(error)
            return
    _body(source)


def _body(source: sources.Source) -> None:
    asked = source.decision
    verdict = st.container()
    left, right = st.columns([2, 5], gap="large")
    with left:
        st.subheader("What must hold")
        limits = controls.limits(source.key, limit_ranges(asked))
    decision = _decide(asked, limits)
    with verdict:
        _verdict(decision, edited=decision is not asked)
    with right:
        _scatter(decision)
    _ranking(decision)
    _others(decision)
    _trust(decision)


def _decide(asked: Decision, limits: dict[str, float]) -> Decision:
    try:
        profile = with_limits(asked.profile, limits)
    except SelectorError as error:
        st.error(as_text(error))
        return asked
    return asked if profile == asked.profile else decide(profile, asked.evidence)


def _verdict(decision: Decision, edited: bool) -> None:
    environment = decision.evidence.plan.environment
    limits = ", with limits moved on this page" if edited else ""
    st.caption(as_text(f"{decision.profile.name} on {provenance.device_name(environment)}{limits}"))
    if decision.winner is None:
        st.header("No candidate meets every requirement")
        st.warning(as_text(decision.headline), icon=":material/rule:")
        for miss in decision.nearest_misses[:4]:
            st.markdown(f"- **{as_text(content.name(miss.assessment))}**: {as_text(miss.relaxation)}")
    else:
        st.header(as_text(content.name(decision.winner)))
        st.markdown(as_text(" ".join((*argument.claims(decision), *_extent(decision)))))
        _headroom(decision, decision.winner)
        _runner_up(decision)
    tally = " · ".join(f"{number:,} {status}" for status, number in content.counts(decision).items())
    st.caption(as_text(f"{content.breadth(decision)}: {tally}"))
    for note in decision.notes:
        st.caption(f":material/info: {as_text(note)}")


def _extent(decision: Decision) -> tuple[str, ...]:
    extent = provenance.extent(decision)
    return (f"{extent}.",) if extent else ()


def _headroom(decision: Decision, winner: Assessment) -> None:
    """A card for each limit with what is left to it, then for the figures that nothing limits."""
    rooms = argument.headrooms(winner)
    asked = {room.requirement.key for room in rooms}
    others = [key for key in content.shown_metrics(decision.profile) if key not in asked]
    with st.container(horizontal=True):
        for room in rooms:
            _card(content.condition(room.requirement), room.value, room.room)
        for key in others[: max(0, CARDS - len(rooms))]:
            figure = observed(winner.metrics.get(key))
            if figure is not None:
                _card(label(key), show(key, figure.value), "not limited")


def _card(title: str, value: str, below: str) -> None:
    st.metric(
        as_text(title), value, as_text(below), delta_color="off", delta_arrow="off", border=True, height="stretch"
    )


def _runner_up(decision: Decision) -> None:
    if len(decision.ranked) < 2 or decision.winner is None:
        return
    second = decision.ranked[1]
    tied = second.id in decision.winner.tied_with
    told = "; ".join(one.text for one in argument.differences(decision, second, decision.winner)[:4])
    st.markdown(
        f"{'**Tied with**' if tied else 'Runner-up:'} {as_text(content.name(second))}: {as_text(told)}",
    )


def _scatter(decision: Decision) -> None:
    pickable = figures.axes_to_pick(decision)
    default_x, default_y = figures.default_axes(decision)
    first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
    x = first.selectbox("Across", pickable, index=_place(pickable, default_x), format_func=label, key="x")
    y = second.selectbox("Up", pickable, index=_place(pickable, default_y), format_func=label, key="y")
    if x is None or y is None:
        st.info("Nothing is measured that a figure could show.")
        return
    data = figures.scatter(decision, x, y)
    logarithmic = third.toggle("Logarithmic", value=data.x.logarithmic, key=f"log:{x}")
    if not data.points:
        st.info(f"No candidate has both {label(x)} and {label(y)}.")
        return
    st.altair_chart(drawing.draw_scatter(data, logarithmic=logarithmic), width="stretch", key="scatter")
    if data.left_out:
        st.caption(f"{data.left_out:,} more rejected candidates are not drawn.")


def _place(options: Sequence[str], wanted: str) -> int | None:
    return options.index(wanted) if wanted in options else (0 if options else None)


def _ranking(decision: Decision) -> None:
    if not decision.ranked:
        return
    st.subheader(f"Meets every requirement: {len(decision.ranked):,}")
    if any(one.tied_with for one in decision.ranked[:ROWS]):
        st.caption("A place marked = is a tie: a preference, not proven better.")
    _table(content.ranking_table(decision, decision.ranked[:ROWS]), key="ranking")


def _table(table: content.Table, key: str) -> None:
    """A table whose figures sort as figures."""
    columns: dict[str, Any] = {}
    data: dict[str, list[Any]] = {}
    for place, column in enumerate(table.columns):
        cells = [row[place] for row in table.rows]
        if column.key in ("rank", "model", "way"):
            data[column.heading] = [cell.text for cell in cells]
            columns[column.heading] = st.column_config.TextColumn(width=_WIDTHS[column.key])
        elif column.key == "limit":
            data[column.heading] = [None if cell.number is None else 100 * cell.number for cell in cells]
            columns[column.heading] = st.column_config.ProgressColumn(
                width=_WIDTHS["limit"], format="%.0f %%", min_value=0.0, max_value=100.0
            )
        else:
            data[column.heading] = [cell.number for cell in cells]
            columns[column.heading] = st.column_config.NumberColumn(format=f"%.{column.decimals}f")
    st.dataframe(data, column_config=columns, hide_index=True, width="stretch", key=key)


def _others(decision: Decision) -> None:
    lists: tuple[tuple[str, tuple[content.Group, ...], tuple[Assessment, ...]], ...] = (
        ("Rejected", content.rejected_groups(decision), decision.rejected),
        ("Undecided", content.undecided_groups(decision), decision.undecided),
        ("Failed", content.failed_groups(decision), decision.failed),
        ("Unavailable", content.unavailable_groups(decision), decision.unavailable),
        ("Not measured", content.not_measured_groups(decision), decision.not_measured),
    )
    present = [one for one in lists if one[2]]
    if not present:
        return
    st.subheader("Why not the others")
    tabs = st.tabs([f"{title} {len(members):,}" for title, _, members in present])
    for tab, (title, groups, members) in zip(tabs, present, strict=True):
        with tab:
            for group in groups[:6]:
                nearest = f"; nearest: {group.nearest}" if group.nearest else ""
                st.markdown(f"- {len(group.members):,} × {as_text(group.reason)}{as_text(nearest)}")
            _reasons(members[:ROWS], key=title)


def _reasons(members: Sequence[Assessment], key: str) -> None:
    data = {
        "model": [one.planned.candidate.model for one in members],
        "way": [one.planned.candidate.optimization for one in members],
        "why": ["; ".join(one.reasons) for one in members],
    }
    columns = {name: st.column_config.TextColumn(width=_WIDTHS.get(name, "large")) for name in data}
    st.dataframe(data, column_config=columns, hide_index=True, width="stretch", key=f"reasons:{key}")


def _trust(decision: Decision) -> None:
    with st.expander("What the figures stand on", icon=":material/verified:"):
        facts = provenance.trust(decision)
        st.dataframe(
            {"": [fact for fact, _ in facts], "what": [text for _, text in facts]}, hide_index=True, width="stretch"
        )
        st.code(provenance.confirm(decision, Context()), language="sh")
