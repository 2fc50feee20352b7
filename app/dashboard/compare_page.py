"""Two things side by side: candidates, runs or environments; what differs, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import address, deciding, drawn, selection, sources, tables
from dashboard.shown import as_text
from selector.decision.comparing import CandidateComparison, DecisionComparison, compare_candidates
from selector.errors import SelectorError
from selector.reports import comparison as told
from selector.reports import drawing_times, timings
from selector.reports.content import mentioned
from selector.store import Store

if TYPE_CHECKING:
    from dashboard.sources import Source
    from dashboard.view import View

_CANDIDATES, _RUNS, _ENVIRONMENTS = "Two candidates", "Two runs", "Two environments"
_KINDS = {"candidates": _CANDIDATES, "runs": _RUNS, "environments": _ENVIRONMENTS}


def page(view: View) -> None:
    """The page."""
    source = view.source
    assert source is not None
    assert view.store is not None
    st.header("Side by side")
    wanted = address.asked("compare")
    kept = st.session_state.get("compare:kept", wanted)
    st.session_state.setdefault("compare:kind", _KINDS.get(kept or "", _CANDIDATES))
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    kind = left.radio("Compare", list(_KINDS.values()), horizontal=True, key="compare:kind")
    everything = not right.toggle("Differences only", value=True, key="compare:only")
    name = next(key for key, title in _KINDS.items() if title == kind)
    st.session_state["compare:kept"] = name
    address.note("compare", name)
    try:
        if kind == _CANDIDATES:
            _candidates(view, source, everything=everything)
        elif kind == _RUNS:
            _runs(view, everything=everything)
        else:
            _environments(view, source, everything=everything)
    except SelectorError as error:
        st.error(as_text(error))


def _two(options: Sequence[str], first: str, second: str, titles: dict[str, str] | None = None) -> tuple[str, str]:
    """Two select boxes, which keep what was chosen in the session and in the address."""
    chosen = []
    for side, start in (("a", first), ("b", second)):
        kept = st.session_state.get(f"compare:{side}:kept") or address.asked(side)
        key = f"compare:{side}"
        if st.session_state.get(key) not in options:
            st.session_state[key] = kept if kept in options else start
    for column, side in zip(st.columns(2), "ab", strict=True):
        one = column.selectbox(
            side.upper(), options, key=f"compare:{side}", format_func=lambda one: (titles or {}).get(one, one)
        )
        st.session_state[f"compare:{side}:kept"] = one
        address.note(side, one)
        chosen.append(str(one))
    return chosen[0], chosen[1]


def _candidates(view: View, source: Source, *, everything: bool) -> None:
    decision = deciding.shown(source)
    ids = list(deciding.ids(decision))
    if len(ids) < 2:
        st.info("There are no two candidates.")
        return
    looked_at = selection.current(decision)
    first = ids[0]
    second = looked_at.id if looked_at is not None and looked_at.id != first else ids[1]
    one, other = (decision.find(each) for each in _two(ids, first, second))
    found = compare_candidates(decision, one, other)
    for letter, each in zip("AB", (one, other), strict=True):
        st.markdown(f"**{letter}** {as_text(each.id)}: {as_text(told.candidate_lines(decision, each))}")
    sampled = [deciding.with_own_samples(view, source, each) for each in (one, other)]
    spread = timings.spreads(decision, shown=sampled)
    if spread is not None:
        drawn.show(drawing_times.draw_spreads(spread), "compare:spread")
    _differences(found, everything=everything)
    _verdicts(found)
    _changed("What they are", told.change_rows(found.identity), "identity")
    _changed("Where they were measured", told.change_rows(found.environment), "environment")


def _differences(found: CandidateComparison, *, everything: bool) -> None:
    shown = [one for one in found.differences if everything or not one.equal]
    if not shown:
        st.info("No metric differs.")
        return
    tables.rows(
        told.DIFFERENCE_COLUMNS, told.difference_rows(shown, mentioned(found.decision.profile)), "differences"
    )
    if found.comparisons:
        st.caption(as_text(told.correction(found.comparisons)))


def _verdicts(found: CandidateComparison) -> None:
    rows = [[key, first.value, second.value] for key, (first, second) in found.verdicts.items()]
    if rows:
        st.subheader("Requirements that end otherwise")
        tables.rows(("requirement", "A", "B"), rows, "verdicts")


def _changed(title: str, rows: list[list[str]], key: str) -> None:
    if rows:
        st.subheader(title)
        tables.rows(("what", "A", "B"), rows, f"changed:{key}")


def _runs(view: View, *, everything: bool) -> None:
    from selector.sides import Call, compare

    assert view.store is not None
    runs, _ = sources.listing(view.url, view.revision, _store=view.store)
    titles = {run.id: sources.run_title(run) for run in runs}
    if len(titles) < 2:
        st.info("The store holds one run. The next `selector evaluate` makes a second one.")
        return
    ids = list(titles)
    first, second = _two(ids, ids[1], ids[0], titles)
    call = Call(first, second, None, None, None, view.url, lambda url: Store(url, read_only=True))
    _decisions(compare(call).comparison, everything=everything)


def _environments(view: View, source: Source, *, everything: bool) -> None:
    from selector.sides import Call, compare

    assert view.store is not None
    _, environments = sources.listing(view.url, view.revision, _store=view.store)
    titles = {one.id: sources.environment_title(one) for one in environments}
    if len(titles) < 2:
        st.info("Everything in this store was measured in one environment.")
        return
    ids = list(titles)
    profile = deciding.shown(source).profile
    st.caption(as_text(f"Both decide by {profile.name}, as the page of the decision has it."))
    first, second = _two(ids, ids[1], ids[0], titles)
    call = Call(first, second, profile, None, None, view.url, lambda url: Store(url, read_only=True))
    _decisions(compare(call).comparison, everything=everything)


def _decisions(found: CandidateComparison | DecisionComparison, *, everything: bool) -> None:
    assert isinstance(found, DecisionComparison)
    for line in told.choice_lines(found):
        st.markdown(f"- {as_text(line)}")
    rows = told.figure_rows(found, everything=everything)
    st.subheader("Figures" if everything else "Figures that differ beyond the noise")
    if rows:
        tables.rows(("candidate", *told.DIFFERENCE_COLUMNS), rows[: tables.ROWS], "figures")
        if len(rows) > tables.ROWS:
            st.caption(f"{len(rows) - tables.ROWS:,} more rows are not shown.")
    else:
        st.info("None.")
    moved = told.moved_rows(found)
    if moved:
        st.subheader("What moved")
        tables.rows(("candidate", "A", "B"), moved[: tables.ROWS], "moved")
    _changed("Environment", told.change_rows(found.environment), "environment")
    _changed("Profile", told.change_rows(found.profile), "profile")
    if found.comparisons:
        st.caption(as_text(told.correction(found.comparisons, found.sessions)))
