"""Profiles that ask for backbones: what they may speak of, and what they mean where they say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.evidence import make_profile

from selector.errors import ProfileError
from selector.requirements import load_profile
from selector.requirements.loader import parse_profile
from selector.requirements.template import render_profile
from selector.search.names import unknown_names

LEAST = """name: backbones
workload: {task: feature-extraction, image_size: [512, 768]}
candidates: {models: [resnet18]}
requirements: {latency_p95: "< 50 ms"}
"""
NO_CLASS = "names no class: take it out, or write task: image-classification"


def messages(text: str) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, "p.yaml")
    return [one.message for one in caught.value.problems]


def test_the_fastest_is_wanted_where_nothing_is_said() -> None:
    profile = parse_profile(LEAST)
    assert profile.workload.task == "feature-extraction"
    assert profile.workload.image_size == (512, 768)
    objective = profile.objective
    assert (objective.direction, objective.metric) == ("minimize", "latency_p50")
    assert objective.tie_breakers == ("memory_peak", "parameters")


def test_offline_it_is_throughput() -> None:
    text = LEAST.replace("image_size", "scenario: offline, image_size").replace(
        'latency_p95: "< 50 ms"', 'memory_peak: "< 1 GiB"'
    )
    objective = parse_profile(text).objective
    assert (objective.direction, objective.metric) == ("maximize", "throughput")
    assert objective.tie_breakers == ("memory_peak", "parameters")


@pytest.mark.parametrize(
    "objective",
    [
        "{minimize: memory_peak}",
        "{weights: {latency_p50: 0.5, memory_peak: 0.5}}",
        "{lexicographic: [{minimize: latency_p50, within: 2 ms}, {minimize: memory_peak}]}",
    ],
)
def test_no_tie_breaker_is_of_classes(objective: str) -> None:
    ties = parse_profile(f"{LEAST}objective: {objective}\n").objective.tie_breakers
    assert ties
    assert not any(one.startswith("accuracy") for one in ties)


@pytest.mark.parametrize("key", ["accuracy_top1", "accuracy_top5@imagenet-r", "accuracy_drop", "agreement_top1"])
def test_a_requirement_on_classes_is_refused(key: str) -> None:
    comparison = "<" if key == "accuracy_drop" else ">"
    (message,) = messages(LEAST.replace('latency_p95: "< 50 ms"', f'{key}: "{comparison} 70 %"'))
    assert message.startswith(f"{key.partition('@')[0]} has no meaning for feature-extraction")
    assert message.endswith(NO_CLASS)


@pytest.mark.parametrize(
    "section",
    [
        "objective: {maximize: accuracy_top1}",
        "objective: {minimize: latency_p50, tie_breakers: [accuracy_top1]}",
        "objective: {lexicographic: [{maximize: accuracy_top1}, {minimize: gmacs}], tie_breakers: [parameters]}",
        "objective: {weights: {accuracy_top1: 0.5, latency_p50: 0.5}, tie_breakers: [parameters]}",
        "accuracy: {dataset: imagenet-1k}",
        "accuracy: {dataset: some/folder}",
    ],
)
def test_so_is_everything_else_that_speaks_of_them(section: str) -> None:
    (message,) = messages(f"{LEAST}{section}\n")
    assert message.startswith("accuracy")
    assert message.endswith(NO_CLASS)


def test_in_python_too() -> None:
    with pytest.raises(ValueError, match="no meaning for feature-extraction"):
        make_profile({"accuracy_top1": "> 70 %"}, workload={"task": "feature-extraction"})


def test_it_is_kept_and_written_as_it_was_read() -> None:
    profile = parse_profile(LEAST)
    assert type(profile).from_dict(profile.as_dict()) == profile
    assert parse_profile(render_profile(profile)) == profile


def test_the_other_task_is_still_not_served() -> None:
    (message,) = messages(LEAST.replace("feature-extraction", "zero-shot-classification"))
    assert "is not supported yet; this version serves image-classification and feature-extraction" in message


def test_the_documented_example_is_one() -> None:
    example = Path(__file__).resolve().parents[2] / "docs" / "examples" / "backbones.yaml"
    profile = load_profile(example, unknown_names)
    assert profile.workload.task == "feature-extraction"
    assert "docs/examples/backbones.yaml" in (example.parents[2] / "README.md").read_text(encoding="utf-8")
