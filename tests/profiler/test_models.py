"""Models, their random weights and the images they are compared on.

torch is imported in processes of its own: two, which must come to the same weights.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import make_candidate, make_facts
from support.real_models import CONVNEXT, EFFICIENTNET, VIT

from selector.artifacts import ArtifactCache
from selector.profiler import models
from selector.profiler.models import realistic_images
from selector.types import Weights, to_json

RESNET = "test_resnet.r160_in1k"
MODELS = (EFFICIENTNET, CONVNEXT, RESNET, VIT)

PROGRAM = """
import json, sys, warnings
from pathlib import Path

import torch
from support.evidence import make_candidate

from selector.artifacts import ArtifactCache
from selector.catalog import load_catalog
from selector.profiler import models

torch.set_num_threads(1)
cache = ArtifactCache(Path(sys.argv[1]))


def relative(one, other):
    return float((one - other).norm() / other.norm())


def described(name):
    facts = load_catalog().facts(name)
    candidate = make_candidate(facts)
    stored = models.fetch_weights(cache, facts, candidate, pretrained=False)
    again = models.find_weights(cache, facts, candidate, pretrained=False)
    model = models.load_model(facts, candidate, stored)
    images = torch.from_numpy(models.realistic_images(4, candidate.image_size, seed=4))
    layers = [layer for layer in model.modules() if isinstance(layer, (torch.nn.Linear, torch.nn.Conv2d))]
    silenced = []
    with torch.inference_mode():
        logits = model(images)
        for layer in layers:
            weight = layer.weight.data.clone()
            layer.weight.data.zero_()
            silenced.append(relative(model(images), logits))
            layer.weight.data.copy_(weight)
        repeated = bool(torch.equal(model(images), logits))
    return {
        "sha256": models._sha256(stored.path),
        "found_again": again == stored,
        "source": stored.weights.source,
        "training": any(module.training for module in model.modules()),
        "std": float(logits.std()),
        "differ": relative(logits, logits.mean(dim=0, keepdim=True).expand_as(logits)),
        "least": min(silenced),
        "repeated": repeated,
        "logits": logits.flatten()[:20].tolist(),
    }


def shaped(name, **changes):
    facts = load_catalog().facts(name)
    candidate = make_candidate(facts, **changes)
    stored = models.fetch_weights(cache, facts, candidate, pretrained=False)
    with torch.inference_mode():
        return list(models.load_model(facts, candidate, stored)(torch.zeros(2, 3, *candidate.image_size)).shape)


answer = {"models": {name: described(name) for name in sys.argv[2].split(",")}}
if len(sys.argv) > 3:
    answer["shapes"] = [
        shaped(sys.argv[3], image_size=(192, 128)),
        shaped(sys.argv[3], num_classes=10),
        shaped(sys.argv[2].split(",")[0], image_size=(96, 128), num_classes=7),
    ]
print(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def processes(tmp_path_factory) -> list[dict[str, Any]]:
    """What two processes, each with a cache of its own, found of the same models; asked once by all test workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    answer = shared / "random-weights.json"
    with (shared / "random-weights.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answer.is_file():
            answer.write_text(json.dumps(_ask_two_processes(shared)))
    found: list[dict[str, Any]] = json.loads(answer.read_text())
    return found


def _ask_two_processes(folder: Path) -> list[dict[str, Any]]:
    started = []
    for seed, shapes in (("1", []), ("2", [VIT])):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])}
        cache = folder / f"random-weights-{seed}"
        command = [sys.executable, "-c", PROGRAM, str(cache), ",".join(MODELS), *shapes]
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    answers = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    return [json.loads(answer.splitlines()[-1]) for answer in answers]


every_model = pytest.mark.parametrize("name", MODELS)


@pytest.mark.slow
@every_model
def test_two_processes_make_the_same_random_weights(processes, name):
    one, other = (found["models"][name] for found in processes)
    assert one["sha256"] == other["sha256"]
    assert one["logits"] == other["logits"]
    assert one["source"] == "random"
    assert one["found_again"]


@pytest.mark.slow
@every_model
def test_a_loaded_model_only_answers(processes, name):
    found = processes[0]["models"][name]
    assert not found["training"]
    assert found["repeated"]


@pytest.mark.slow
@every_model
def test_random_weights_give_logits_of_a_sane_scale(processes, name):
    """As initialized, some answer with thousands and some with nothing; a relative error says nothing there."""
    found = processes[0]["models"][name]
    assert 0.01 < found["std"] < 10
    assert found["differ"] > 0.05, "different images get different answers"


@pytest.mark.slow
@every_model
def test_no_layer_is_silent(processes, name):
    """A layer computed wrongly must show, also behind a LayerScale of 1e-6 or a norm that starts at zero."""
    # The tolerance of fp32 is 1e-3.
    assert processes[0]["models"][name]["least"] > 1.2e-3


@pytest.mark.slow
def test_a_model_is_made_for_its_image_size_and_classes(processes):
    assert processes[1]["shapes"] == [[2, 1000], [2, 10], [2, 7]]


# --- what is kept in the cache, without torch


def _stored(cache: ArtifactCache, facts: Any, candidate: Any, weights: Weights, *, pretrained: bool) -> Path:
    record = models._record_path(cache, facts, candidate, pretrained=pretrained)
    file = record.with_suffix(".safetensors")
    cache.write_json(record, {"weights": to_json(weights), "file": str(file.relative_to(cache.folder))})
    with cache.writing(file) as temporary:
        temporary.write_bytes(b"weights")
    return file


def test_random_weights_belong_to_the_architecture(tmp_path):
    cache = ArtifactCache(tmp_path)
    facts, other_tag = make_facts("resnet18.a1_in1k"), make_facts("resnet18.a2_in1k")
    file = _stored(cache, facts, make_candidate(facts), models.RANDOM_WEIGHTS, pretrained=False)
    found = models.find_weights(cache, other_tag, make_candidate(other_tag), pretrained=False)
    assert found is not None
    assert found.path == file
    assert found.weights == models.RANDOM_WEIGHTS
    assert models.find_weights(cache, facts, make_candidate(facts), pretrained=True) is None


def test_published_weights_belong_to_their_tag(tmp_path):
    cache = ArtifactCache(tmp_path)
    facts, other_tag = make_facts("resnet18.a1_in1k"), make_facts("resnet18.a2_in1k")
    real = Weights("a1_in1k", "0" * 64, "pretrained")
    _stored(cache, facts, make_candidate(facts), real, pretrained=True)
    found = models.find_weights(cache, facts, make_candidate(facts), pretrained=True)
    assert found is not None
    assert (found.weights, found.key) == (real, "0" * 64)
    assert models.find_weights(cache, other_tag, make_candidate(other_tag), pretrained=True) is None
    assert models.find_weights(cache, facts, make_candidate(facts), pretrained=False) is None


@pytest.mark.parametrize("changes", [{"image_size": (256, 256)}, {"num_classes": 10}])
def test_another_shape_has_weights_of_its_own(tmp_path, changes):
    cache = ArtifactCache(tmp_path)
    facts = make_facts()
    candidate = make_candidate(facts)
    _stored(cache, facts, candidate, models.RANDOM_WEIGHTS, pretrained=False)
    other = dataclasses.replace(candidate, **changes)
    assert models.find_weights(cache, facts, other, pretrained=False) is None


def test_weights_without_their_file_are_not_found(tmp_path):
    cache = ArtifactCache(tmp_path)
    facts = make_facts()
    _stored(cache, facts, make_candidate(facts), models.RANDOM_WEIGHTS, pretrained=False).unlink()
    assert models.find_weights(cache, facts, make_candidate(facts), pretrained=False) is None


# --- images


@given(st.integers(1, 4), st.tuples(st.integers(4, 96), st.integers(4, 96)), st.integers(0, 10**6))
def test_images_repeat_and_are_finite(count, size, seed):
    images = realistic_images(count, size, seed)
    assert images.shape == (count, 3, *size)
    assert images.dtype == np.float32
    assert np.isfinite(images).all()
    np.testing.assert_array_equal(images, realistic_images(count, size, seed))
    assert not np.array_equal(images, realistic_images(count, size, seed + 1))


def test_images_have_the_statistics_of_normalized_photographs():
    images = realistic_images(32, (224, 224), seed=3)
    assert abs(images.mean()) < 0.1
    assert images.std() == pytest.approx(1, abs=0.15)
    assert np.abs(images.mean(axis=(1, 2, 3))).max() < 0.5
    # Neighbours resemble each other: most of the power is in the low frequencies.
    power = np.abs(np.fft.rfft2(images)) ** 2
    low = power[..., :20, :20].sum() + power[..., -20:, :20].sum()
    assert low / power.sum() > 0.7


def test_images_of_a_batch_differ():
    images = realistic_images(3, (32, 32), seed=0)
    assert np.abs(np.corrcoef(images.reshape(3, -1))[np.triu_indices(3, 1)]).max() < 0.5


def test_reading_this_module_imports_no_torch():
    program = "import sys, selector.profiler.models, selector.profiler.stages; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=120)
