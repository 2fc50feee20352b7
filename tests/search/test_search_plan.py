"""What is considered: models × ways, and what known facts exclude."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from support.evidence import ENVIRONMENT, make_facts, make_profile

from selector.catalog import Catalog, load_catalog
from selector.errors import UnknownNameError
from selector.optimizations import OPTIMIZATIONS
from selector.requirements import RequirementProfile
from selector.search import exclusions, make_plan
from selector.search.plan import select_ways
from selector.types import Plan

WAYS = ("eager", "openvino", "openvino-bf16")


def plan_of(profile: RequirementProfile, **unavailable: str) -> Plan:
    return make_plan(profile, load_catalog(), ENVIRONMENT, unavailable, notes=("a note",))


def asking(models: Sequence[str], ways: Sequence[str] = WAYS, **changes: Any) -> RequirementProfile:
    return make_profile(candidates={"models": tuple(models), "optimizations": tuple(ways)}, **changes)


def test_every_model_is_crossed_with_every_way() -> None:
    models = ["resnet18.a1_in1k", "resnet34.a1_in1k", "vit_tiny_patch16_224.augreg_in21k_ft_in1k"]
    plan = plan_of(asking(models))
    assert [one.candidate.id for one in plan.considered] == [
        f"{model}@{way}" for model, way in itertools.product(models, WAYS)
    ]
    assert plan.environment is ENVIRONMENT
    assert plan.notes == ("a note",)


def test_without_ways_all_are_considered() -> None:
    plan = plan_of(asking(["resnet18.a1_in1k"], ways=()))
    assert {one.candidate.optimization for one in plan.considered} == set(OPTIMIZATIONS.names())


def test_ways_are_named_exactly_or_by_patterns() -> None:
    names = OPTIMIZATIONS.names()
    assert [way.name for way in select_ways(["eager"])] == ["eager"]
    assert {way.name for way in select_ways(["*compile*", "eager"])} == {
        "eager",
        *(name for name in names if "compile" in name),
    }
    assert [way.name for way in select_ways(["openvino", "open*"])].count("openvino") == 1


def test_a_candidate_carries_the_workload_and_what_its_way_runs_on() -> None:
    asked = asking(["resnet18.a1_in1k"], workload={"batch_size": 8, "scenario": "multi-stream"})
    facts = load_catalog().facts("resnet18.a1_in1k")
    for planned in plan_of(asked).considered:
        way = OPTIMIZATIONS.get(planned.candidate.optimization)
        assert planned.facts == facts
        assert planned.candidate.batch_size == 8
        assert planned.candidate.scenario == "multi-stream"
        assert planned.candidate.image_size == facts.image_size == (288, 288)
        assert planned.candidate.num_classes == 1000
        assert planned.candidate.precision == way.precision
        assert planned.candidate.libraries == tuple(sorted(way.libraries))
        tolerance = ("agreement", f"{asked.agreement[way.precision]:g}")
        assert planned.candidate.settings == tuple(sorted((*way.settings_on("fake"), tolerance)))


def test_an_image_size_of_the_profile_replaces_the_native_one() -> None:
    plan = plan_of(asking(["resnet18.a1_in1k"], workload={"image_size": (160, 192)}))
    assert {one.candidate.image_size for one in plan.considered} == {(160, 192)}


def test_ways_that_cannot_run_are_considered_with_their_reason() -> None:
    plan = plan_of(asking(["resnet18.a1_in1k"]), openvino="not installed")
    reasons = {one.candidate.optimization: one.unavailable for one in plan.considered}
    assert reasons == {"eager": None, "openvino": "not installed", "openvino-bf16": None}


@pytest.mark.parametrize(
    ("models", "ways", "named", "suggested"),
    [
        (["resnet18.a1_in1k"], ["egaer"], "optimization 'egaer'", "eager"),
        (["resnet18.a1_in1k"], ["tensorflow*"], "optimization 'tensorflow*'", "did you mean 'tensorrt'?"),
        (["resnet18.a1_in2k"], ["eager"], "model 'resnet18.a1_in2k'", "resnet18.a1_in1k"),
        (["resnetx*"], ["eager"], "'resnetx*'", ""),
    ],
)
def test_unknown_names_are_refused_with_a_near_one(
    models: list[str], ways: list[str], named: str, suggested: str
) -> None:
    with pytest.raises(UnknownNameError) as caught:
        plan_of(asking(models, ways))
    assert named in str(caught.value)
    assert suggested in str(caught.value)


def test_known_facts_exclude_with_a_reason() -> None:
    catalog = Catalog(
        (
            make_facts("a.x", top1=0.80),
            make_facts("b.x", top1=0.60),
            make_facts("c.x", top1=0.80, license="cc-by-nc-4.0"),
            make_facts("d.x", top1=0.80, parameters=90_000_000),
            make_facts("e.x", top1=None),
        ),
        {},
    )
    asked = asking(
        ["*"], ["eager", "openvino-bf16"], requirements={"accuracy_top1": "> 70 %"}, licenses=("apache-2.0",)
    )
    asked = asked.model_copy(
        update={"candidates": asked.candidates.model_copy(update={"max_parameters": 50_000_000})}
    )
    found = exclusions(asked, make_plan(asked, catalog, ENVIRONMENT, {}))
    assert {name: exclusion.requirement for name, exclusion in found.items()} == {
        f"{model}@{way}": requirement
        for model, requirement in (("b.x", "accuracy_top1"), ("c.x", "license"), ("d.x", "max_parameters"))
        for way in ("eager", "openvino-bf16")
    }
    assert found["b.x@eager"].reason == "top-1 60.0 %, limit > 70 %, 10.0 points under"


def test_weights_that_do_not_fit_exclude_by_precision() -> None:
    catalog = Catalog((make_facts("a.x", parameters=30_000_000),), {})
    asked = asking(["*"], ["eager", "openvino-bf16"], requirements={"memory_peak": "<= 100 MB"})
    found = exclusions(asked, make_plan(asked, catalog, ENVIRONMENT, {}))
    assert list(found) == ["a.x@eager"]
    assert found["a.x@eager"].reason == "its weights alone take 114 MiB in fp32, limit <= 100 MB"
