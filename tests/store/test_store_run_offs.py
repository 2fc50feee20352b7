from dataclasses import replace

import pytest
from store_samples import CANDIDATE, ENVIRONMENT, make_run_off, measurement

from selector.store import Store
from selector.types import Duel, Interval

OTHER = replace(CANDIDATE, optimization="compile")


@pytest.fixture
def met(tmp_path):
    """A store with two measurements that met."""
    first, second = measurement(0.1), measurement(0.1, candidate=OTHER)
    with Store(f"sqlite:///{tmp_path / 'selector.db'}") as store:
        store.add(first)
        store.add(second)
        run_off = make_run_off(first.identity, second.identity)
        store.add_run_off(run_off)
        yield store, first, second, run_off


def test_it_comes_back_with_its_rounds(met):
    store, first, second, run_off = met
    asked = {first.identity, second.identity}
    assert store.run_offs(asked, ENVIRONMENT, with_samples=True) == [run_off]
    assert store.run_offs(asked, ENVIRONMENT) == [replace(run_off, latencies={})]


def test_each_round_is_a_row(met):
    store, *_ = met
    with store._engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT round, length(latencies) FROM rounds ORDER BY identity, round"
        ).all()
    assert rows == [(0, 24), (1, 24)] * 2


def test_it_speaks_only_for_pairs_that_are_asked_for(met):
    store, first, second, _ = met
    assert store.run_offs({first.identity}, ENVIRONMENT) == []
    assert store.run_offs({first.identity, second.identity}, replace(ENVIRONMENT, threads=1)) == []


def test_what_visits_showed_of_one_speaks_though_the_other_is_not_asked_for(met):
    store, first, second, _ = met
    summary = first.observation.summary
    run_off = replace(
        make_run_off(first.identity, second.identity),
        id="with-summaries",
        summaries={first.identity: summary, second.identity: summary},
        unevenness=0.125,
    )
    store.add_run_off(run_off)
    [found] = store.run_offs({first.identity}, ENVIRONMENT)
    assert (found.summaries, found.unevenness, found.duels) == ({first.identity: summary}, 0.125, ())
    store.add(measurement(0.2), new_series=True)
    [found] = store.run_offs({first.identity, second.identity}, ENVIRONMENT)
    assert set(found.summaries) == {second.identity}


def test_a_finalist_that_was_measured_again_has_not_met(met):
    store, first, second, _ = met
    store.add(measurement(0.2), new_series=True)
    assert store.run_offs({first.identity, second.identity}, ENVIRONMENT) == []


def test_more_samples_of_the_same_series_leave_it_standing(met):
    store, first, second, run_off = met
    store.add(measurement(0.2))
    assert [one.id for one in store.run_offs({first.identity, second.identity}, ENVIRONMENT)] == [run_off.id]


def test_what_came_later_is_left_out(met):
    store, first, second, run_off = met
    asked = {first.identity, second.identity}
    before = store.revision()
    newer = make_run_off(
        first.identity, second.identity, duels=(Duel(first.identity, second.identity, "p50", Interval(1)),)
    )
    store.add_run_off(newer)
    assert [one.id for one in store.run_offs(asked, ENVIRONMENT)] == [newer.id, run_off.id]
    assert [one.id for one in store.run_offs(asked, ENVIRONMENT, as_of=before)] == [run_off.id]
