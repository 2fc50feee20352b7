"""Where the page's evidence comes from: the store, opened for reading, and what is picked in the sidebar."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import streamlit as st

from dashboard import address
from dashboard.shown import as_text
from selector.decision import Decision
from selector.errors import ProfileError
from selector.requirements import RequirementProfile, bundled_profiles, load_profile, read_profile
from selector.requirements.loader import MAX_BYTES
from selector.store import DEFAULT_URL, RunRecord, Store
from selector.types import Environment

RUNS_LISTED = 200
_RUN, _PROFILE = "A run", "A profile"
_OF_RUN = "run:"
_GIVEN = "given"
"""Under this name stands the profile that a person brought, in the session and in the address."""


@dataclass(frozen=True)
class Source:
    """What was picked.

    Attributes:
        key: Tells this pick, at this state of the store, from others.
        name: Tells this pick from others whatever the store holds: for the state of widgets.
        decision: What is decided as it was asked; holds the profile and the evidence.
        run: The run's id; "" for a profile.
        profile: The bundled profile's name, for commands to type; "" for others.
        as_of: The store's revision that the evidence is of; None for today's.
    """

    key: str
    name: str
    decision: Decision
    run: str = ""
    profile: str = ""
    as_of: int | None = None


def store_url(arguments: Sequence[str] | None = None) -> str:
    """The store's address: of the script's arguments, else from the environment, else the default.

    Args:
        arguments: What stands after ``--``; those of this process without it.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--store")
    given = parser.parse_known_args(sys.argv[1:] if arguments is None else arguments)[0].store
    return given or os.environ.get("SELECTOR_STORE") or DEFAULT_URL


def pick(store: Store, url: str, revision: int) -> Source | None:
    """The sidebar's choice of run, or of environment and profile; None where there is nothing to show.

    Raises:
        SelectorError: What was picked cannot be read or decided.
    """
    runs, environments = listing(url, revision, _store=store)
    evaluations = [run for run in runs if not run.is_check]
    if not evaluations and not environments:
        return None
    with st.sidebar:
        st.caption(f"Store: {as_text(store.name)}")
        by_run = not environments or (bool(evaluations) and _asked_by_run())
        if by_run:
            return _of_run(store, url, revision, evaluations)
        return _of_environment(store, url, revision, environments, evaluations)


def newest(store: Store, url: str, revision: int) -> Decision | None:
    """What is decided for whoever opens the dashboard without a link; None where there is no run."""
    runs, _ = listing(url, revision, _store=store)
    first = next((run.id for run in runs if not run.is_check), None)
    return None if first is None else _decision_of_run(url, revision, first, _store=store)


def has_runs(url: str, revision: int, store: Store) -> bool:
    """Whether the store has any run or environment."""
    runs, environments = listing(url, revision, _store=store)
    return bool(runs or environments)


def _asked_by_run() -> bool:
    ways = [_RUN, _PROFILE]
    wanted = _PROFILE if address.asked("profile") or address.asked(_GIVEN) else _RUN
    st.session_state.setdefault("decide_for", wanted)
    picked = st.radio("Decide for", ways, horizontal=True, key="decide_for", on_change=_turn)
    return bool(picked == ways[0])


def _turn() -> None:
    address.forget("run", "profile", "environment", _GIVEN)


def _of_run(store: Store, url: str, revision: int, runs: list[RunRecord]) -> Source:
    titles = {run.id: run_title(run) for run in runs}
    wanted = address.asked("run")
    if st.session_state.get("run") not in titles:
        st.session_state["run"] = wanted if wanted in titles else next(iter(titles))
    if wanted is not None and wanted not in titles:
        st.warning(f"The link is to the run {as_text(wanted)}, which this store does not hold.")
    run = st.selectbox("Run", list(titles), format_func=lambda one: titles[one], key="run")
    st.caption(as_text(f"{titles[run]}, run {run}, times in UTC"))  # the box above cuts a long name
    address.note("run", run)
    as_of = next(one.revision for one in runs if one.id == run)
    return Source(f"{run}@{revision}", run, _decision_of_run(url, revision, run, _store=store), run=run, as_of=as_of)


def run_title(run: RunRecord) -> str:
    """A run in a list: "quickstart 2026-11-23 01:45:01 3fa9 (interrupted)"; two may begin in one second."""
    ended = "" if run.status == "finished" else f" ({run.status})"
    return f"{run.profile_name} {run.started:%Y-%m-%d %H:%M:%S} {run.id[-4:]}{ended}"


def _of_environment(
    store: Store, url: str, revision: int, environments: list[Environment], runs: list[RunRecord]
) -> Source:
    titles = {one.id: environment_title(one) for one in environments}
    wanted = address.asked("environment")
    if st.session_state.get("environment") not in titles:
        st.session_state["environment"] = wanted if wanted in titles else next(iter(titles))
    environment = st.selectbox("Environment", list(titles), format_func=lambda one: titles[one], key="environment")
    address.note("environment", environment)
    given = _brought()
    if given is not None:
        profile = read_profile(given, "profile")
        digest = sha256(given).hexdigest()[:16]
        address.note(_GIVEN, address.packed(given.decode()))
        decision = _decision_for(url, revision, environment, digest, _store=store, _profile=profile)
        return Source(f"{environment}:{digest}@{revision}", f"{environment}:{digest}", decision)
    name = _profile_name(runs)
    address.note("profile", name)
    profile = _profile_of(name, runs)
    decision = _decision_for(url, revision, environment, name, _store=store, _profile=profile)
    typed = "" if name.startswith(_OF_RUN) else name
    return Source(f"{environment}:{name}@{revision}", f"{environment}:{name}", decision, profile=typed)


def _profile_name(runs: list[RunRecord]) -> str:
    """The name of a ready-made profile, or "run:ID" for that of a past run; the newest of each name."""
    past = {run.profile_name: run for run in reversed(runs)}
    titles = {name: name for name in bundled_profiles()}
    titles |= {f"{_OF_RUN}{run.id}": f"{run.profile_name} (as run {run.id} asked)" for run in past.values()}
    wanted = address.asked("profile")
    if st.session_state.get("profile") not in titles:
        first = "quickstart" if "quickstart" in titles else next(iter(titles))
        st.session_state["profile"] = wanted if wanted in titles else first
    found = st.selectbox("Profile", list(titles), format_func=lambda one: titles[one], key="profile")
    return str(found)


def _profile_of(name: str, runs: list[RunRecord]) -> RequirementProfile:
    if name.startswith(_OF_RUN):
        return next(run.profile for run in runs if run.id == name.removeprefix(_OF_RUN))
    return load_profile(name)


def _brought() -> bytes | None:
    """The profile that a person uploaded, or that the link carries; a wrong one is told and left aside."""
    uploaded = st.file_uploader(
        "Or your own profile", type=["yaml", "yml"], key="uploaded", help=f"At most {MAX_BYTES // 1024} KiB."
    )
    if uploaded is not None:
        content = uploaded.getvalue()
    else:
        part = address.asked(_GIVEN)
        content = b"" if part is None else (address.unpacked(part, MAX_BYTES) or b"")
        if part is not None and not content:
            st.warning("The link's profile could not be read.")
        if not content:
            return None
        st.caption("The profile is the one that the link carries.")
        st.button("Leave it", key="sources:leave", on_click=address.forget, args=(_GIVEN,))
    try:
        read_profile(content, uploaded.name if uploaded is not None else "profile")
    except ProfileError as error:
        st.error("This profile is wrong:")
        st.code(str(error), language=None)
        return None
    if address.packed(content.decode()) is None:
        st.caption("The profile is too long for a link: whoever opens the address has to bring it, too.")
    return content


def environment_title(environment: Environment) -> str:
    """An environment in a list."""
    return f"{environment.device_name}, {environment.threads} threads ({environment.id[:8]})"


# What is cached is frozen, so one object serves every session (`cache_resource`) instead of a copy each
# (`cache_data`), which takes longer than deciding when there are thousands of measurements.


@st.cache_resource(max_entries=4, show_spinner=False)
def listing(url: str, revision: int, _store: Store) -> tuple[list[RunRecord], list[Environment]]:  # noqa: ARG001
    """The newest runs, checks among them, and the environments."""
    return _store.runs(limit=RUNS_LISTED), _store.environments()


@st.cache_resource(max_entries=4, show_spinner=False)
def outcomes(url: str, revision: int, _store: Store) -> Mapping[str, Mapping[str, int]]:
    """Measurements of the newest runs, by run and outcome."""
    runs, _ = listing(url, revision, _store=_store)
    return _store.outcomes(run.id for run in runs)


@st.cache_resource(max_entries=4, show_spinner=False)
def measured_ways(url: str, revision: int, _store: Store) -> Mapping[str, Mapping[str, int]]:  # noqa: ARG001
    """Measurements by architecture and way."""
    return _store.measured_ways()


@st.cache_resource(max_entries=8, show_spinner="Reading the store …")
def _decision_of_run(url: str, revision: int, run_id: str, _store: Store) -> Decision:  # noqa: ARG001
    from selector.journey import decide_run

    return decide_run(_store, run_id)


@st.cache_resource(max_entries=8, show_spinner="Reading the store …")
def _decision_for(
    url: str,  # noqa: ARG001
    revision: int,  # noqa: ARG001
    environment_id: str,
    name: str,  # noqa: ARG001
    _store: Store,
    _profile: RequirementProfile,
) -> Decision:
    from selector.journey import rank

    return rank(_profile, _store, environment_id)
