"""Probes on frozen features: nobody answers what it has seen, and features are those of timm."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.evidence import make_candidate
from support.photographs import make_photographs

from selector.catalog import load_catalog
from selector.devices import resolve
from selector.errors import UsageError
from selector.profiler import models, transfer
from selector.profiler.calm import Quiet
from selector.profiler.examining import Questions, examine, ranks_of
from selector.profiler.labelled import class_indices, find_labelled
from selector.profiler.protocol import StoppingRule
from selector.profiler.stages import Job
from selector.profiler.transfer import PROBES, check_transfer, linear_probe, nearest_neighbours, out_of_fold

MODEL = "test_efficientnet.r160_in1k"


def clusters(count: int, classes: int, apart: float, features: int = 24, seed: int = 0) -> tuple[Any, Any]:
    """Features around a centre for each class, and the classes."""
    random = np.random.default_rng(seed)
    numbers = np.arange(count) % classes
    centres = random.normal(0, apart, (classes, features))
    return (centres[numbers] + random.normal(0, 1, (count, features))).astype(np.float32), numbers


def right(features: Any, numbers: Any, probe: Any) -> float:
    return float((out_of_fold(features, numbers, probe).argmax(axis=1) == numbers).mean())


@pytest.mark.parametrize("probe", PROBES.values())
class TestProbes:
    @pytest.mark.parametrize("classes", [2, 3, 10])
    def test_classes_that_lie_apart_are_told_apart(self, probe, classes):
        assert right(*clusters(100, classes, 4.0), probe) > 0.97

    def test_nobody_answers_what_it_has_seen(self, probe):
        """Labels that have nothing to do with the features: whoever has seen an image would know its label."""
        random = np.random.default_rng(1)
        features = random.normal(0, 1, (300, 200)).astype(np.float32)
        assert right(features, random.permutation(np.arange(300) % 3), probe) < 0.45

    def test_every_image_is_answered_once_with_numbers(self, probe):
        features, numbers = clusters(33, 4, 1.0)
        scores = out_of_fold(features, numbers, probe)
        assert scores.shape == (33, 4)
        assert np.isfinite(scores).all(), "an image without an answer would count as wrong"
        assert (ranks_of(scores, numbers) <= 3).all()
        np.testing.assert_array_equal(scores, out_of_fold(features, numbers, probe))

    def test_two_images_of_a_class_are_enough(self, probe):
        features, numbers = clusters(6, 3, 30.0)
        assert right(features, numbers, probe) == 1.0


def test_neighbours_are_scikit_learns():
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    features, numbers = clusters(120, 3, 0.6)
    model = KNeighborsClassifier(20, metric="cosine", weights=lambda far: np.exp((1 - far) / 0.07))
    wanted = cross_val_predict(
        model, features, numbers, cv=StratifiedKFold(5, shuffle=True, random_state=0), method="predict_proba"
    )
    np.testing.assert_allclose(out_of_fold(features, numbers, nearest_neighbours), wanted, rtol=1e-5)


def test_a_linear_probe_cares_for_no_features_unit():
    features, numbers = clusters(90, 3, 1.0)
    scale = np.logspace(-3, 3, features.shape[1], dtype=np.float32)
    np.testing.assert_allclose(
        out_of_fold(features * scale, numbers, linear_probe),
        out_of_fold(features, numbers, linear_probe),
        atol=0.05,
    )


class TestCheck:
    def folder(self, place: Path, **sizes: int) -> Any:
        for name, count in sizes.items():
            (place / name).mkdir(parents=True)
            for number in range(count):
                (place / name / f"{number}.jpg").write_text(f"{name}{number}")
        return find_labelled(str(place))

    def test_classes_of_two_images_will_do(self, tmp_path):
        check_transfer(self.folder(tmp_path, cat=2, dog=3), "knn")

    def test_a_single_image_is_named_with_its_class(self, tmp_path):
        with pytest.raises(UsageError, match="the class 'dog' has one image only"):
            check_transfer(self.folder(tmp_path, cat=2, dog=1), "knn")

    def test_a_single_class_is_refused(self, tmp_path):
        with pytest.raises(UsageError, match="has one only"):
            check_transfer(self.folder(tmp_path, cat=9), "linear-probe")

    def test_scikit_learn_is_asked_for(self, tmp_path, monkeypatch):
        monkeypatch.setattr(transfer.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(UsageError, match=r"pip install 'vision-selector\[transfer\]'"):
            check_transfer(self.folder(tmp_path, cat=2, dog=2), "linear-probe")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return find_labelled(str(make_photographs(tmp_path_factory.mktemp("images"), 14)))


def job(cache: Path, name: str = MODEL) -> Job:
    facts = load_catalog().facts(name)
    candidate = dataclasses.replace(make_candidate(facts), image_size=(64, 64))
    rule = StoppingRule((), 1.0)
    return Job(candidate, facts, "identity", "cpu", 0, 1, rule, 0.1, False, cache, Quiet(1.0, 0.0))


def asked(images: Any, protocol: Any) -> Questions:
    return Questions(images.digest, len(images.files), 0, images.files, class_indices(images, 2), protocol)


@pytest.mark.parametrize("name", [MODEL, "test_vit.r160_in1k", "levit_128s.fb_dist_in1k"])
def test_features_are_what_timm_has_before_the_classifier(images, tmp_path, monkeypatch, name):
    """The last of them has two classifiers."""
    import torch

    monkeypatch.setattr(models, "_recalibrate", lambda *_: None)
    seen = []
    monkeypatch.setitem(PROBES, "knn", lambda some, classes: seen.append(some) or nearest_neighbours(some, classes))
    work = job(tmp_path, name)
    if "levit" in name:
        work = dataclasses.replace(work, candidate=dataclasses.replace(work.candidate, image_size=(224, 224)))
    answers = examine(work, asked(images, "knn"), lambda _: None)
    assert len(answers.ranks) == len(images.files)
    stored = models.find_weights(transfer.ArtifactCache(tmp_path), work.facts, work.candidate, pretrained=False)
    assert stored is not None
    model = models.load_model(work.facts, work.candidate, stored)
    (kept,) = (tmp_path / "features").rglob("*.npy") if (tmp_path / "features").is_dir() else tmp_path.rglob("*.npy")
    features = np.load(kept)
    from selector.profiler.photographs import photographs

    batch = torch.from_numpy(np.concatenate(list(photographs(images.files, work.facts, work.candidate))))
    with torch.inference_mode():
        wanted = model.forward_head(model.forward_features(batch), pre_logits=True).numpy()
    np.testing.assert_allclose(features, wanted, rtol=1e-4, atol=1e-5)
    assert {some.shape[1] for some in seen} == {features.shape[1]}


def test_features_are_computed_once_for_all_protocols(images, tmp_path, monkeypatch):
    first = examine(job(tmp_path), asked(images, "linear-probe"), lambda _: None)

    def refuse(*_: object) -> None:
        raise AssertionError("the features lie in the cache")

    monkeypatch.setattr(models, "load_model", refuse)
    again = examine(job(tmp_path), asked(images, "linear-probe"), lambda _: None)
    assert (again.ranks, again.firsts) == (first.ranks, first.firsts)
    examine(job(tmp_path), asked(images, "knn"), lambda _: None)


def test_damaged_features_are_computed_again(images, tmp_path):
    first = examine(job(tmp_path), asked(images, "knn"), lambda _: None)
    kept = [file for file in tmp_path.rglob("*.npy") if np.load(file).dtype == np.float32]
    (features,) = kept
    features.write_bytes(features.read_bytes()[:300])
    again = examine(job(tmp_path), asked(images, "knn"), lambda _: None)
    assert again.ranks == first.ranks
    assert np.load(features).dtype == np.float32


def test_a_simulated_device_answers_for_itself(images, tmp_path):
    assert resolve("fake").kind == "fake"
    simulated = dataclasses.replace(job(tmp_path), device_kind="fake")
    answers = examine(simulated, asked(images, "knn"), lambda _: None)
    assert len(answers.ranks) == len(images.files)
    assert not list(tmp_path.rglob("*.npy"))
