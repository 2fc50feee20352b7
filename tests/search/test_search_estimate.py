"""How long measuring will take: never nothing, and never less for more work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import ENVIRONMENT, make_environment, make_planned, make_profile

from selector.catalog import load_catalog
from selector.devices.fake import Fake
from selector.optimizations import OPTIMIZATIONS
from selector.search import estimate_run, estimate_seconds, make_plan
from selector.types import Environment, Planned

PROFILE = make_profile({"latency_p95": "< 50 ms"})
ENVIRONMENTS = (None, ENVIRONMENT, make_environment(device_kind="cuda"), Fake().environment(None, ()))
work = st.floats(1e-3, 1e4)
environments = st.sampled_from(ENVIRONMENTS)


def planned(gmacs: float | None = 1.0, way: str = "eager", **candidate: Any) -> Planned:
    way_ = OPTIMIZATIONS.get(way)
    return make_planned("net.tag", way, gmacs=gmacs, candidate={"libraries": way_.libraries, **candidate})


@given(gmacs=st.none() | work, way=st.sampled_from(OPTIMIZATIONS.names()), environment=environments)
def test_it_always_takes_some_time(gmacs: float | None, way: str, environment: Environment | None) -> None:
    assert 0 < estimate_seconds(PROFILE, planned(gmacs, way), environment) < float("inf")


@given(few=work, more=work, environment=environments)
def test_it_grows_with_the_model(few: float, more: float, environment: Environment | None) -> None:
    few, more = sorted((few, more))
    less = estimate_seconds(PROFILE, planned(few), environment)
    assert less <= estimate_seconds(PROFILE, planned(more), environment)
    if environment is None and more > 2 * few:
        assert less < estimate_seconds(PROFILE, planned(more), environment)


@given(few=st.integers(1, 256), more=st.integers(1, 256))
def test_it_grows_with_the_batch(few: int, more: int) -> None:
    few, more = sorted((few, more))
    assert estimate_seconds(PROFILE, planned(batch_size=few)) <= estimate_seconds(PROFILE, planned(batch_size=more))


@given(few=st.integers(32, 1024), more=st.integers(32, 1024))
def test_it_grows_with_the_image(few: int, more: int) -> None:
    few, more = sorted((few, more))
    assert estimate_seconds(PROFILE, planned(image_size=(few, 224))) <= estimate_seconds(
        PROFILE, planned(image_size=(more, 224))
    )


@given(gmacs=work, short=st.floats(0.1, 100), long=st.floats(0.1, 100))
def test_it_grows_with_the_cap_on_timing(gmacs: float, short: float, long: float) -> None:
    short, long = sorted((short, long))
    capped = make_profile({"latency_p95": "< 50 ms"}, evaluation={"candidate_time": short})
    freer = make_profile({"latency_p95": "< 50 ms"}, evaluation={"candidate_time": long})
    assert estimate_seconds(capped, planned(gmacs)) <= estimate_seconds(freer, planned(gmacs))


def test_building_counts() -> None:
    eager, exported, compiled = (
        estimate_seconds(PROFILE, planned(way=way)) for way in ("eager", "openvino", "compile")
    )
    assert eager < exported < compiled


def test_more_threads_and_a_gpu_take_less() -> None:
    slow, many, gpu = (
        estimate_seconds(PROFILE, planned(20.0), environment)
        for environment in (
            make_environment(threads=1),
            make_environment(threads=8),
            make_environment(device_kind="cuda"),
        )
    )
    assert slow > many > gpu


@given(budget=st.none() | st.floats(0.1, 1e4), number=st.integers(0, 20))
def test_a_run_is_the_sum_within_its_budget(budget: float | None, number: int) -> None:
    profile = make_profile({"latency_p95": "< 50 ms"}, evaluation={"time_budget": budget})
    everything = [planned(1.0 + size) for size in range(number)]
    estimate = estimate_run(profile, everything, ENVIRONMENT)
    whole = sum(estimate_seconds(profile, one, ENVIRONMENT) for one in everything)
    assert estimate.candidates == number
    assert estimate.seconds == pytest.approx(whole if budget is None else min(whole, budget))


def test_every_model_of_the_catalog_can_be_estimated() -> None:
    profile = replace_models(["*"])
    plan = make_plan(profile, load_catalog(), ENVIRONMENT, {})
    assert len(plan.considered) > 1000
    assert all(0 < estimate_seconds(profile, one, ENVIRONMENT) < 86_400 for one in plan.considered)


def replace_models(models: list[str]) -> Any:
    return make_profile(candidates={"models": tuple(models), "optimizations": ("eager",)})


def test_weights_stand_in_for_unknown_work() -> None:
    heavy, light = planned(None), planned(None)
    heavy = replace(heavy, facts=replace(heavy.facts, parameters=300_000_000))
    light = replace(light, facts=replace(light.facts, parameters=3_000_000))
    assert estimate_seconds(PROFILE, light) < estimate_seconds(PROFILE, heavy)
