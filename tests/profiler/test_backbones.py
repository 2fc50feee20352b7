"""Backbones of real small models at sizes that are not their own, held to timm's own answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.evidence import make_candidate
from support.real_benches import real_bench
from support.real_models import CONVNEXT, EFFICIENTNET, MOBILENET, VIT, Workbench, workbench

from selector.artifacts import ArtifactCache
from selector.catalog import load_catalog
from selector.devices import resolve
from selector.errors import UnavailableError
from selector.optimizations import OPTIMIZATIONS, Bench
from selector.optimizations.inputs import realistic_images
from selector.optimizations.onnxruntime_gpu import BoundRunner
from selector.optimizations.outputs import on_host, one_array
from selector.profiler import backbones, models
from selector.types import Candidate, Checkpoint, Outcome, Planned, Stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of torch's exporters
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]
SIZE = (192, 256)
"""No model's own, and not square."""
WITHOUT_RESIZING = "efficientformer_l1.snap_dist_in1k"
EXPECTED = {
    VIT: [(64, 12, 16, 16)] * 3,
    CONVNEXT: [(24, 48, 64, 4), (32, 24, 32, 8), (48, 12, 16, 16), (64, 6, 8, 32)],
    EFFICIENTNET: [(16, 96, 128, 2), (24, 48, 64, 4), (32, 24, 32, 8), (48, 12, 16, 16), (64, 6, 8, 32)],
    MOBILENET: [(16, 96, 128, 2), (8, 48, 64, 4), (16, 24, 32, 8), (24, 12, 16, 16), (288, 6, 8, 32)],
}


def backbone_bench(folder: Any, model: str, way: str, size: tuple[int, int] = SIZE) -> Bench:
    return real_bench(folder, model, way, task="feature-extraction", num_classes=0, image_size=size, batch_size=2)


def timms_own(bench: Bench, name: str, images: NDArray[np.float32], **options: Any) -> list[NDArray[np.float32]]:
    """What timm's features_only model with the same weights answers."""
    import timm
    import torch

    state = {key.removeprefix("model."): value for key, value in bench.model().state_dict().items()}
    model = timm.create_model(name, pretrained=False, features_only=True, **options).eval()
    model.load_state_dict(state)
    with torch.inference_mode():
        return [one.numpy() for one in model(torch.from_numpy(images))]


def off(found: list[NDArray[np.float32]], exact: list[NDArray[np.float32]]) -> float:
    assert [one.shape for one in found] == [one.shape for one in exact]
    return max(
        float(np.linalg.norm(one - other) / np.linalg.norm(other)) for one, other in zip(found, exact, strict=True)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tmp_path_factory.mktemp("backbones")


@pytest.mark.parametrize("model", EXPECTED)
@pytest.mark.parametrize("way", ["eager", "channels_last", "onnxruntime", "openvino"])
def test_every_stage_is_what_timm_gives(folder: Any, model: str, way: str) -> None:
    bench = backbone_bench(folder, model, way)
    images = realistic_images(2, SIZE, seed=2)
    exact = timms_own(bench, model, images, **({"img_size": SIZE} if model == VIT else {}))
    optimization = OPTIMIZATIONS.get(way)
    optimization.build(bench)
    runner = optimization.load(bench)
    answer: Any = runner.run(runner.feed(images))
    found = on_host(answer) if isinstance(answer, tuple) else [np.array(answer[one]) for one in range(len(answer))]
    assert off(found, exact) < 1e-4
    np.testing.assert_array_equal(runner.read(answer), one_array(found))
    observed = backbones.observe(bench.cache, load_catalog().facts(model), bench.candidate)
    assert observed == tuple(Stage(*one) for one in EXPECTED[model])
    assert [one.shape[1:] for one in found] == [(one.channels, one.height, one.width) for one in observed]
    assert backbones.stages(bench.cache, bench.candidate) == observed


def test_compiled_too(folder: Any) -> None:
    bench = backbone_bench(folder, CONVNEXT, "compile")
    images = realistic_images(2, SIZE, seed=2)
    runner = OPTIMIZATIONS.get("compile").load(bench)
    answer = runner.run(runner.feed(images))
    assert isinstance(answer, tuple)
    assert off(on_host(answer), timms_own(bench, CONVNEXT, images)) < 1e-4


def test_buffers_of_a_device_hold_every_stage(folder: Any) -> None:
    """The runner of ONNX Runtime's GPU providers, on the provider and the memory that every machine has."""
    bench = backbone_bench(folder, CONVNEXT, "onnxruntime")
    way: Any = OPTIMIZATIONS.get("onnxruntime")
    way.build(bench)
    images = realistic_images(2, SIZE, seed=2)
    plain = way.load(bench)
    expected = plain.read(plain.run(plain.feed(images)))
    runner = BoundRunner(way.session(bench, way.options(bench)), "cpu")
    np.testing.assert_allclose(runner.read(runner.run(runner.feed(images))), expected, rtol=1e-4, atol=1e-4)


def test_maps_come_channels_first_where_timm_has_them_last(folder: Any) -> None:
    bench = backbone_bench(folder, "swin_tiny_patch4_window7_224", "eager", (64, 96))
    images = realistic_images(2, (64, 96), seed=2)
    exact = timms_own(bench, "swin_tiny_patch4_window7_224", images, img_size=(64, 96))
    assert exact[0].shape == (2, 16, 24, 96), "timm's own"
    runner = OPTIMIZATIONS.get("eager").load(bench)
    found = on_host(runner.run(runner.feed(images)))
    assert off(found, [one.transpose(0, 3, 1, 2) for one in exact]) < 1e-6


def of(model: str, size: tuple[int, int]) -> tuple[Any, Candidate]:
    facts = load_catalog().facts(model)
    return facts, make_candidate(facts, image_size=size, num_classes=0, task="feature-extraction")


@pytest.mark.parametrize(
    ("model", "size", "told"),
    [
        (WITHOUT_RESIZING, SIZE, r"grid of positions for one image size, which timm does not resize to 192 × 256"),
        (VIT, (150, 150), r"150 × 150 pixels \(AssertionError: .*divisible by patch size"),
    ],
)
def test_a_size_that_a_model_cannot_take_is_told(tmp_path: Any, model: str, size: tuple[int, int], told: str) -> None:
    with pytest.raises(UnavailableError, match=told) as caught:
        backbones.observe(ArtifactCache(tmp_path), *of(model, size))
    assert caught.value.outcome == "unavailable"
    assert not list(tmp_path.glob("stages/*")), "it is looked at again, should timm learn it"


def test_a_model_without_features_is_told(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    def refusing(*_: Any, features_only: bool = False, **__: Any) -> Any:
        assert features_only
        raise RuntimeError("features_only not implemented for this model")

    monkeypatch.setattr(timm, "create_model", refusing)
    with pytest.raises(UnavailableError, match=r"gives no maps of features of .* features_only not implemented"):
        backbones.observe(ArtifactCache(tmp_path), *of(CONVNEXT, SIZE))


def test_want_of_memory_is_no_refusal(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    def hungry(*_: Any, **__: Any) -> Any:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(timm, "create_model", hungry)
    with pytest.raises(RuntimeError, match="allocate"):
        backbones.observe(ArtifactCache(tmp_path), *of(CONVNEXT, SIZE))


def test_own_weights_of_a_classifier_become_a_backbone_at_another_size(tmp_path: Any) -> None:
    import timm
    import torch
    from safetensors.torch import save_file

    whole = timm.create_model(VIT, pretrained=False, num_classes=7).eval()
    file = tmp_path / "own.safetensors"
    save_file(whole.state_dict(), file)
    facts, candidate = of(VIT, (160, 160))
    own = Checkpoint(str(file), models._sha256(file), facts.name)
    facts = replace(facts, name=str(file), num_classes=7, checkpoint=own)
    cache = ArtifactCache(tmp_path / "cache")
    images = torch.from_numpy(realistic_images(1, (160, 160), seed=1))

    def answer(size: tuple[int, int], images: torch.Tensor) -> list[NDArray[np.float32]]:
        asked = replace(candidate, image_size=size)
        stored = models.fetch_weights(cache, facts, asked, pretrained=True)
        assert stored.weights.source == "checkpoint"
        with torch.inference_mode():
            return on_host(models.load_model(facts, asked, stored)(images))

    with torch.inference_mode():
        exact = whole.forward_intermediates(images, indices=3, norm=False, intermediates_only=True)
    assert off(answer((160, 160), images), on_host(exact)) < 1e-6
    shapes = [one.shape for one in answer(SIZE, torch.zeros(1, 3, *SIZE))]
    assert shapes == [(1, 64, 12, 16)] * 3, "its grid of positions was resized"


# --- measured as a candidate


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with workbench(resolve("cpu"), tmp_path_factory.mktemp("artifacts")) as opened:
        yield opened


def as_backbone(planned: Planned) -> Planned:
    changed = replace(planned.candidate, image_size=SIZE, num_classes=0, task="feature-extraction")
    return replace(planned, candidate=changed)


@pytest.mark.parametrize("way", ["eager", "openvino", "onnxruntime-int8", "openvino_nncf-int8"])
def test_a_measured_backbone_says_what_it_answers_with(bench: Workbench, way: str) -> None:
    planned = bench.planned(EFFICIENTNET, way)
    if planned.unavailable:
        pytest.skip(planned.unavailable)
    classifier = bench.measure(planned).measurement
    measurement = bench.measure(as_backbone(planned)).measurement
    assert measurement.outcome in (Outcome.OK, Outcome.UNSTABLE), measurement.message
    observation = measurement.observation
    assert observation is not None
    assert observation.stages == tuple(Stage(*one) for one in EXPECTED[EFFICIENTNET])
    assert observation.memory["peak"] > 0
    assert observation.agreement is not None
    assert observation.agreement.top1 is None
    assert measurement.identity != classifier.identity
    assert classifier.observation is not None
    assert classifier.observation.stages == ()


def test_one_that_cannot_be_had_is_a_row_and_no_crash(bench: Workbench) -> None:
    measurement = bench.measure(as_backbone(bench.planned(WITHOUT_RESIZING, "openvino"))).measurement
    assert measurement.outcome is Outcome.UNAVAILABLE
    assert "which timm does not resize to 192 × 256 pixels" in measurement.message
    assert measurement.phase == "features"
