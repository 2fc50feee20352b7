"""Measurements that stand aside: those of checks, which speak for no candidate."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_samples import ENVIRONMENT, PROFILE, measurement, plan

from selector.requirements import parse_profile
from selector.store import CHECK, Store
from selector.types import Outcome


@pytest.fixture
def store():
    with Store("sqlite://") as made:
        yield made


@pytest.fixture(scope="module")
def profile():
    return parse_profile(PROFILE, "store-test.yaml")


def test_they_are_kept_for_their_run_and_speak_for_nobody(store):
    known, aside = measurement(0.1), measurement(0.5, run_id="check")
    store.add(known)
    store.add(aside, aside=True)
    assert store.latest([known.identity], with_samples=True) == {known.identity: known}
    assert store.measurements("check", with_samples=True) == [aside]
    store.add(measurement(0.1))
    assert (
        store.latest([known.identity])[known.identity].observation.summary.samples > known.observation.summary.samples
    )


def test_alone_they_are_as_if_never_measured(store):
    aside = measurement(0.5, run_id="check")
    store.add(aside, aside=True)
    assert store.latest([aside.identity]) == {}
    later = replace(ENVIRONMENT, driver="another")
    assert store.stale([aside.candidate], later) == {}
    first = measurement(0.1)
    store.add(first)
    assert store.latest([aside.identity], with_samples=True) == {aside.identity: first}


def test_latest_is_no_check(store, profile):
    run_id = store.begin_run(profile, plan(), [], "exhaustive")
    check = store.begin_run(profile, plan(), [], CHECK)
    assert store.run("latest").id == run_id
    assert [(one.id, one.is_check) for one in store.runs()] == [(check, True), (run_id, False)]
    assert store.run(check).is_check
    assert [one.id for one in store.runs(1, with_checks=False)] == [run_id]
    assert (store.has_run(check[:-1]), store.has_run("x"), store.has_run("")) == (True, False, False)


def test_a_check_does_not_make_its_environment_the_newest(store, profile):
    other = replace(plan(), environment=replace(ENVIRONMENT, driver="another"))
    store.begin_run(profile, plan(), [], "exhaustive")
    store.begin_run(profile, other, [], CHECK)
    store.add(replace(measurement(0.5), environment=other.environment), aside=True)
    assert store.environments() == [ENVIRONMENT, other.environment]
    store.begin_run(profile, other, [], "exhaustive")
    store.begin_run(profile, plan(), [], CHECK)
    assert store.environments() == [other.environment, ENVIRONMENT]


def test_medians_of_sessions(store):
    first, again, aside = measurement(0.1, run_id="a"), measurement(0.2, run_id="b"), measurement(0.3, run_id="c")
    failed = replace(measurement(0.4, run_id="d"), outcome=Outcome.CRASHED, observation=None)
    store.add(first)
    store.add(again, new_series=True)
    store.add(aside, aside=True)
    store.add(failed)
    assert store.medians(first.identity) == [
        one.observation.summary.percentiles["p50"].value for one in (first, again)
    ]
    assert store.medians("nobody") == []
