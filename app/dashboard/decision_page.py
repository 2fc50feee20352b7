"""The decision: verdict, limits to move, the figure, the ranking, why not the others, what would change it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import address, controls, deciding, drawn, selection, tables, taking
from dashboard.shown import as_text
from selector.reports import argument, browsing, content, drawing, drawing_parts, drawing_times, figures, provenance
from selector.reports.base import Context
from selector.reports.limits import limit_ranges
from selector.reports.ranges import rows_of, strip, weight_strip
from selector.reports.values import label, observed, show

if TYPE_CHECKING:
    from dashboard.sources import Source
    from dashboard.view import View
    from selector.decision import Assessment, Decision

CARDS = 4
"""Figures of the choice that stand in cards, unless more are limited."""
_PICKED, _BRUSHED = "picked", "brushed"


def page(view: View) -> None:
    """The page."""
    source = view.source
    assert source is not None
    asked = source.decision
    verdict = st.container()
    left, right = st.columns([2, 5], gap="large")
    with left:
        moved = controls.controls(source.name, asked)
    decision = deciding.decided(source, moved.profile)
    with verdict:
        _verdict(decision, edited=decision is not asked)
    ranking = st.container()
    with ranking:  # before the figure, which takes longer: who moves a limit wants to see who wins
        _ranking(decision, _brushed(decision))
    with right:
        _scatter(decision)
    with ranking:
        _picked(decision)
    changes = st.container()
    _others(decision)
    taking.downloads(view, source, decision, (st.session_state.get("x"), st.session_state.get("y")))
    _trust(decision, source)
    with changes:
        _changes(source, decision, moved)


def _verdict(decision: Decision, edited: bool) -> None:
    environment = decision.evidence.plan.environment
    limits = ", as moved on this page" if edited else ""
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
    missed = provenance.likeliest_missed(decision)
    told = (provenance.extent(decision), f"Likeliest missed: {missed}" if missed else "")
    return tuple(f"{one}." for one in told if one)


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


def _brushed(decision: Decision) -> frozenset[str] | None:
    """The ids within the range that was drawn on the figure, None without one."""
    x, y = st.session_state.get("x"), st.session_state.get("y")
    event: Any = st.session_state.get(_figure_key(x, y))
    ends = event["selection"].get(_BRUSHED) if event else None
    return browsing.brushed(figures.scatter(decision, x, y), ends.get("x", ()), ends.get("y", ())) if ends else None


def _figure_key(x: str | None, y: str | None) -> str:
    return f"scatter:{x}:{y}"


def _scatter(decision: Decision) -> None:
    """The figure."""
    pickable = figures.axes_to_pick(decision)
    default_x, default_y = figures.default_axes(decision)
    first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
    with first:
        x = _axis("Across", "x", pickable, default_x)
    with second:
        y = _axis("Up", "y", pickable, default_y)
    if x is None or y is None:
        st.info("Nothing is measured that a figure could show.")
        return
    data = figures.scatter(decision, x, y)
    logarithmic = third.toggle("Logarithmic", value=data.x.logarithmic, key=f"log:{x}")
    if not data.points:
        st.info(f"No candidate has both {label(x)} and {label(y)}.")
        return
    spec = drawing.scatter_spec(data, logarithmic=logarithmic, picked=_PICKED, brushed=_BRUSHED)
    event: Any = drawn.show_spec(spec, _figure_key(x, y), on_select="rerun", selection_mode=[_PICKED, _BRUSHED])
    left_out = f" {data.left_out:,} more rejected candidates are not drawn." if data.left_out else ""
    st.caption(f"Click a point to look at it, drag to list only what lies within.{left_out}")
    points = event["selection"].get(_PICKED) or []
    if points and "id" in points[0]:
        selection.picked("figure", str(points[0]["id"]))


def _axis(title: str, key: str, pickable: Sequence[str], default: str) -> str | None:
    wanted = address.asked(key)
    kept = st.session_state.get(f"axis:{key}", wanted)
    start = kept if kept in pickable else default if default in pickable else next(iter(pickable), None)
    if st.session_state.get(key) not in pickable:
        st.session_state[key] = start
    chosen = st.selectbox(title, pickable, format_func=label, key=key)
    if chosen is not None and chosen != default:
        address.note(key, chosen)
    st.session_state[f"axis:{key}"] = None if chosen == default else chosen
    return chosen


def _ranking(decision: Decision, brushed: frozenset[str] | None) -> None:
    if not decision.ranked:
        return
    st.subheader(f"Meets every requirement: {len(decision.ranked):,}")
    if any(one.tied_with for one in decision.ranked[: tables.ROWS]):
        st.caption("A place marked = is a tie: a preference, not proven better.")
    which, relative = _filters(decision, brushed)
    listed = browsing.sift(decision.ranked, which)
    if len(listed) < len(decision.ranked):
        st.caption(f"{len(listed):,} of {len(decision.ranked):,} are listed.")
    shown = listed[: tables.ROWS]
    if len(shown) < len(listed):
        st.caption(f"The first {len(shown):,} stand here; a filter reaches the others, the CSV report has all.")
    table = content.ranking_table(decision, shown)
    place = tables.ranking(browsing.relative(table) if relative else table, key="ranking", pick=True)
    if place is not None:
        selection.picked("ranking", shown[place].id)
    parts = browsing.score_parts(decision)
    if parts:
        with st.expander("What makes the score", icon=":material/stacked_bar_chart:"):
            drawn.show(drawing_parts.draw_parts(parts), "parts", legend=True)


def _filters(decision: Decision, brushed: frozenset[str] | None) -> tuple[browsing.Wanted, bool]:
    offered = browsing.choices(decision.ranked)
    with st.popover("Filter and compare", icon=":material/filter_list:"):
        text = st.text_input("Name", key="filter:text", placeholder="part of a name")
        families = st.multiselect("Family", offered.families, key="filter:families")
        ways = st.multiselect("Optimization", offered.ways, key="filter:ways")
        licenses = st.multiselect("Licence", offered.licenses, key="filter:licenses")
        largest = None
        if offered.most_parameters is not None:
            largest = st.number_input(
                "Parameters at most (M)", min_value=0.0, value=None, key="filter:parameters", placeholder="any"
            )
        relative = st.toggle("Figures relative to the best", key="filter:relative")
    return browsing.Wanted(families, licenses, ways, largest, text, brushed), relative


def _picked(decision: Decision) -> None:
    one = selection.current(decision)
    if one is None:
        return
    with st.container(border=True):
        left, right = st.columns([5, 1], vertical_alignment="center")
        left.markdown(f"**{as_text(content.name(one))}**: {as_text('; '.join(one.reasons) or one.status.value)}")
        right.button(
            "Look at it", icon=":material/manage_search:", key="look", on_click=address.send_to, args=("candidate",)
        )


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
            _reasons(members[: tables.ROWS], key=title)


def _reasons(members: Sequence[Assessment], key: str) -> None:
    data = {
        "model": [one.planned.candidate.model for one in members],
        "way": [one.planned.candidate.optimization for one in members],
        "why": ["; ".join(one.reasons) for one in members],
    }
    columns = {name: st.column_config.TextColumn(width=tables.WIDTHS.get(name, "large")) for name in data}
    st.dataframe(data, column_config=columns, hide_index=True, width="stretch", key=f"reasons:{key}")


def _trust(decision: Decision, source: Source) -> None:
    with st.expander("What the figures stand on", icon=":material/verified:"):
        facts = provenance.trust(decision)
        tables.plain({"fact": [fact for fact, _ in facts], "what": [text for _, text in facts]})
        st.code(provenance.confirm(decision, Context(profile=source.profile)), language="sh")


def _changes(source: Source, decision: Decision, moved: controls.Moved) -> None:
    """What would change it: worked out last, because it takes as long as many decisions."""
    st.subheader("What would change it")
    if decision.winner is None:
        for line in argument.changes(decision):
            st.markdown(f"- {as_text(line)}")
        return
    with st.spinner("Deciding again on both sides of every limit …", show_time=True):
        found = deciding.sensitivity(source, decision)
    for line in (*(one for each in found for one in each.sentences), *argument.costs(decision)):
        st.markdown(f"- {as_text(line)}")
    if not found:
        st.caption("Nothing is limited and nothing is weighed.")
        return
    drawn.show(drawing_times.draw_ranges(rows_of(decision, found)), "ranges")
    ranges = {one.key: one for one in limit_ranges(decision)}
    for one in found:
        slot = moved.slots.get(f"weight:{one.key}" if one.weight else one.key)
        if slot is not None:
            along = weight_strip(one) if one.weight else strip(ranges[one.key], one)
            with slot:
                drawn.show(drawing_times.draw_strip(along), f"strip:{one.key}", bare=True)
