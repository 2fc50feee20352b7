"""A store like that of a real run, without measuring: plausible figures for the bundled profiles, always the same.

Times follow the model's work and the way's usual gain; the raw samples are drawn from a fixed seed and summarized as
the profiler does, so that intervals, ties and undecided cases come out as they would.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace

from selector.catalog import load_catalog
from selector.optimizations import OPTIMIZATIONS
from selector.profiler.statistics import decode, encode, summarize
from selector.requirements import RequirementProfile, static_exclusion
from selector.search.plan import make_plan, select_ways
from selector.store import Store
from selector.types import (
    Agreement,
    Candidate,
    Certificate,
    Environment,
    Evidence,
    Measurement,
    Observation,
    Outcome,
    Plan,
    Planned,
    Timing,
    Weights,
    speed_identity,
)

CPU = Environment(
    device_kind="cpu",
    device_name="AMD EPYC 9B14 (2 cores)",
    device_id="cpu-5d1f",
    driver="6.8.0-1021",
    power_limit=None,
    memory_total=8 * 2**30,
    threads=2,
    capabilities=("avx2", "avx512_bf16", "avx512f", "vnni"),
    versions=(("onnxruntime", "1.27.0"), ("openvino", "2026.1.0"), ("timm", "1.0.31"), ("torch", "2.14.1")),
)
GPU = Environment(
    device_kind="cuda",
    device_name="NVIDIA L4",
    device_id="GPU-1c2d",
    driver="580.65",
    power_limit=72.0,
    memory_total=24 * 2**30,
    threads=8,
    capabilities=("sm_89",),
    versions=(("onnxruntime", "1.27.0"), ("timm", "1.0.31"), ("torch", "2.14.1"), ("triton", "3.7.0")),
)

_GAIN = {
    "eager": 1.0,
    "channels_last": 1.08,
    "amp-bf16": 1.5,
    "amp-fp16": 1.9,
    "channels_last+amp-bf16": 1.7,
    "channels_last+amp-fp16": 2.1,
    "compile": 1.5,
    "amp-bf16+compile": 2.3,
    "amp-fp16+compile": 2.6,
    "onnxruntime": 1.9,
    "openvino": 2.4,
    "openvino-bf16": 3.1,
}
_SPEED = {"cpu": (9e-4, 1.1e-2), "cuda": (1.5e-3, 1.15e-4)}
"""Seconds of any query, and seconds for each 1e9 multiply-accumulates of one image, by kind of device."""
STARTED = dt.datetime(2026, 11, 23, 1, 45, 1, tzinfo=dt.UTC)


def sample_plan(profile: RequirementProfile, environment: Environment) -> Plan:
    """Every model that the profile names in every way that it allows and `_GAIN` has."""
    missing = ((name, way.unavailable(environment)) for name, way in OPTIMIZATIONS)
    ways = tuple(way.name for way in select_ways(profile.candidates.optimizations) if way.name in _GAIN)
    sampled = profile.model_copy(update={"candidates": profile.candidates.model_copy(update={"optimizations": ways})})
    return make_plan(sampled, load_catalog(), environment, {name: why for name, why in missing if why is not None})


def sample_evidence(profile: RequirementProfile, environment: Environment = CPU, samples: int = 160) -> Evidence:
    """What a run over the whole plan, but for its last few candidates, would have found."""
    plan = sample_plan(profile, environment)
    wanted = [one for one in plan.considered if one.unavailable is None and static_exclusion(profile, one) is None]
    found = {one.candidate.id: _measured(one, environment, samples) for one in wanted[:-2]}
    return Evidence(
        plan=plan,
        measurements=found,
        certificate=Certificate("cheapest_first", len(wanted), len(found), None, "time_budget"),
        timing=Timing(wall_seconds=192.4, measured_seconds=171.0),
        run_id="20261123-014501-3fa9",
    )


def fill(store: Store, profile: RequirementProfile, environment: Environment = CPU, samples: int = 160) -> str:
    """Adds a finished run to `store`; its id."""
    evidence = sample_evidence(profile, environment, samples)
    run_id = store.begin_run(profile, evidence.plan, [], strategy="auto")
    kept: set[str] = set()
    for measurement in evidence.measurements.values():
        if measurement.identity not in kept:
            kept.add(measurement.identity)
            store.add(replace(measurement, id=f"{run_id}-{len(kept)}", run_id=run_id))
    store.finish_run(run_id, "finished", evidence.certificate, evidence.timing)
    return run_id


_TO_THE_LIMIT = {
    ("swin_base_patch4_window7_224", "compile"): 50.0 / 48.70,
    ("vit_tiny_patch16_224", "channels_last"): 30.0 / 19.56,
}
"""Factors that bring a p95 so near to the limit of its profile that the noise leaves it undecided."""


def _measured(planned: Planned, environment: Environment, samples: int) -> Measurement:
    candidate = planned.candidate
    # The draws shall not change when a profile's tolerance does.
    bare = replace(candidate, settings=tuple(pair for pair in candidate.settings if pair[0] != "agreement"))
    drawn = random.Random(speed_identity(bare, environment))
    outcome, message, phase = _fate(candidate)
    ok = outcome is Outcome.OK
    weights = Weights(planned.facts.tag, "5f" * 32, "pretrained")
    return Measurement(
        id=f"m-{candidate.id}",
        identity=speed_identity(candidate, environment),
        candidate=candidate,
        environment=environment,
        weights=weights if ok else None,
        outcome=outcome,
        message=message,
        log="" if ok else f"Traceback (most recent call last):\n  …\n{message}",
        phase=phase,
        observation=_observation(planned, environment, weights, drawn, samples) if ok else None,
        run_id="20261123-014501-3fa9",
        created=STARTED,
        wall_seconds=drawn.uniform(1.5, 4.0),
    )


def _fate(candidate: Candidate) -> tuple[Outcome, str, str]:
    if candidate.architecture.startswith("levit") and candidate.optimization == "onnxruntime":
        return Outcome.EXPORT_FAILED, "the exporter does not know aten::_native_batch_norm_legit", "export"
    if candidate.architecture.startswith("swinv2") and "compile" in candidate.optimization:
        return Outcome.OUT_OF_MEMORY, "the device ran out of memory while compiling", "build"
    return Outcome.OK, "", "done"


def _observation(
    planned: Planned, environment: Environment, weights: Weights, drawn: random.Random, samples: int
) -> Observation:
    candidate, facts = planned.candidate, planned.facts
    fixed, per_gmac = _SPEED[environment.device_kind]
    work = (facts.gmacs or 1.0) * per_gmac * candidate.batch_size
    usual = (fixed + work) / _GAIN[candidate.optimization] * drawn.uniform(0.8, 1.3)
    usual *= _TO_THE_LIMIT.get((candidate.architecture, candidate.optimization), 1.0)
    seconds = [
        usual * drawn.lognormvariate(0.0, 0.02) * (1.1 if drawn.random() < 0.2 else 1.0) for _ in range(samples)
    ]
    latencies = encode(seconds)
    half = 2 if candidate.precision == "fp32" else 1
    parameters, activations = facts.parameters or 0, facts.activations or 0
    return Observation(
        latencies=latencies,
        summary=summarize(decode(latencies)),
        warmup=(usual * 3, usual * 1.4, usual * 1.1),
        first_call=usual * 4,
        load_seconds=drawn.uniform(0.05, 0.3),
        build_seconds=0.0 if "eager" in candidate.optimization else drawn.uniform(0.5, 9.0),
        built_from_cache=False,
        memory={"peak": int(2 * half * (1.6 * parameters + activations * candidate.batch_size))},
        artifact_bytes=2 * half * parameters,
        agreement=Agreement(2e-6 * 10 ** (2 * (2 - half)), 0.99999, 1.0, 16, 2e-2, weights),
        energy_joules=None,
        stopped_because="interval",
    )
