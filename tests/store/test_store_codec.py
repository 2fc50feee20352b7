import datetime as dt
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_samples import CANDIDATE, ENVIRONMENT, measurement, observation

from selector.store.codec import dumps, from_document, loads, to_document
from selector.store.rows import pack, plain, unpack
from selector.types import (
    Candidate,
    Certificate,
    Environment,
    Interval,
    LatencySummary,
    Measurement,
    Observation,
    Timing,
)


def mappings(values):
    """In order of their keys, as documents have them."""
    return st.dictionaries(st.text(max_size=5), values, max_size=3).map(lambda made: dict(sorted(made.items())))


observations = st.builds(
    Observation,
    summary=st.builds(LatencySummary, percentiles=mappings(st.from_type(Interval))),
    memory=mappings(st.integers()),
    diagnostics=mappings(st.floats()),
)
KINDS = {
    Candidate: st.from_type(Candidate),
    Environment: st.from_type(Environment),
    Observation: observations,
    Certificate: st.from_type(Certificate),
    Timing: st.from_type(Timing),
}
unhurried = settings(deadline=None)  # the machine may be busy
moments = st.datetimes(timezones=st.just(dt.UTC)).map(lambda moment: moment.replace(fold=0))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("kind", KINDS)
@unhurried
@given(data=st.data())
def test_round_trip(kind, data):
    value = data.draw(KINDS[kind])
    text = dumps(to_document(value))
    back = from_document(kind, loads(text))
    assert repr(back) == repr(value)  # as ==, but NaN equals itself and 1 is not 1.0
    assert text.isascii()
    assert dumps(to_document(back)) == text


@unhurried
@given(st.builds(Measurement, created=moments, observation=st.none() | observations))
def test_measurement_round_trip(value):
    assert repr(from_document(Measurement, loads(dumps(to_document(value))))) == repr(value)


def test_the_document_is_plain_data_by_field_name():
    document = to_document(CANDIDATE)
    assert document["image_size"] == [288, 288]
    assert document["settings"] == [["tf32", "off"]]
    assert document == json.loads(dumps(document))


def test_numbers_of_numpy_become_plain_ones():
    made = observation(0.1, energy_joules=np.float32(0.5), memory={"peak": np.int64(7)}, first_call=np.float64(0.25))
    back = from_document(Observation, loads(dumps(to_document(made))))
    assert (back.energy_joules, back.memory["peak"], back.first_call) == (0.5, 7, 0.25)
    assert type(back.memory["peak"]) is int


def test_a_field_that_an_older_document_lacks_has_its_default():
    document = to_document(CANDIDATE)
    del document["latency_scope"]
    assert from_document(Candidate, document) == CANDIDATE


def test_a_field_that_is_gone_is_passed_over():
    assert from_document(Candidate, {**to_document(CANDIDATE), "colour": "blue"}) == CANDIDATE


def test_a_missing_field_without_default_is_named():
    document = to_document(ENVIRONMENT)
    del document["driver"]
    with pytest.raises(ValueError, match=r"Environment\.driver is missing"):
        from_document(Environment, document)


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("precision", "fp64", r"Candidate\.precision: 'fp64' is none of"),
        ("batch_size", "8", r"Candidate\.batch_size: int expected, found str"),
        ("batch_size", True, r"Candidate\.batch_size: int expected, found bool"),
        ("image_size", [1, 2, 3], r"Candidate\.image_size"),
        ("settings", [["a"]], r"Candidate\.settings"),
    ],
)
def test_damage_is_named(field, value, complaint):
    with pytest.raises(ValueError, match=complaint):
        from_document(Candidate, {**to_document(CANDIDATE), field: value})


@unhurried
@given(field=st.sampled_from(sorted(to_document(measurement(0.1)))), value=json_values)
def test_whatever_stands_in_a_field_is_read_or_refused(field, value):
    document = {**to_document(measurement(0.1)), field: value}
    try:
        back = from_document(Measurement, document)
    except ValueError as error:
        back = str(error)
    assert isinstance(back, Measurement) or field in back


def test_what_has_no_json_form_is_refused():
    with pytest.raises(TypeError, match="object has no JSON form"):
        to_document(replace(CANDIDATE, model=object()))


@unhurried
@given(st.lists(st.floats(0, 10)))
def test_samples_are_packed_without_loss_and_never_grow(seconds):
    raw = np.asarray(seconds, "<f8").tobytes()
    encoding, packed = pack(raw)
    assert unpack(encoding, packed) == raw
    assert len(packed) <= len(raw)


def test_real_clock_differences_shrink():
    seconds = np.random.default_rng(0).lognormal(-4, 0.01, 300)
    raw = np.round(seconds, 9).astype("<f8").tobytes()
    assert pack(raw)[0] == "f8+zlib"


def test_damaged_samples_are_refused():
    with pytest.raises(ValueError, match="samples are damaged"):
        unpack("f8+zlib", b"nonsense")
    with pytest.raises(ValueError, match="encoded as 'f4'"):
        unpack("f4", b"")


@unhurried
@given(st.text(st.characters(exclude_categories=())))
def test_plain_text_suits_every_database(text):
    made = plain(text)
    assert "\0" not in made
    assert made.encode("utf-8").decode("utf-8") == made
    if "\0" not in text and not any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        assert made == text
