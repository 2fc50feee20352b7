import threading
import uuid
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from store_samples import CANDIDATE, ENVIRONMENT, measurement, observation, samples

from selector.errors import StoreError, UsageError
from selector.profiler.statistics import decode, summarize
from selector.store import Store
from selector.store.codec import from_document, to_document
from selector.store.merging import Joined, join
from selector.types import Candidate, Interval, LatencySummary, Observation, Outcome, Stage, speed_identity

OTHER = replace(CANDIDATE, model="vit_tiny.x", architecture="vit_tiny")
outcomes = st.lists(st.sampled_from(list(Outcome)), min_size=1, max_size=6)


@pytest.fixture
def store():
    with Store("sqlite://") as made:
        yield made


def test_what_was_added_comes_back(store):
    one = measurement(0.003, 0.001, 0.002)
    store.add(one)
    assert store.latest([one.identity], with_samples=True) == {one.identity: one}


def test_without_samples_only_the_latencies_are_missing(store):
    one = measurement(0.003, 0.001)
    store.add(one)
    lean = replace(one, observation=replace(one.observation, latencies=b""))
    assert store.latest([one.identity]) == {one.identity: lean}
    assert store.latencies(one.id) == one.observation.latencies


def test_a_failure_is_a_row(store):
    failed = measurement(outcome=Outcome.OUT_OF_MEMORY, log="Killed", phase="build", weights=None)
    store.add(failed)
    assert store.latest([failed.identity]) == {failed.identity: failed}
    with pytest.raises(UsageError, match="no latencies of a measurement"):
        store.latencies(failed.id)


def test_identities_never_measured_are_missing(store):
    store.add(measurement(0.1))
    assert store.latest(["nothing", speed_identity(OTHER, ENVIRONMENT)]) == {}
    assert store.latest([]) == {}


def test_a_series_is_joined_in_order_and_summarized_anew(store):
    first, second = measurement(0.004, 0.001, energy=3.0), measurement(0.002, 0.003, energy=2.0)
    store.add(first)
    store.add(second)
    [merged] = store.latest([first.identity], with_samples=True).values()
    assert merged.id == second.id
    assert merged.observation.latencies == samples(0.004, 0.001, 0.002, 0.003)
    assert merged.observation.summary == summarize(np.array([0.004, 0.001, 0.002, 0.003]))
    assert merged.observation.energy_joules == 5.0
    lean = store.latest([first.identity])[first.identity]
    assert lean.observation == replace(merged.observation, latencies=b"")


def test_a_new_series_leaves_the_old_one_behind(store):
    store.add(measurement(0.9))
    again = measurement(0.001)
    store.add(again, new_series=True)
    assert store.latest([again.identity], with_samples=True)[again.identity] == again
    more = measurement(0.002)
    store.add(more)
    merged = store.latest([again.identity], with_samples=True)[again.identity]
    assert merged.observation.latencies == samples(0.001, 0.002)


def test_a_failure_speaks_only_where_nothing_is_ok(store):
    good = measurement(0.001)
    for one in (
        measurement(outcome=Outcome.CRASHED),
        good,
        measurement(0.5, outcome=Outcome.UNSTABLE),
        measurement(outcome=Outcome.TIMED_OUT),
    ):
        store.add(one)
    assert store.latest([good.identity], with_samples=True)[good.identity] == good
    store.add(measurement(0.7, outcome=Outcome.UNSTABLE), new_series=True)
    last = measurement(outcome=Outcome.TIMED_OUT)
    store.add(last)
    assert store.latest([good.identity])[good.identity] == last


def test_as_of_tells_what_was_known_then(store):
    first = measurement(0.1)
    store.add(first)
    then = store.revision()
    store.add(measurement(0.2))
    store.add(measurement(0.3), new_series=True)
    identity = first.identity
    assert store.latest([identity], with_samples=True, as_of=then)[identity] == first
    assert store.latest([identity], as_of=then + 1)[identity].observation.summary.samples == 2
    assert store.latest([identity], as_of=0) == {}


def test_many_identities_at_once(store):
    made = {f"identity-{number}": measurement(0.001, identity=f"identity-{number}") for number in range(503)}
    for one in made.values():
        store.add(one)
    found = store.latest([*made, *made, "absent"], with_samples=True)
    assert found == made


def test_the_same_id_twice_is_refused_and_changes_nothing(store):
    one = measurement(0.1)
    store.add(one)
    before = store.revision()
    with pytest.raises(StoreError, match=f"{one.id}.* already"):
        store.add(replace(one, outcome=Outcome.CRASHED))
    assert store.revision() == before
    assert store.latest([one.identity], with_samples=True)[one.identity] == one


def test_every_write_raises_the_revision(store):
    seen = [store.revision()]
    for one in (measurement(0.1), measurement(outcome=Outcome.CRASHED)):
        store.add(one)
        seen.append(store.revision())
    assert seen == sorted(set(seen))


def test_hostile_text_is_kept_as_text(store):
    name = "'); DROP TABLE measurements; --\0\ud800é\u202e%"
    one = measurement(0.1, candidate=replace(CANDIDATE, model=name), log="a\0b\udcff", message="ünïcode 漢字")
    store.add(one)
    [back] = store.latest([one.identity]).values()
    assert back.candidate == one.candidate
    assert back.log == "a\\x00b\\udcff"
    assert back.message == one.message


def test_a_run_s_measurements_are_listed_in_order(store):
    mine = [measurement(0.1 * (number + 1), run_id="mine", identity=f"i{number % 2}") for number in range(4)]
    for one in mine:
        store.add(one, new_series=True)
        store.add(measurement(0.9, run_id="other"))
    assert store.measurements("mine", with_samples=True) == mine
    assert all(one.observation.latencies == b"" for one in store.measurements("mine"))
    assert store.measurements("nobody") == []


def test_environments_last_used_first(store):
    older, newer = ENVIRONMENT, replace(ENVIRONMENT, versions=(("torch", "3.0"),))
    cpu = replace(ENVIRONMENT, device_kind="cpu")
    for environment in (older, newer, cpu):
        store.add(measurement(0.1, environment=environment))
    assert store.environments() == [cpu, newer, older]
    store.add(measurement(0.1, environment=older))
    assert store.environments("fake") == [older, newer]
    assert [one.id for one in store.environments("fake")] == [older.id, newer.id]
    assert store.environments("cuda") == []


def test_stale_counts_other_identities_on_the_same_device(store):
    updated = replace(ENVIRONMENT, versions=(("timm", "1.0.20"), ("torch", "3.0")))
    elsewhere = replace(ENVIRONMENT, device_id="fake-1", threads=8)
    for one in (
        measurement(0.1),
        measurement(outcome=Outcome.CRASHED),
        measurement(0.1, environment=replace(ENVIRONMENT, threads=1)),
        measurement(0.1, environment=elsewhere),
        measurement(0.1, candidate=replace(CANDIDATE, batch_size=8)),
        measurement(0.1, candidate=replace(CANDIDATE, settings=())),
        measurement(0.1, candidate=OTHER, environment=updated),
    ):
        store.add(one)
    sibling = replace(CANDIDATE, model="resnet18.fb_swsl")  # another tag, the same speed
    asked = [CANDIDATE, sibling, OTHER, replace(CANDIDATE, optimization="compile")]
    assert store.stale(asked, updated) == {CANDIDATE.id: 4, sibling.id: 4}
    assert store.stale(asked, ENVIRONMENT) == {CANDIDATE.id: 2, sibling.id: 2, OTHER.id: 1}
    assert store.stale([], ENVIRONMENT) == {}


def test_damaged_rows_are_named(store):
    one = measurement(0.1)
    store.add(one)
    with store._engine.begin() as connection:
        connection.execute(sa.text("UPDATE observations SET summary = '{\"samples\": 1}'"))
    with pytest.raises(StoreError, match=rf"measurement {one.id} .*LatencySummary\.seconds is missing"):
        store.latest([one.identity])
    with store._engine.begin() as connection:
        connection.execute(sa.text("UPDATE observations SET latencies = x'00ff', encoding = 'f8+zlib'"))
    with pytest.raises(StoreError, match="samples are damaged"):
        store.latencies(one.id)


def test_threads_share_a_store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'selector.db'}") as store:

        def work(number):
            for turn in range(10):
                store.add(measurement(0.1, identity=f"{number}-{turn}"))
                assert len(store.latest(f"{number}-{past}" for past in range(10))) == turn + 1

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.latest(f"{number}-{turn}" for number in range(4) for turn in range(10))) == 40
        assert store.revision() == 40


@pytest.fixture(scope="module")
def shared_store():
    with Store("sqlite://") as made:
        yield made


@settings(deadline=None, max_examples=30)
@given(outcomes)
def test_joining_any_series(shared_store, ended):
    identity = uuid.uuid4().hex
    series = [measurement(*seconds_of(place, how), outcome=how, identity=identity) for place, how in enumerate(ended)]
    for one in series:
        shared_store.add(one)
    [speaker] = shared_store.latest([identity], with_samples=True).values()
    good = [one for one in series if one.outcome is Outcome.OK]
    assert speaker.id == (good or series)[-1].id
    if len(good) > 1:
        assert speaker.outcome is Outcome.OK
        assert speaker.observation.latencies == b"".join(one.observation.latencies for one in good)
        assert speaker.observation.summary == summarize(decode(speaker.observation.latencies))
    else:
        assert speaker == (good or series)[-1]


def seconds_of(place, outcome):
    return [0.001 * (place + 1)] if outcome in (Outcome.OK, Outcome.UNSTABLE) else []


def sketch(latencies: bytes) -> LatencySummary:
    return LatencySummary(len(latencies) // 8, 0.0, Interval(1.0), {}, 0.5)


def test_energy_of_a_series_is_unknown_when_one_part_is():
    known, unknown = observation(0.1, energy_joules=1.0), observation(0.1)
    assert join([known, known], sketch) == Joined(sketch(bytes(16)), 2.0)
    assert join([known, unknown], sketch).energy_joules is None
    assert join([unknown], sketch) == Joined(sketch(bytes(8)), None)


def test_a_measurement_without_its_raw_samples_is_refused(store):
    one = measurement(0.1, 0.2)
    store.add(one)
    [lean] = store.latest([one.identity]).values()
    with pytest.raises(StoreError, match="brings 0 latencies, its summary tells of 2"):
        store.add(replace(lean, id="other"))


def test_a_backbone_comes_back_with_its_task_and_maps(store):
    stages = (Stage(96, 256, 256, 4), Stage(768, 32, 32, 32))
    candidate = replace(CANDIDATE, task="feature-extraction", num_classes=0)
    one = measurement(candidate=candidate, observation=observation(0.003, 0.002, stages=stages))
    assert one.identity != speed_identity(replace(candidate, task="image-classification"), ENVIRONMENT)
    store.add(one)
    assert store.latest([one.identity], with_samples=True) == {one.identity: one}
    store.add(measurement(candidate=candidate, observation=observation(0.004, stages=stages)))
    (joined,) = store.latest([one.identity]).values()
    assert joined.observation.summary.samples == 3
    assert joined.observation.stages == stages


def test_what_was_stored_before_there_were_tasks_is_of_classifiers():
    one = measurement(0.003)
    candidate, seen = to_document(one.candidate), to_document(one.observation)
    del candidate["task"], seen["stages"]
    assert from_document(Candidate, candidate) == one.candidate
    assert from_document(Observation, seen) == one.observation
