"""Identities: what changes them, what must not, and that they never change by themselves."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import make_candidate, make_environment, make_measurement

from selector.types import (
    Candidate,
    Environment,
    Outcome,
    content_hash,
    speed_identity,
    to_json,
)

ENVIRONMENT = make_environment(versions=(("openvino", "2026.1"), ("torch", "2.9.0")), power_limit=300.0)
CANDIDATE = make_candidate(optimization="openvino", libraries=("torch",), settings=(("hint", "f32"),))

OTHER_ENVIRONMENT: dict[str, Any] = {
    "device_kind": "cuda",
    "device_name": "Another CPU",
    "device_id": "cpu-1",
    "driver": "6.2",
    "power_limit": 250.0,
    "memory_total": 2**30,
    "threads": 8,
    "capabilities": ("avx2", "avx512_bf16"),
    "versions": (("openvino", "2026.1"), ("torch", "2.9.1")),
    "protocol": ENVIRONMENT.protocol + 1,
}
"""Another value for every field."""
NOT_OF_SPEED = {"memory_total", "capabilities"}
"""What decides whether something runs, not how fast."""

OTHER_CANDIDATE: dict[str, Any] = {
    "architecture": "resnet34",
    "optimization": "openvino-bf16",
    "libraries": ("openvino", "torch"),
    "settings": (("hint", "bf16"),),
    "batch_size": 2,
    "image_size": (224, 256),
    "num_classes": 10,
    "scenario": "offline",
    "latency_scope": "end_to_end",
    "task": "feature-extraction",
}

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


def test_the_outcomes_are_those_of_the_contract():
    assert [outcome.value for outcome in Outcome] == [
        *("ok", "unavailable", "export_failed", "build_failed", "out_of_memory", "wrong_output", "fallback"),
        *("timed_out", "crashed", "unstable"),
    ]


@given(st.dictionaries(st.text(), plain, min_size=2))
def test_a_hash_does_not_depend_on_the_order_of_keys(value):
    assert content_hash(value) == content_hash(dict(reversed(list(value.items()))))


@given(plain, plain)
def test_a_hash_tells_values_apart(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (content_hash(one) == content_hash(other)) is same


def test_a_hash_is_the_same_in_every_process_and_version():
    # Stored identities and file names are made of these; a change here orphans every store and cache.
    assert content_hash({"b": [1, 2.5, None], "a": "Größe"}) == "f0cb4e84b0e401f64aa6f55f97c14adc"
    second = dataclasses.replace(make_environment(), protocol=2)  # of which there are stores
    assert second.id == "7ff9da4ed096c5ff872d570e1e82e131"
    other = dataclasses.replace(ENVIRONMENT, protocol=2)
    assert speed_identity(CANDIDATE, other) == "d62c2d8a2418de656f4eba233540eb2d"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_has_no_canonical_form_is_not_hashed(value):
    with pytest.raises(ValueError, match="JSON compliant"):
        content_hash([value])


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Environment)])
def test_every_field_of_an_environment_changes_its_id(field):
    changed = dataclasses.replace(ENVIRONMENT, **{field: OTHER_ENVIRONMENT[field]})
    assert changed.id != ENVIRONMENT.id
    assert dataclasses.replace(changed, **{field: getattr(ENVIRONMENT, field)}).id == ENVIRONMENT.id


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Environment)])
def test_what_of_an_environment_decides_speed(field):
    changed = dataclasses.replace(ENVIRONMENT, **{field: OTHER_ENVIRONMENT[field]})
    same = speed_identity(CANDIDATE, changed) == speed_identity(CANDIDATE, ENVIRONMENT)
    assert same is (field in NOT_OF_SPEED)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Candidate)])
def test_what_of_a_candidate_decides_speed(field):
    # The precision follows from the way; of the model's name only the tag is not in the architecture.
    other = {"model": "resnet18.another_tag", "precision": "bf16", **OTHER_CANDIDATE}[field]
    changed = dataclasses.replace(CANDIDATE, **{field: other})
    same = speed_identity(changed, ENVIRONMENT) == speed_identity(CANDIDATE, ENVIRONMENT)
    assert same is (field not in OTHER_CANDIDATE)


def test_only_versions_of_what_the_way_runs_on_decide_its_speed():
    newer = dataclasses.replace(ENVIRONMENT, versions=(("openvino", "2027.0"), ("torch", "2.9.0")))
    assert speed_identity(CANDIDATE, newer) == speed_identity(CANDIDATE, ENVIRONMENT)
    on_openvino = dataclasses.replace(CANDIDATE, libraries=("openvino", "torch"))
    assert speed_identity(on_openvino, newer) != speed_identity(on_openvino, ENVIRONMENT)


def test_a_library_that_is_gone_is_another_environment():
    without = dataclasses.replace(ENVIRONMENT, versions=(("openvino", "2026.1"),))
    assert speed_identity(CANDIDATE, without) != speed_identity(CANDIDATE, ENVIRONMENT)


def test_the_order_in_which_libraries_are_named_does_not_matter():
    one = dataclasses.replace(CANDIDATE, libraries=("openvino", "torch"))
    other = dataclasses.replace(CANDIDATE, libraries=("torch", "openvino"))
    assert speed_identity(one, ENVIRONMENT) == speed_identity(other, ENVIRONMENT)


def test_an_identity_and_a_candidate_cannot_be_changed_afterwards():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CANDIDATE.batch_size = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        ENVIRONMENT.threads = 2


def test_a_candidate_is_called_model_at_optimization():
    assert make_candidate(optimization="amp-bf16+compile").id == "resnet18.a1_in1k@amp-bf16+compile"


def test_a_measurement_becomes_plain_json():
    measurement = dataclasses.replace(make_measurement(), log="é")
    observation = measurement.observation
    assert observation is not None
    # Raw samples are bytes and go to a column of their own.
    plain_form = to_json(dataclasses.replace(measurement, observation=dataclasses.replace(observation, latencies="")))
    again = json.loads(json.dumps(plain_form, allow_nan=False))
    assert again == plain_form
    assert again["created"] == dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC).isoformat()
    assert again["candidate"]["image_size"] == [224, 224]
    assert again["outcome"] == "ok"
    assert again["observation"]["summary"]["percentiles"]["p95"]["value"] == pytest.approx(0.011)


def test_the_identity_of_a_classifier_is_that_of_before_there_were_tasks() -> None:
    """Measurements of years would be lost otherwise."""
    assert speed_identity(make_candidate(), make_environment()) == "f989a8c062801f2929bdff2355f04456"
    assert make_candidate().task_key == {}
