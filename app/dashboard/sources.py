"""Where the page's evidence comes from: the store, opened for reading, and what is picked in the sidebar."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass

import streamlit as st

from dashboard.shown import as_text
from selector.decision import Decision
from selector.requirements import bundled_profiles, load_profile
from selector.store import DEFAULT_URL, RunRecord, Store
from selector.types import Environment

RUNS_LISTED = 200


@dataclass(frozen=True)
class Source:
    """What was picked.

    Attributes:
        key: Tells this pick from others, for the state of widgets.
        decision: What is decided as it was asked; holds the profile and the evidence.
    """

    key: str
    decision: Decision


def store_url() -> str:
    """The store's address: after ``--``, else from the environment, else the default."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--store")
    given = parser.parse_known_args(sys.argv[1:])[0].store
    return given or os.environ.get("SELECTOR_STORE") or DEFAULT_URL


def pick(store: Store, url: str) -> Source | None:
    """The sidebar's choice of run, or of environment and profile; None where the store has nothing to show."""
    revision = store.revision()
    runs, environments = _listing(url, revision, _store=store)
    if not runs and not environments:
        return None
    with st.sidebar:
        st.caption(f"Store: {as_text(store.name)}")
        by_run = not environments or (bool(runs) and _asked_by_run())
        if by_run:
            return _of_run(store, url, revision, runs)
        return _of_environment(store, url, revision, environments)


def _asked_by_run() -> bool:
    ways = ["A run", "A profile"]
    return st.radio("Decide for", ways, horizontal=True, key="decide_for") == ways[0]


def _of_run(store: Store, url: str, revision: int, runs: list[RunRecord]) -> Source:
    titles = {run.id: _run_title(run) for run in runs}
    run = st.selectbox("Run", list(titles), format_func=lambda one: titles[one], key="run")
    st.caption(f"Run {as_text(run)}, times in UTC")
    return Source(run, _decision_of_run(url, revision, run, _store=store))


def _run_title(run: RunRecord) -> str:
    ended = "" if run.status == "finished" else f" ({run.status})"
    return f"{run.profile_name} {run.started:%Y-%m-%d %H:%M:%S}{ended}"


def _of_environment(store: Store, url: str, revision: int, environments: list[Environment]) -> Source:
    titles = {one.id: _environment_title(one) for one in environments}
    environment = st.selectbox("Environment", list(titles), format_func=lambda one: titles[one], key="environment")
    name = st.selectbox("Profile", bundled_profiles(), key="profile")
    return Source(f"{environment}:{name}", _decision_for(url, revision, environment, name, _store=store))


def _environment_title(environment: Environment) -> str:
    return f"{environment.device_name}, {environment.threads} threads ({environment.id[:8]})"


# What is cached is frozen, so one object serves every session (`cache_resource`) instead of a copy each
# (`cache_data`), which takes longer than deciding when there are thousands of measurements.


@st.cache_resource(max_entries=4, show_spinner=False)
def _listing(url: str, revision: int, _store: Store) -> tuple[list[RunRecord], list[Environment]]:  # noqa: ARG001
    return _store.runs(limit=RUNS_LISTED, with_checks=False), _store.environments()


@st.cache_resource(max_entries=8, show_spinner="Reading the store …")
def _decision_of_run(url: str, revision: int, run_id: str, _store: Store) -> Decision:  # noqa: ARG001
    from selector.journey import decide_run

    return decide_run(_store, run_id)


@st.cache_resource(max_entries=8, show_spinner="Reading the store …")
def _decision_for(url: str, revision: int, environment_id: str, name: str, _store: Store) -> Decision:  # noqa: ARG001
    from selector.journey import rank

    return rank(load_profile(name), _store, environment_id)
