"""Evidence made by hand: small, valid pieces for tests that need plans, measurements and profiles.

Every factory gives something plausible without arguments; tests name only what matters to them::

    swin = make_planned("swin_tiny.ms_in1k", top1=0.81)
    evidence = make_evidence([(swin, make_measurement(swin.candidate, p50=0.012))])
    decision = decide(make_profile({"latency_p95": "< 50 ms"}), evidence)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from selector.requirements import (
    CandidateSelection,
    DeviceBudget,
    Evaluation,
    Objective,
    Requirement,
    RequirementProfile,
    Workload,
)
from selector.types import (
    RANDOM_WEIGHTS,
    Agreement,
    Candidate,
    Certificate,
    Environment,
    Evidence,
    Interval,
    LatencySummary,
    Measurement,
    ModelFacts,
    Observation,
    Outcome,
    Plan,
    Planned,
    Precision,
    PublishedFigure,
    Weights,
    speed_identity,
)

PRECISIONS: Mapping[str, Precision] = {"bf16": "bf16", "fp16": "fp16", "int8": "int8"}


def make_environment(**changes: Any) -> Environment:
    """A CPU with four threads."""
    return Environment(
        **{
            "device_kind": "cpu",
            "device_name": "Test CPU",
            "device_id": "cpu-0",
            "driver": "6.1",
            "power_limit": None,
            "memory_total": 16 * 2**30,
            "threads": 4,
            "capabilities": ("avx2",),
            "versions": (("torch", "2.9.0"),),
            **changes,
        }
    )


ENVIRONMENT = make_environment()
"""The one that plans and measurements have unless they are given another."""


def make_facts(name: str = "resnet18.a1_in1k", *, top1: float | None = 0.715, **changes: Any) -> ModelFacts:
    """A model at 224 × 224 with one published ImageNet figure, or none when `top1` is None."""
    architecture, _, tag = name.partition(".")
    figure = PublishedFigure("imagenet-1k", (224, 224), top1 or 0.0, None, "published table")
    return ModelFacts(
        **{
            "name": name,
            "architecture": architecture,
            "tag": tag,
            "family": architecture.partition("_")[0],
            "image_size": (224, 224),
            "num_classes": 1000,
            "parameters": 11_700_000,
            "gmacs": 1.8,
            "license": "apache-2.0",
            "weight_sets": 3,
            "published": () if top1 is None else (figure,),
            **changes,
        }
    )


def make_candidate(facts: ModelFacts | None = None, optimization: str = "eager", **changes: Any) -> Candidate:
    """`facts` run by `optimization`; the precision is the suffix of its name, fp32 without one."""
    facts = facts or make_facts()
    suffix = optimization.partition("+")[0].rpartition("-")[2]
    return Candidate(
        **{
            "model": facts.name,
            "architecture": facts.architecture,
            "optimization": optimization,
            "precision": PRECISIONS.get(suffix, "fp32"),
            "libraries": ("torch",),
            "settings": (),
            "batch_size": 1,
            "image_size": facts.image_size,
            "num_classes": facts.num_classes,
            **changes,
        }
    )


def make_planned(
    name: str = "resnet18.a1_in1k",
    optimization: str = "eager",
    *,
    top1: float | None = 0.715,
    unavailable: str | None = None,
    candidate: Mapping[str, Any] | None = None,
    **facts: Any,
) -> Planned:
    """A considered candidate; further arguments change its model's facts."""
    known = make_facts(name, top1=top1, **facts)
    return Planned(make_candidate(known, optimization, **(candidate or {})), known, unavailable)


def make_observation(
    p50: float = 0.01, *, noise: float = 0.02, samples: int = 500, p95: float | None = None, **changes: Any
) -> Observation:
    """A quiet measurement around a median.

    Args:
        p50: Median and mean, seconds per query.
        noise: Half width of every interval, relative to its figure; 0 for none.
        samples: Queries timed.
        p95: 95th percentile; default 1.1 × `p50`.
        **changes: Further fields of `Observation`.
    """

    def around(value: float) -> Interval:
        return Interval(value, value * (1 - noise), value * (1 + noise)) if noise else Interval(value)

    tail = p95 if p95 is not None else 1.1 * p50
    percentiles = {
        "p50": around(p50),
        "p90": around((p50 + tail) / 2),
        "p95": around(tail),
        "p99": around(1.1 * tail),
    }
    summary = LatencySummary(samples, samples * p50, around(p50), percentiles, 0.95)
    return Observation(
        **{
            "latencies": b"",
            "summary": summary,
            "warmup": (2 * p50,),
            "first_call": 3 * p50,
            "load_seconds": 0.2,
            "build_seconds": 0.0,
            "built_from_cache": False,
            "memory": {"peak": 300 * 2**20},
            "artifact_bytes": 45 * 2**20,
            "agreement": None,
            "energy_joules": None,
            "stopped_because": "interval",
            **changes,
        }
    )


def make_agreement(weights: Weights, *, top1: float | None = 1.0, images: int = 16) -> Agreement:
    """Outputs very near to fp32 eager's."""
    known = None if weights.source == "random" else top1
    return Agreement(1e-4, 0.99999, known, images, 2e-2, weights)


def make_measurement(
    candidate: Candidate | None = None,
    p50: float = 0.01,
    *,
    outcome: Outcome | str = Outcome.OK,
    message: str = "",
    weights: Weights | None = None,
    environment: Environment | None = None,
    observation: Observation | None = None,
    run_id: str = "20260102-030405-aaaa",
    phase: str = "",
    **observed: Any,
) -> Measurement:
    """A measurement of `candidate`, by default ok and on its own pretrained weights.

    Args:
        candidate: What was measured.
        p50: Seconds per query.
        outcome: How it ended; failures have no observation.
        message: What was said of a failure.
        weights: Which ran; default the candidate's tag.
        environment: Where.
        observation: Readings, instead of those made from `p50`.
        run_id: The run.
        phase: Where it ended.
        **observed: Arguments of `make_observation`.
    """
    candidate = candidate or make_candidate()
    environment = environment or ENVIRONMENT
    outcome = Outcome(outcome)
    ran = weights or Weights(candidate.model.partition(".")[2], "0" * 64, "pretrained")
    seen = outcome in (Outcome.OK, Outcome.UNSTABLE)
    if seen and observation is None:
        observation = make_observation(p50, **{"agreement": make_agreement(ran), **observed})
    return Measurement(
        id=f"m-{candidate.id}",
        identity=speed_identity(candidate, environment),
        candidate=candidate,
        environment=environment,
        weights=ran if seen else None,
        outcome=outcome,
        message=message,
        log="",
        phase=phase or ("done" if seen else "build"),
        observation=observation if seen else None,
        run_id=run_id,
        created=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        wall_seconds=5.0,
    )


def make_evidence(
    rows: Iterable[Planned | tuple[Planned, Measurement | None]] = (),
    *,
    environment: Environment | None = None,
    notes: Sequence[str] = (),
    stale: Mapping[str, int] | None = None,
    certificate: Certificate | None = None,
    run_id: str | None = "20260102-030405-aaaa",
) -> Evidence:
    """Evidence of considered candidates, each alone or with its measurement."""
    pairs = [row if isinstance(row, tuple) else (row, None) for row in rows]
    return Evidence(
        plan=Plan(environment or ENVIRONMENT, tuple(planned for planned, _ in pairs), tuple(notes)),
        measurements={planned.candidate.id: found for planned, found in pairs if found is not None},
        stale=dict(stale or {}),
        certificate=certificate,
        run_id=run_id,
    )


def make_profile(
    requirements: Mapping[str, str] | None = None,
    *,
    objective: Objective | Mapping[str, Any] | None = None,
    device: Mapping[str, Any] | None = None,
    workload: Mapping[str, Any] | None = None,
    candidates: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    **changes: Any,
) -> RequirementProfile:
    """A profile with requirements as a file writes them; the objective is the default one unless given."""
    asked = tuple(Requirement.parse(key, text) for key, text in (requirements or {}).items())
    ranked_by = objective if objective is None or isinstance(objective, Objective) else Objective(**objective)
    return RequirementProfile(
        **{
            "name": "test-profile",
            "workload": Workload(**(workload or {})),
            "device": DeviceBudget(**(device or {})),
            "requirements": asked,
            "candidates": CandidateSelection(**{"models": ("*",), **(candidates or {})}),
            "evaluation": Evaluation(**(evaluation or {})),
            **({} if ranked_by is None else {"objective": ranked_by}),
            **changes,
        }
    )


__all__ = [
    "ENVIRONMENT",
    "RANDOM_WEIGHTS",
    "make_agreement",
    "make_candidate",
    "make_environment",
    "make_evidence",
    "make_facts",
    "make_measurement",
    "make_observation",
    "make_planned",
    "make_profile",
]
