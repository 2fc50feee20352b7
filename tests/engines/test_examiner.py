"""Examining: who answers labelled images, how many, and what becomes of the answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fake_profiles import SHORT, SMALL, fake_profile
from support.photographs import make_photographs
from support.real_models import Workbench, workbench

from selector.catalog import load_catalog
from selector.decision import Decision, Status
from selector.devices import resolve
from selector.engines.local import Answered, LocalEngine, Order
from selector.errors import LabelledImageError, UsageError
from selector.journey import Observer, Options, decide_run, evaluate, rank
from selector.metrics import MetricValue, NotObserved
from selector.optimizations import OPTIMIZATIONS
from selector.optimizations.calibration import find_calibration
from selector.profiler.examining import Questions
from selector.profiler.labelled import class_indices, find_labelled
from selector.profiler.rule import stopping_rule
from selector.search.plan import make_plan, with_digest
from selector.store import Store
from selector.types import Outcome, Planned

BIG = "convnext_tiny.in12k_ft_in1k"
TOTAL = 1_000
WAYS = ["eager", "openvino", "openvino-int8"]


@dataclass
class Watcher(Observer):
    """Keeps who began to answer, and up to which image."""

    asked: list[tuple[str, int]] = field(default_factory=list)
    timed: list[str] = field(default_factory=list)

    def examines(self, planned: Planned, images: int, total: int) -> None:
        assert images <= total
        self.asked.append((planned.candidate.id, images))

    def measures(self, planned: Planned, done: int, left: int) -> None:
        self.timed.append(planned.candidate.id)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELECTOR_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def store() -> Iterator[Store]:
    with Store("sqlite://") as opened:
        yield opened


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thousand labelled files, which a simulated device never decodes."""
    folder = tmp_path_factory.mktemp("labelled")
    for number in range(TOTAL):
        file = folder / str(number % 10) / f"{number}.jpg"
        file.parent.mkdir(exist_ok=True)
        file.write_text(str(number))
    return folder


def asking(labelled: Path, *, max_drop: str | None = None, **sections: Any) -> Any:
    basis = {"dataset": str(labelled), **({} if max_drop is None else {"max_drop": max_drop})}
    sections = {
        "requirements": {"latency_p95": "< 50 ms"},
        "objective": {"minimize": "latency_p50"},
        "candidates": {"models": [SMALL, SHORT], "optimizations": WAYS},
        "calibration": {"images": "random", "count": 8},
        **sections,
    }
    return fake_profile(accuracy=basis, **sections)


def figure(decision: Decision, name: str, key: str = "accuracy_top1") -> MetricValue:
    found = decision.find(name).metrics[key]
    assert isinstance(found, MetricValue), found
    return found


def test_a_limit_far_away_is_decided_by_the_first_look(store, labelled):
    watcher = Watcher()
    profile = asking(labelled, requirements={"accuracy_top1": "> 50 %", "latency_p95": "< 50 ms"})
    decision = evaluate(profile, store, observer=watcher)
    assert decision.winner is not None
    assert {images for _, images in watcher.asked} == {256}
    found = figure(decision, f"{SMALL}@openvino")
    assert found.low is not None
    assert 0.5 < found.low < found.value < 0.75
    assert found.source == "measured on 256 of 1,000 labelled images"
    assert found.evidence == "measured"


def test_a_limit_nearby_takes_all_images(store, labelled):
    watcher = Watcher()
    profile = asking(labelled, requirements={"accuracy_top1": "> 67 %"}, candidates={"models": [SMALL]})
    decision = evaluate(profile, store, observer=watcher)
    assert [images for name, images in watcher.asked if name == f"{SMALL}@eager"] == [256, 512, 1_000]
    assert decision.find(f"{SMALL}@eager").status is Status.UNDECIDED
    assert "1,000 labelled images" in figure(decision, f"{SMALL}@eager").source


def test_what_is_too_slow_is_never_examined(store, labelled):
    watcher = Watcher()
    profile = asking(
        labelled,
        requirements={"latency_p95": "< 1 us"},
        candidates={"models": [SMALL], "optimizations": ["eager"]},
    )
    evaluate(profile, store, observer=watcher)
    assert watcher.asked == []


def test_accuracy_that_ranks_is_made_narrow(store, labelled):
    watcher = Watcher()
    models = [SMALL, BIG]
    candidates = {"models": models, "optimizations": WAYS}
    profile = asking(labelled, requirements=None, objective={"maximize": "accuracy_top1"}, candidates=candidates)
    decision = evaluate(profile, store, observer=watcher)
    asked = {name for name, images in watcher.asked if images == TOTAL}
    assert asked == {f"{model}@{way}" for model in models for way in WAYS}
    assert decision.winner is not None
    assert decision.winner.id.startswith(BIG), "it is simulated to be right 17 points more often"


def test_fp32_eager_answers_too_though_nobody_asked_for_it(store, labelled):
    watcher = Watcher()
    profile = asking(labelled, candidates={"models": [SMALL], "optimizations": ["openvino-int8"]})
    decision = evaluate(profile, store, observer=watcher)
    assert {name for name, _ in watcher.asked} == {f"{SMALL}@eager", f"{SMALL}@openvino-int8"}
    assert watcher.timed == [f"{SMALL}@openvino-int8"]
    drop = figure(decision, f"{SMALL}@openvino-int8", "accuracy_drop")
    assert 0 < drop.value < 0.05
    assert "won against fp32" in drop.source
    assert drop.low is not None
    assert drop.low < drop.value


def test_a_way_that_loses_too_much_is_rejected_with_its_numbers(store, tmp_path, labelled):
    profile = asking(labelled, max_drop="0.1 points", requirements=None)
    decision = evaluate(profile, store)
    int8 = decision.find(f"{SHORT}@openvino-int8")
    assert int8.status is Status.REJECTED, int8.reasons
    assert any("top-1 lost against fp32" in reason for reason in int8.reasons), list(int8.reasons)
    assert decision.winner is not None
    assert decision.winner.planned.candidate.precision == "fp32"
    held = figure(decision, decision.winner.id, "accuracy_drop")
    assert (held.value, held.low, held.source) == (0.0, None, "the same answers as fp32 eager")


def test_what_was_answered_is_not_asked_again(store, labelled):
    profile = asking(labelled)
    first = evaluate(profile, store)
    watcher = Watcher()
    again = evaluate(profile, store, observer=watcher)
    assert watcher.asked == watcher.timed == []
    assert again.winner is not None
    assert first.winner is not None
    assert figure(again, again.winner.id) == figure(first, again.winner.id)
    evaluate(profile, store, Options(force=True), watcher)
    assert {name for name, _ in watcher.asked} == {f"{model}@{way}" for model in (SMALL, SHORT) for way in WAYS}


def test_deciding_again_needs_no_images(store, tmp_path, labelled):
    folder = tmp_path / "gone"
    folder.mkdir()
    for file in labelled.glob("*/*"):
        (folder / file.parent.name).mkdir(exist_ok=True)
        (folder / file.parent.name / file.name).write_bytes(file.read_bytes())
    decision = evaluate(asking(folder), store)
    folder.rename(tmp_path / "elsewhere")
    again = decide_run(store, "latest")
    assert again.winner is not None
    assert decision.winner is not None
    assert figure(again, again.winner.id) == figure(decision, decision.winner.id)
    with pytest.raises(UsageError, match=r"there is no folder or \.csv file"):
        rank(asking(folder), store)


def test_other_images_are_another_accuracy(store, tmp_path, labelled):
    evaluate(asking(labelled), store)
    other = tmp_path / "other"
    (other / "3").mkdir(parents=True)
    (other / "3" / "a.jpg").write_text("other")
    decision = rank(asking(other), store)
    found = decision.find(f"{SMALL}@eager").metrics["accuracy_top1"]
    assert found == NotObserved("not examined on labelled images yet")


def test_a_failed_examination_is_kept_and_told(store, labelled, monkeypatch):
    real = LocalEngine.examine

    def fail(self: LocalEngine, order: Any, *rest: Any) -> Answered:
        if order.candidate.optimization == "openvino":
            return Answered(None, Outcome.CRASHED, "ended by SIGSEGV", "its log")
        return real(self, order, *rest)

    monkeypatch.setattr(LocalEngine, "examine", fail)
    profile = asking(labelled, requirements={"accuracy_top1": "> 30 %"})
    decision = evaluate(profile, store)
    crashed = decision.find(f"{SMALL}@openvino")
    assert crashed.status is Status.UNDECIDED
    found = crashed.metrics["accuracy_top1"]
    assert found == NotObserved("its examination on labelled images failed: crashed: ended by SIGSEGV")
    assert decision.winner is not None
    assert "@openvino" not in decision.winner.id.removesuffix("-int8") or decision.winner.id.endswith("int8")
    watcher = Watcher()
    monkeypatch.undo()
    evaluate(profile, store, observer=watcher)
    assert watcher.asked == [], "a failure is a row, not tried again unless asked"


@pytest.mark.parametrize("protocol", ["linear-probe", "knn"])
def test_a_probe_answers_all_images_once_for_all_ways(store, labelled, protocol):
    watcher = Watcher()
    profile = fake_profile(
        requirements={"accuracy_top1": "> 30 %"},
        objective={"maximize": "accuracy_top1"},
        candidates={"models": [SMALL, BIG], "optimizations": ["eager", "openvino", "amp-bf16", "openvino-int8"]},
        calibration={"images": "random", "count": 8},
        accuracy={"dataset": str(labelled), "protocol": protocol},
    )
    decision = evaluate(profile, store, observer=watcher)
    assert sorted(watcher.asked) == [(f"{BIG}@eager", TOTAL), (f"{SMALL}@eager", TOTAL)]
    found = figure(decision, f"{SMALL}@eager")
    probe = {"linear-probe": "a linear probe", "knn": "nearest neighbours"}[protocol]
    assert found.source == f"{probe} on frozen fp32 features, cross-validated on 1,000 labelled images"
    assert (found.evidence, found.samples) == ("measured", TOTAL)
    assert found.low is not None
    assert found.low < found.value
    other = figure(decision, f"{SMALL}@openvino")
    assert (other.value, other.low, other.high) == (found.value, found.low, found.high)
    int8 = decision.find(f"{BIG}@openvino-int8")
    assert int8.status is Status.UNDECIDED
    assert int8.metrics["accuracy_top1"] == NotObserved(
        "int8 does not inherit what a probe makes of fp32 features; measure it on labelled images"
    )
    assert decision.winner is not None
    assert decision.winner.planned.facts.name == BIG
    again = Watcher()
    evaluate(profile, store, observer=again)
    assert again.asked == []
    own = rank(asking(labelled), store).find(f"{SMALL}@eager").metrics["accuracy_top1"]
    assert isinstance(own, NotObserved), "what a probe answers is no answer of the model's own classifier"


def test_the_time_budget_ends_it(store, labelled, monkeypatch):
    from selector.engines import campaign

    monkeypatch.setattr(campaign.Campaign, "_is_over", lambda self, engine: True)
    watcher = Watcher()
    decision = evaluate(asking(labelled, requirements={"accuracy_top1": "> 30 %"}), store, observer=watcher)
    assert watcher.asked == []
    assert decision.winner is None
    assert decision.find(f"{SMALL}@eager").status is Status.UNDECIDED


def test_evidence_is_as_of_a_run(store, labelled):
    """What a later run found out is none of an earlier one's evidence."""
    narrow = asking(labelled, objective={"maximize": "accuracy_top1"})
    evaluate(asking(labelled, requirements={"accuracy_top1": "> 30 %"}), store)
    (first,) = store.runs()
    evaluate(narrow, store)
    assert figure(decide_run(store, first.id), f"{SMALL}@eager").samples == 256
    assert figure(decide_run(store, "latest"), f"{SMALL}@eager").samples == TOTAL


# --- real models


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Any]:
    """Photographs in two classes, weights that tell some of them apart, and the model itself."""
    import timm
    import torch

    folder = tmp_path_factory.mktemp("real")
    make_photographs(folder / "set", 12)
    torch.manual_seed(3)
    model = timm.create_model("test_efficientnet", num_classes=2).eval()
    with torch.no_grad():  # so that it answers one class as often as the other, and never by a hair
        model.classifier.weight.mul_(40)
        logits = model(_as_timm_sees(model, sorted((folder / "set").rglob("*.jpg"))))
        ahead = (logits[:, 0] - logits[:, 1]).sort().values
        model.classifier.bias -= torch.tensor([float(ahead[5] + ahead[6]) / 2, 0.0])
    torch.save({"state_dict": {f"module.{name}": one for name, one in model.state_dict().items()}}, folder / "w.pth")
    return folder / "set", folder / "w.pth", model


def _as_timm_sees(model: Any, files: Sequence[Path]) -> Any:
    """The files by timm's own transform."""
    import timm
    import torch
    from PIL import Image

    config = timm.data.resolve_data_config({}, model=model)
    transform = timm.data.create_transform(**config, is_training=False)
    return torch.stack([transform(Image.open(file).convert("RGB")) for file in files])


def own(real: tuple[Path, Path, Any], ways: list[str], **sections: Any) -> Any:
    folder, weights, _ = real
    checkpoint = {"model": "test_efficientnet.r160_in1k", "weights": str(weights), "num_classes": 2}
    return fake_profile(
        **{
            "device": {"target": "cpu", "threads": 1},
            "requirements": None,
            "objective": {"maximize": "accuracy_top1"},
            "candidates": {"checkpoints": [checkpoint], "optimizations": ways},
            "accuracy": {"dataset": str(folder)},
            "calibration": {"images": str(folder)},
            "evaluation": {"candidate_time": "0.3 s"},
            **sections,
        }
    )


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with workbench(resolve("cpu"), tmp_path_factory.mktemp("artifacts")) as opened:
        yield opened


@pytest.mark.parametrize("way", ["eager", "onnxruntime", "openvino", "openvino-int8", "amp-bf16"])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_a_real_way_answers_what_timm_answers(bench, real, way, batch_size):
    """The same pixels, the same classes; int8 and bf16 may differ in an image or two."""
    import torch

    folder, _, model = real
    if OPTIMIZATIONS.get(way).unavailable(bench.environment) is not None:
        pytest.skip(f"{way} cannot run here")
    images = find_labelled(str(folder))
    right = class_indices(images, 2)
    workload = {"task": "image-classification", "batch_size": batch_size}
    profile = with_digest(own(real, [way], workload=workload))
    (planned,) = make_plan(profile, load_catalog(), bench.environment, {}).considered
    calibration = find_calibration(str(folder), None)
    order = Order(planned.candidate, planned.facts, stopping_rule(profile), 0.5, True, calibration)
    start = 3  # a part that is no whole number of batches
    asked = Questions(images.digest, len(images.files), start, images.files[start:], right[start:])
    found = bench.engine.examine(order, asked)
    assert (found.outcome, found.message) == (Outcome.OK, "")
    assert found.answers is not None
    with torch.inference_mode():
        logits = model(_as_timm_sees(model, asked.files)).numpy()
    firsts = np.frombuffer(found.answers.firsts, "<i4")
    same = int((firsts == logits.argmax(axis=1)).sum())
    assert 0 < logits.argmax(axis=1).sum() < len(logits), "a model that answers always the same shows nothing"
    assert same >= len(firsts) - (0 if planned.candidate.precision == "fp32" else 2)
    ranks = np.frombuffer(found.answers.ranks, np.uint8)
    assert ((ranks == 0) == (firsts == np.array(asked.classes))).all()
    assert (found.answers.weights.source, found.answers.weights.sha256) == (
        "checkpoint",
        planned.facts.checkpoint.sha256,
    )


def test_a_probe_ranks_real_backbones(store, real):
    folder = real[0]
    profile = own(
        real,
        ["eager", "onnxruntime"],
        accuracy={"dataset": str(folder), "protocol": "linear-probe"},
        requirements={"accuracy_top1": "> 1 %"},
    )
    decision = evaluate(profile, store, Options(offline=True))
    outcomes = {one.measurement.outcome for one in decision.assessments if one.measurement is not None}
    if Outcome.UNSTABLE in outcomes:
        pytest.skip("other programs keep this machine busy, and what is unstable is not examined")
    assert decision.winner is not None, [one.reasons for one in decision.assessments]
    eager, other = (figure(decision, one.id) for one in decision.assessments)
    assert eager.samples == other.samples == 12
    assert eager.value == other.value
    assert "linear probe" in eager.source


def test_a_damaged_image_is_nobodys_failure(bench, real, tmp_path):
    folder = tmp_path / "set"
    shutil.copytree(real[0], folder)
    broken = next(folder.rglob("3.jpg"))
    broken.write_bytes(broken.read_bytes()[:200])
    images = find_labelled(str(folder))
    profile = with_digest(own((folder, *real[1:]), ["eager"], calibration=None))
    (planned,) = make_plan(profile, load_catalog(), bench.environment, {}).considered
    order = Order(planned.candidate, planned.facts, stopping_rule(profile), 0.5, True)
    asked = Questions(images.digest, len(images.files), 0, images.files, class_indices(images, 2))
    with pytest.raises(LabelledImageError, match=r"3\.jpg is no image that can be decoded"):
        bench.engine.examine(order, asked)


def test_a_damaged_image_ends_the_command_before_anything_is_measured(store, real, tmp_path):
    folder = tmp_path / "set"
    shutil.copytree(real[0], folder)
    broken = next(folder.rglob("3.jpg"))
    broken.write_bytes(broken.read_bytes()[:200])
    watcher = Watcher()
    with pytest.raises(UsageError, match=r"3\.jpg is no image that can be decoded"):
        evaluate(own((folder, *real[1:]), ["eager"]), store, observer=watcher)
    assert watcher.timed == []


def test_a_model_with_other_classes_is_refused_at_once(store, real):
    profile = own(real, ["eager"], candidates={"models": ["test_vit.r160_in1k"], "optimizations": ["eager"]})
    with pytest.raises(UsageError, match="has 2 classes, the model has 1,000"):
        evaluate(profile, store)
