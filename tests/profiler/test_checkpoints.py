"""Own weights: read safely, laid onto the model's names, or refused by name."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support.evidence import make_candidate, make_profile

from selector.artifacts import ArtifactCache
from selector.catalog import load_catalog
from selector.errors import UsageError
from selector.optimizations.inputs import realistic_images
from selector.profiler import models
from selector.profiler.checkpoints import match, read_tensors, sha256_of
from selector.profiler.photographs import photographs
from selector.search.plan import select_models
from selector.types import Weights

SHAPES = {
    "conv.weight": (4, 3, 3, 3), "bn.weight": (4,), "bn.bias": (4,), "bn.running_mean": (4,), "bn.running_var": (4,),
    "bn.num_batches_tracked": (), "head.weight": (2, 4), "head.bias": (2,),
}  # fmt: skip


def tensors(start: float = 0.0) -> dict[str, torch.Tensor]:
    return {name: torch.full(shape, start + index) for index, (name, shape) in enumerate(SHAPES.items())}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model."])
@pytest.mark.parametrize("nest", [None, "state_dict", "model", "state_dict_ema", "model_ema"])
def test_wrappings_and_prefixes_are_taken_off(tmp_path, prefix, nest):
    content = {f"{prefix}{name}": tensor for name, tensor in tensors().items()}
    torch.save(content if nest is None else {nest: content, "epoch": 3}, tmp_path / "w.pth")
    assert same(read_tensors(tmp_path / "w.pth"), tensors())


def test_averaged_weights_come_before_those_of_the_last_step(tmp_path):
    torch.save({"state_dict": tensors(), "state_dict_ema": tensors(100.0)}, tmp_path / "w.pth")
    assert same(read_tensors(tmp_path / "w.pth"), tensors(100.0))


def test_safetensors_are_read(tmp_path):
    save_file(tensors(), tmp_path / "w.safetensors")
    assert same(read_tensors(tmp_path / "w.safetensors"), tensors())


class Evil:
    """What leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path):
    evil = Evil(tmp_path / "trace")
    with (tmp_path / "w.pth").open("wb") as file:
        pickle.dump({"state_dict": evil}, file)
    with pytest.raises(UsageError, match="would run code of the file; save only the weights"):
        read_tensors(tmp_path / "w.pth")
    torch.save({"state_dict": tensors(), "arguments": evil}, tmp_path / "w.pth")
    with pytest.raises(UsageError, match="would run code"):
        read_tensors(tmp_path / "w.pth")
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(("name", "content"), [("w.pth", b"no"), ("w.safetensors", b"no"), ("w.pth", b"")])
def test_a_file_that_is_none_is_told(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=name):
        read_tensors(tmp_path / name)


def test_what_holds_no_tensors_is_told(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(UsageError, match="hold no tensors by name"):
        read_tensors(tmp_path / "w.pth")


def test_names_are_matched_whatever_their_order():
    given = dict(reversed(tensors(5.0).items()))
    matched, by_order = match(given, tensors(), "w and m")
    assert not by_order
    assert all(torch.equal(matched[name], given[name]) for name in SHAPES if "tracked" not in name)
    assert set(matched) == set(SHAPES)


def test_another_naming_is_matched_by_order():
    given = {f"layer.{name}": tensor for name, tensor in tensors(5.0).items() if "tracked" not in name}
    matched, by_order = match(given, tensors(), "w and m")
    assert by_order
    assert all(torch.equal(matched[name], given[f"layer.{name}"]) for name in SHAPES if "tracked" not in name)


def test_another_role_at_the_same_place_is_refused():
    given = {f"layer.{name}": tensor for name, tensor in tensors().items()}
    names = list(given)
    at, to = names.index("layer.bn.weight"), names.index("layer.bn.bias")
    names[at], names[to] = names[to], names[at]
    with pytest.raises(UsageError, match=r"missing 'conv\.weight'.*unexpected 'layer\.conv\.weight'"):
        match({name: given[name] for name in names}, tensors(), "w and m")


def test_what_does_not_fit_is_named():
    given = tensors()
    del given["head.bias"]
    given["extra.weight"] = torch.zeros(2)
    with pytest.raises(UsageError, match=r"^w and m do not fit: missing 'head\.bias'; unexpected 'extra\.weight'$"):
        match(given, tensors(), "w and m")
    given = {**tensors(), "head.weight": torch.zeros(7, 4)}
    with pytest.raises(UsageError, match=r"head\.weight \(7×4, 2×4 is wanted\)"):
        match(given, tensors(), "w and m")


def test_the_hash_is_that_of_the_content_now(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(b"one")
    first = sha256_of(str(path))
    path.write_bytes(b"other")
    assert sha256_of(str(path)) != first
    with pytest.raises(UsageError, match=r"cannot be read: No such file"):
        sha256_of(str(tmp_path / "absent.pth"))


def fetched(cache: ArtifactCache, model: str, path: Path, classes: int) -> tuple[torch.nn.Module, Weights]:
    """The model as candidates run it, with the weights of a file."""
    profile = make_profile(
        candidates={"models": (), "checkpoints": [{"model": model, "weights": str(path), "num_classes": classes}]}
    )
    (facts,) = select_models(profile, load_catalog())
    candidate = make_candidate(facts, num_classes=facts.num_classes, image_size=facts.image_size)
    stored = models.fetch_weights(cache, facts, candidate, pretrained=True)
    assert models.find_weights(cache, facts, candidate, pretrained=True) == stored
    return models.load_model(facts, candidate, stored), stored.weights


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_fine_tuned_model_answers_as_it_was_saved(tmp_path, suffix):
    timm = pytest.importorskip("timm")
    torch.manual_seed(3)
    trained = timm.create_model("test_vit", num_classes=7).eval()
    path = tmp_path / f"mine{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": {f"module.{key}": value for key, value in trained.state_dict().items()}}, path)
    else:
        save_file(trained.state_dict(), path)
    model, weights = fetched(ArtifactCache(tmp_path / "cache"), "test_vit", path, 7)
    assert weights == Weights(None, sha256_of(str(path)), "checkpoint")
    images = torch.rand(2, 3, *trained.default_cfg["input_size"][1:])
    with torch.inference_mode():
        assert torch.equal(model(images), trained(images))
    with pytest.raises(UsageError, match=r"head\.weight \(7×\d+, 9×\d+ is wanted\)"):
        fetched(ArtifactCache(tmp_path / "cache"), "test_vit", path, 9)


@pytest.mark.skipif("SELECTOR_LITE0" not in os.environ, reason="SELECTOR_LITE0 names no efficientnet-lite0 .pth file")
def test_lite0_of_another_naming_predicts_as_with_weights_laid_on_by_hand(tmp_path):
    import timm

    path = Path(os.environ["SELECTOR_LITE0"])
    given = [one for key, one in torch.load(path, weights_only=True).items() if not key.endswith("tracked")]
    by_hand = timm.create_model("tf_efficientnet_lite0").eval()
    names = [name for name in by_hand.state_dict() if not name.endswith("tracked")]
    assert len(names) == 247
    by_hand.load_state_dict(dict(zip(names, given, strict=True)), strict=False)
    model, _ = fetched(ArtifactCache(tmp_path / "cache"), "tf_efficientnet_lite0", path, 1000)
    assert len([name for name in model.state_dict() if not name.endswith("tracked")]) == 247
    folder = os.environ.get("SELECTOR_IMAGES")
    files = sorted(Path(folder).rglob("*.JPEG")) if folder else []
    facts = load_catalog().facts("tf_efficientnet_lite0")
    pictures = (
        photographs(files, facts, make_candidate(facts)) if files else [realistic_images(2, facts.image_size, seed=1)]
    )
    with torch.inference_mode():
        for picture in map(torch.from_numpy, pictures):
            assert torch.equal(model(picture), by_hand(picture))
