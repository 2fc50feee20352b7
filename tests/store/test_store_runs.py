import re
from dataclasses import replace

import pytest
from store_samples import ENVIRONMENT, PROFILE, measurement, plan

from selector.errors import UnknownNameError, UsageError
from selector.requirements import parse_profile
from selector.store import Store
from selector.types import Certificate, Missed, Timing

EXCLUDED = [("b@eager", 'licence "cc-by-nc" isn\'t allowed; é\0'), ("a@eager", "too large"), ("a@eager", "twice")]


@pytest.fixture
def store():
    with Store("sqlite://") as made:
        yield made


@pytest.fixture(scope="module")
def profile():
    return parse_profile(PROFILE, "store-test.yaml")


def begin(store, profile, **changes):
    return store.begin_run(profile, replace(plan(), **changes), [], "exhaustive")


def test_a_run_begins_and_ends(store, profile):
    run_id = store.begin_run(profile, plan(("compile", "no compiler here")), EXCLUDED, "exhaustive")
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", run_id)
    running = store.run("latest")
    assert (running.status, running.finished, running.certificate, running.timing, running.revision) == (
        "running",
        None,
        None,
        Timing(),
        None,
    )
    missed = (Missed("a.b@eager", 0.004), Missed("c@openvino", 1e-6))
    certificate = Certificate("exhaustive", 12, 11, None, "time_budget", 0.99, 81.5, missed)
    store.finish_run(run_id, "interrupted", certificate, Timing(12.5, 11.0))
    ended = store.run(run_id)
    assert ended.id == run_id
    assert ended.profile == profile
    assert ended.profile_name == "store-test"
    assert ended.environment == ENVIRONMENT
    assert ended.unavailable == {"compile": "no compiler here"}
    assert ended.notes == ("weights are random",)
    assert ended.excluded == (("b@eager", 'licence "cc-by-nc" isn\'t allowed; é\\x00'), *EXCLUDED[1:])
    assert (ended.status, ended.strategy) == ("interrupted", "exhaustive")
    assert (ended.certificate, ended.timing) == (certificate, Timing(12.5, 11.0))
    assert ended.finished >= ended.started == running.started
    assert ended.started.tzinfo is not None


def test_a_run_s_revision_tells_its_evidence(store, profile):
    run_id = begin(store, profile)
    mine = measurement(0.1, run_id=run_id)
    store.add(mine)
    store.finish_run(run_id, "finished")
    store.add(measurement(0.2))
    assert store.latest([mine.identity], with_samples=True, as_of=store.run(run_id).revision) == {mine.identity: mine}


def test_runs_newest_first_with_or_without_exclusions(store, profile):
    ids = [store.begin_run(profile, plan(), EXCLUDED[1:], "exhaustive") for _ in range(4)]
    assert [run.id for run in store.runs()] == ids[::-1]
    assert [run.id for run in store.runs(2)] == ids[:1:-1]
    assert store.runs(1)[0].excluded == ()
    assert store.runs(1, with_excluded=True)[0].excluded == tuple(EXCLUDED[1:])
    assert store.run("latest").id == ids[-1]


def test_a_unique_beginning_is_enough(store, profile):
    first, second = begin(store, profile), begin(store, profile)
    shared = next(length for length in range(21) if first[: length + 1] != second[: length + 1])
    assert store.run(first[: shared + 1]).id == first
    with pytest.raises(UsageError, match=f"several runs begin with .*{second}"):
        store.run(first[:shared])


@pytest.mark.parametrize("ref", ["", "nothing", "%", "_" * 20, "\0", "\ud800", "2' OR '1'='1"])
def test_unknown_runs(store, profile, ref):
    known = begin(store, profile)
    with pytest.raises(UnknownNameError, match="unknown run") as caught:
        store.run(ref)
    assert caught.value.known == [known]


def test_no_run_at_all(store):
    assert store.runs() == []
    with pytest.raises(UnknownNameError, match="unknown run 'latest'"):
        store.run("latest")


def test_ending_a_run_that_never_began(store):
    before = store.revision()
    with pytest.raises(UnknownNameError):
        store.finish_run("20261123-014501-3fa9", "finished")
    assert store.revision() == before


def test_a_run_without_measurement_names_its_environment(store, profile):
    other = replace(ENVIRONMENT, threads=64)
    begin(store, profile)
    begin(store, profile, environment=other)
    assert store.environments() == [other, ENVIRONMENT]
    begin(store, profile)
    assert store.environments() == [ENVIRONMENT, other]
