"""The examples of the documentation, run as a reader would, but for the number of epochs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from safetensors.torch import load_file
from support.real_models import workbench

from selector.catalog import load_catalog
from selector.devices import resolve
from selector.engines.local import Order
from selector.profiler.examining import Questions
from selector.profiler.labelled import class_indices, find_labelled
from selector.profiler.rule import stopping_rule
from selector.requirements import load_profile
from selector.search.plan import make_plan, with_digest
from selector.types import Outcome

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"


def digits() -> ModuleType:
    specification = importlib.util.spec_from_file_location("digits_example", EXAMPLES / "digits.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("profile", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_profile_is_valid(profile):
    assert load_profile(str(profile)).name


def test_weights_trained_by_the_example_are_examined_as_the_example_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = digits()
    example.main(["--epochs", "1", "--models", "test_resnet"])
    model = example.timm.create_model("test_resnet", num_classes=10).eval()
    model.load_state_dict(load_file("digits/test_resnet.safetensors"))
    share = example.accuracy(model, Path("digits/test"))
    assert share > 0.2, "it learned something: one in ten is right by chance"

    whole = load_profile(str(EXAMPLES / "digits.yaml"))
    (own,) = [one for one in whole.candidates.checkpoints if one.model == "test_resnet"]
    profile = with_digest(
        whole.model_copy(update={"candidates": whole.candidates.model_copy(update={"checkpoints": (own,)})})
    )
    images = find_labelled("digits/test")
    assert len(images.files) == 450
    right = class_indices(images, 10)
    with workbench(resolve("cpu"), tmp_path / "artifacts") as bench:
        plan = make_plan(profile, load_catalog(), bench.environment, {})
        answers = {}
        for planned in plan.considered:
            order = Order(planned.candidate, planned.facts, stopping_rule(profile), 0.5, True, None)
            if planned.candidate.optimization in ("eager", "openvino"):
                found = bench.engine.examine(order, Questions(images.digest, 450, 0, images.files, right))
                assert (found.outcome, found.message) == (Outcome.OK, "")
                assert found.answers is not None
                answers[planned.candidate.optimization] = found.answers.ranks.count(0) / 450
    assert answers == {"eager": pytest.approx(share), "openvino": pytest.approx(share, abs=1 / 450)}
