"""The profiles that come with the program: valid, sensible in size, true to their names, leading to a choice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from selector.catalog import load_catalog, published_top1
from selector.engines.run import Options
from selector.journey import evaluate, survey
from selector.requirements import RequirementProfile, bundled_profiles, load_profile
from selector.resources import folder
from selector.search.names import unknown_names
from selector.search.plan import select_ways
from selector.store import Store
from selector.types import ModelFacts

every_profile = pytest.mark.parametrize("name", bundled_profiles())
SELECTABLE = 400
"""Candidates of the largest profile: more than can be measured in an evening."""


def load(name: str) -> RequirementProfile:
    return load_profile(name, unknown_names)


def on_the_fake_device(profile: RequirementProfile) -> RequirementProfile:
    return profile.model_copy(update={"device": profile.device.model_copy(update={"target": "fake"})})


def models(profile: RequirementProfile) -> list[ModelFacts]:
    chosen = profile.candidates
    return load_catalog().select(chosen.models, chosen.families, chosen.exclude)


def test_all_that_are_promised_are_there() -> None:
    promised = {"quickstart", "cloud_api", "accuracy_first", "balanced", "speed_first", "edge_device"}
    assert promised <= set(bundled_profiles())


def test_the_readme_lists_exactly_these() -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"\| profile \| looks for \|\n\|---\|---\|\n((?:\|.*\n)+)", readme)
    assert sorted(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == bundled_profiles()


@every_profile
def test_it_is_called_as_its_file_and_says_what_it_is(name: str) -> None:
    profile = load(name)
    assert profile.name == name.replace("_", "-")
    assert profile.description.endswith(".")
    assert profile.requirements
    text = (folder("profiles") / f"{name}.yaml").read_text()
    assert f"selector evaluate profiles/{name}.yaml" in text
    comments = re.findall(r"#.*", text)
    assert len(comments) > 10, "ready-made ones are commented throughout"
    assert max(map(len, text.splitlines())) <= 120


@every_profile
def test_it_selects_a_sensible_number_of_candidates(name: str) -> None:
    profile = load(name)
    ways = select_ways(profile.candidates.optimizations)
    assert "eager" in {way.name for way in ways}, "the yardstick"
    assert 10 <= len(models(profile)) * len(ways) <= SELECTABLE


@every_profile
def test_every_pattern_adds_models_that_can_meet_the_accuracy(name: str) -> None:
    """But for the quickstart and the cloud, which show an exclusion."""
    profile = load(name)
    seen: set[str] = set()
    for pattern in profile.candidates.models:
        found = {facts.name for facts in load_catalog().select([pattern], (), profile.candidates.exclude)}
        assert found - seen, f"{pattern} adds nothing"
        seen |= found
    if name in ("quickstart", "cloud_api"):
        return
    prospect = survey(on_the_fake_device(profile), None)
    assert not prospect.excluded, "what facts exclude at once need not stand there"


@every_profile
def test_on_the_fake_device_it_comes_to_a_choice(name: str, tmp_path: Path) -> None:
    profile = on_the_fake_device(load(name))
    with Store(f"sqlite:///{tmp_path}/s.db") as store:
        # One way a model is enough to see that the limits can be met together.
        decision = evaluate(profile, store, Options(only=("*@openvino",)))
    if name == "cloud_api":  # asks for the throughput of a real GPU, which the invented device has not
        assert decision.exit_code == 1
        return
    assert decision.exit_code == 0
    assert decision.winner is not None
    assert decision.ranked


class TestTrueToItsName:
    def shares(self, name: str) -> list[float]:
        return [published_top1(facts) or 0.0 for facts in models(load(name))]

    def test_accuracy_first_has_the_most_accurate(self) -> None:
        assert min(self.shares("accuracy_first")) > max(self.shares("edge_device"))
        assert max(self.shares("accuracy_first")) > max(self.shares("balanced")) > max(self.shares("speed_first"))
        assert load("accuracy_first").objective.metric == "accuracy_top1"

    def test_speed_first_ranks_by_speed(self) -> None:
        assert load("speed_first").objective.metric.startswith("latency_")

    def test_the_edge_device_has_the_architectures_made_for_it(self) -> None:
        profile = load("edge_device")
        names = [facts.name for facts in models(profile)]
        for start in (
            *("mobilenetv3_", "mobilenetv4_", "tf_efficientnet_lite", "mobilevitv2_", "fastvit_"),
            *("efficientvit_b", "repvit_"),
        ):
            assert any(name.startswith(start) for name in names), start
        assert all((facts.parameters or 0) <= 15e6 for facts in models(profile))
        assert profile.device.memory is not None
        assert profile.device.target == "cpu"

    def test_balanced_may_be_used_by_everybody(self) -> None:
        licenses = set(load("balanced").licenses)
        assert licenses == {"apache-2.0", "mit", "bsd-3-clause"}
