"""A profile written as a commented file says exactly what the profile says."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.drawn import profiles
from support.evidence import make_profile

from selector.metrics import METRICS
from selector.requirements import RequirementProfile, bundled_profiles, load_profile, parse_profile
from selector.requirements.template import render_profile


def meaning(profile: RequirementProfile) -> dict[str, Any]:
    """What a profile says, but for the order of its requirements and how their limits are spelt."""
    document = profile.as_dict()
    for requirement in document["requirements"]:
        del requirement["text"]
    document["requirements"].sort(key=lambda one: (one["metric"], one["dataset"] or ""))
    return document


def read_back(profile: RequirementProfile) -> RequirementProfile:
    return parse_profile(render_profile(profile), "rendered.yaml")


@pytest.mark.parametrize("name", bundled_profiles())
def test_ready_made_profiles_read_back_as_they_are(name: str) -> None:
    profile = load_profile(name)
    assert meaning(read_back(profile)) == meaning(profile)


@settings(max_examples=100)
@given(profiles())
def test_drawn_profiles_read_back_as_they_are(profile: RequirementProfile) -> None:
    assert meaning(read_back(profile)) == meaning(profile)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)
POSITIVE = st.floats(1e-6, 1e9, allow_nan=False, allow_infinity=False)


@settings(max_examples=100)
@given(
    name=NAMES,
    description=st.text(max_size=80),
    memory=st.none() | st.integers(1, 2**45),
    price=st.none() | st.floats(1e-9, 1e3),
    threads=st.none() | st.integers(1, 4096),
    count=st.integers(1, 1000),
    batch=st.integers(1, 100_000),
    size=st.just("native") | st.tuples(st.integers(1, 16_384), st.integers(1, 16_384)),
    seconds=POSITIVE,
    times=st.none() | st.floats(1.0, 1e6),
    confidence=st.floats(0.5, 0.999999),
    tolerance=st.floats(1e-6, 1.0),
    weights=st.none() | st.integers(1, 10**13),
    patterns=st.lists(st.text("abc_*?[]0.-!&", min_size=1, max_size=12), min_size=1, max_size=4, unique=True),
)
def test_odd_values_read_back_exactly(
    name: str,
    description: str,
    memory: int | None,
    price: float | None,
    threads: int | None,
    count: int,
    batch: int,
    size: Any,
    seconds: float,
    times: float | None,
    confidence: float,
    tolerance: float,
    weights: int | None,
    patterns: list[str],
) -> None:
    name = name.strip()
    if not name or not name.isprintable():
        return
    budget = None if times is None else times * seconds
    profile = make_profile(
        {"latency_p95": "< 33.3 ms"},
        name=name,
        description=description.strip(),
        workload={"batch_size": batch, "image_size": size},
        device={"memory": memory, "price": price, "threads": threads, "count": count},
        candidates={"models": tuple(patterns), "max_parameters": weights},
        evaluation={"candidate_time": seconds, "time_budget": budget, "confidence": confidence},
        agreement={"fp32": tolerance},
    )
    assert meaning(read_back(profile)) == meaning(profile)


@settings(max_examples=60)
@given(st.floats(1e-9, 1e9), st.sampled_from(["latency_p95", "throughput", "parameters", "accuracy_top1"]))
def test_a_limit_that_a_slider_left_is_not_rounded(limit: float, metric: str) -> None:
    sign = "<" if METRICS.get(metric).better == "lower" else ">"
    start = {"time": "1 s", "rate": "1 img/s", "count": "1", "fraction": "1 %"}[METRICS.get(metric).kind]
    limit = min(limit, 0.99) if metric == "accuracy_top1" else limit
    profile = make_profile({metric: f"{sign} {start}"}).with_limit(metric, limit)
    (read,) = read_back(profile).requirements
    assert read.limit == limit


def test_memory_of_the_device_is_not_said_twice() -> None:
    text = render_profile(make_profile(device={"memory": 2**34}))
    assert "memory: 16 GiB" in text
    assert "requirements" not in yaml.safe_load(text)
    stricter = make_profile({"memory_peak": "<= 2 GiB"}, device={"memory": 2**34})
    assert 'memory_peak: "<= 2 GiB"' in render_profile(stricter)


@pytest.mark.parametrize("name", bundled_profiles())
def test_examples_in_comments_are_valid_where_they_stand(name: str) -> None:
    """Taking the sign off any example gives a profile again."""
    text = render_profile(load_profile(name))
    lines = text.splitlines()
    examples = [number for number, line in enumerate(lines) if re.match(r"  # [a-z_0-9]+: ", line)]
    assert examples
    for number in examples:
        edited = [*lines[:number], lines[number].replace("  # ", "  ", 1), *lines[number + 1 :]]
        if lines[number].startswith("  # license") or "optimizations" in lines[number]:
            edited[number] = re.sub("   #.*", "", edited[number])
        parse_profile("\n".join(edited), name)


def test_the_head_names_the_command() -> None:
    assert "#   selector evaluate mine.yaml\n" in render_profile(make_profile(), "selector evaluate mine.yaml")
    assert "selector evaluate" not in render_profile(make_profile())
