"""Decisions and what follows from them, each worked out once and shared by all sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import controls
from selector.decision import Decider, Decision
from selector.decision.sensitivity import Sensitivity, sensitivities
from selector.store import Store

if TYPE_CHECKING:
    from dashboard.sources import Source
    from dashboard.view import View
    from selector.decision import Assessment
    from selector.requirements import RequirementProfile


def shown(source: Source) -> Decision:
    """The decision with what the page of the decision has moved."""
    return decided(source, controls.profile_of(source.name, source.decision))


def decided(source: Source, profile: RequirementProfile) -> Decision:
    """The decision by a profile that a person moved; the very one that was asked where nothing is moved."""
    if profile is source.decision.profile:
        return source.decision
    return _decided(source.key, _text(profile), _asked=source.decision, _profile=profile)


def sensitivity(source: Source, decision: Decision) -> tuple[Sensitivity, ...]:
    """What would change the choice; takes as long as many decisions."""
    return _sensitivity(source.key, _text(decision.profile), _decision=decision)


def with_finalists(view: View, source: Source, decision: Decision) -> Decision:
    """The decision with its finalists' samples, for the reports."""
    from selector.journey import with_samples

    if view.store is None:
        return decision
    with Store(view.url, read_only=True) as store:
        return with_samples(decision, store, source.as_of)


def with_own_samples(view: View, source: Source, one: Assessment) -> Assessment:
    """A candidate with its samples."""
    from selector.journey import sampled

    return one if view.store is None else sampled(one, view.store, source.as_of)


def ids(decision: Decision) -> Iterator[str]:
    """Every candidate's id, the ranked first."""
    return (one.id for one in decision.assessments)


def _text(profile: RequirementProfile) -> str:
    return json.dumps(profile.as_dict(), sort_keys=True, default=str)


@st.cache_resource(max_entries=4, show_spinner=False)
def _decider(key: str, _asked: Decision) -> tuple[Decider, Lock]:  # noqa: ARG001
    """What decides the same evidence by profile after profile, for one session at a time."""
    return Decider(_asked.evidence), Lock()


@st.cache_resource(max_entries=32, show_spinner=False)
def _decided(key: str, profile: str, _asked: Decision, _profile: RequirementProfile) -> Decision:  # noqa: ARG001
    decider, turn = _decider(key, _asked=_asked)
    with turn:
        return decider.decide(_profile)


@st.cache_resource(max_entries=32, show_spinner=False)
def _sensitivity(key: str, profile: str, _decision: Decision) -> tuple[Sensitivity, ...]:  # noqa: ARG001
    return sensitivities(_decision)
