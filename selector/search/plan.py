"""What is considered: models × ways of running them, on one device."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import replace

from selector.catalog import Catalog
from selector.errors import UnknownNameError, UsageError
from selector.optimizations import OPTIMIZATIONS, Optimization
from selector.optimizations.calibration import NO_CALIBRATION, RANDOM, RANDOM_NOTE, find_calibration
from selector.profiler.checkpoints import sha256_of
from selector.profiler.labelled import find_labelled, read_names
from selector.requirements import Exclusion, RequirementProfile, static_exclusion
from selector.requirements.profile import OwnWeights
from selector.types import Candidate, Checkpoint, DeviceKind, Environment, ModelFacts, Plan, Planned, TestSet

REFERENCE = "eager"
"""The way that accuracies of others are compared with: fp32, as PyTorch runs it."""


def make_plan(
    profile: RequirementProfile,
    catalog: Catalog,
    environment: Environment,
    unavailable: Mapping[str, str],
    notes: Sequence[str] = (),
) -> Plan:
    """Every model that the profile selects, under every way that it selects.

    Args:
        profile: What is asked; its calibration with digest.
        catalog: Which models exist.
        environment: Where.
        unavailable: Ways that cannot run there, with the reason.
        notes: Sentences for every report.

    Raises:
        UnknownNameError: A model, family or optimization that does not exist.
    """
    selection = profile.candidates
    models = select_models(profile, catalog)
    ways = select_ways(selection.optimizations)
    kind = environment.device_kind
    considered = tuple(
        Planned(
            _candidate(profile, facts, way, kind),
            facts,
            _why_not(profile, way, unavailable) or _unsuited(way, facts, kind),
        )
        for facts in models
        for way in ways
    )
    told = [note for note in notes if note != RANDOM_NOTE]
    if profile.calibration is not None and profile.calibration.images == RANDOM:
        told += [RANDOM_NOTE] if any(way.calibrated for way in ways) else []
    if profile.accuracy is None or profile.test_set is None:
        return Plan(environment, considered, tuple(told))
    eager = OPTIMIZATIONS.get(REFERENCE)
    reference = {facts.name: _candidate(profile, facts, eager, kind) for facts in models}
    test_set = TestSet(profile.test_set, profile.accuracy.digest, profile.accuracy.protocol)
    return Plan(environment, considered, tuple(told), test_set, reference)


def select_models(profile: RequirementProfile, catalog: Catalog) -> list[ModelFacts]:
    """The models that the profile selects, then its own weights.

    Raises:
        UnknownNameError: A model or family that does not exist.
        UsageError: A file of weights that cannot be read.
    """
    asked = profile.candidates
    named = asked.models or asked.families
    models = catalog.select(asked.models, asked.families, asked.exclude) if named else []
    return [*models, *(_own(one, catalog) for one in asked.checkpoints)]


def _own(asked: OwnWeights, catalog: Catalog) -> ModelFacts:
    """What is known of own weights: all that the architecture decides, nothing that was published."""
    facts = catalog.facts(asked.model)
    classes = asked.num_classes or facts.num_classes
    same = classes == facts.num_classes
    return replace(
        facts,
        name=asked.weights,
        tag="",
        num_classes=classes,
        parameters=facts.parameters if same else None,
        gmacs=facts.gmacs if same else None,
        activations=facts.activations if same else None,
        license=None,
        pretraining=None,
        published=(),
        checkpoint=Checkpoint(
            asked.weights,
            asked.sha256 or sha256_of(asked.weights),
            facts.name,
            asked.class_names or (() if asked.labels is None else read_names(asked.labels)),
            asked.preprocessing.pairs(),
        ),
    )


def _with_hashes(profile: RequirementProfile) -> RequirementProfile:
    asked = profile.candidates
    if not asked.checkpoints:
        return profile
    known = []
    for one in asked.checkpoints:
        sha256 = sha256_of(one.weights)
        if one.sha256 not in ("", sha256):
            raise UsageError(
                f"the weights {one.weights!r} have the hash {sha256}, the profile names {one.sha256}: bring back "
                "those that were meant, or take the hash out of the profile"
            )
        names = () if one.labels is None else read_names(one.labels)
        known.append(one.model_copy(update={"sha256": sha256, "class_names": names}))
    return profile.model_copy(update={"candidates": asked.model_copy(update={"checkpoints": tuple(known)})})


def _with_test_set(profile: RequirementProfile) -> RequirementProfile:
    basis = profile.accuracy
    if basis is None or profile.test_set is None:
        return profile
    found = find_labelled(profile.test_set)
    if basis.digest not in ("", found.digest):
        raise UsageError(
            f"accuracy.digest is {basis.digest}, but the labelled images in {basis.dataset!r} have {found.digest}: "
            "bring back those that were meant, or take the digest out of the profile"
        )
    return profile.model_copy(update={"accuracy": basis.model_copy(update={"digest": found.digest})})


def with_digest(profile: RequirementProfile) -> RequirementProfile:
    """The profile with the hashes of its own weights, calibration images and labelled images: identities carry them.

    Raises:
        UsageError: The files are not there, or no longer those that the profile's hashes name.
    """
    profile = _with_test_set(_with_hashes(profile))
    asked = profile.calibration
    if asked is None:
        return profile
    found = find_calibration(asked.images, asked.count)
    if asked.digest not in ("", found.digest):
        raise UsageError(
            f"calibration.digest is {asked.digest}, but the images in {asked.images!r} have {found.digest}: bring "
            "back those that were meant, or take the digest out of the profile"
        )
    return profile.model_copy(update={"calibration": asked.model_copy(update={"digest": found.digest})})


def _why_not(profile: RequirementProfile, way: Optimization, unavailable: Mapping[str, str]) -> str | None:
    """Why a way cannot run; what an earlier run says of calibration holds for that run's profile only."""
    reason = unavailable.get(way.name)
    if way.calibrated and reason in (None, NO_CALIBRATION):
        return NO_CALIBRATION if profile.calibration is None else None
    return reason


def select_ways(patterns: Sequence[str]) -> list[Optimization]:
    """The ways that any of the patterns names, all of them without a pattern.

    Raises:
        UnknownNameError: A pattern that matches nothing.
    """
    names = OPTIMIZATIONS.names()
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise UnknownNameError("optimization", pattern, names)
    chosen = [name for name in names if not patterns or any(fnmatch.fnmatchcase(name, one) for one in patterns)]
    return [OPTIMIZATIONS.get(name) for name in chosen]


def exclusions(profile: RequirementProfile, plan: Plan) -> dict[str, Exclusion]:
    """What static facts already exclude, by candidate id."""
    found = {planned.candidate.id: static_exclusion(profile, planned) for planned in plan.considered}
    return {name: exclusion for name, exclusion in found.items() if exclusion is not None}


def _unsuited(way: Optimization, facts: ModelFacts, kind: DeviceKind) -> str | None:
    """Why a way is nothing for a model; the fake device simulates every way of every model."""
    return None if kind == "fake" else way.unsuited(facts)


def _candidate(profile: RequirementProfile, facts: ModelFacts, way: Optimization, kind: DeviceKind) -> Candidate:
    workload = profile.workload
    # What was timed under one tolerance, or refused under it, says nothing about another.
    settings = [*way.settings_on(kind), ("agreement", f"{profile.agreement[way.precision]:g}")]
    if way.calibrated and profile.calibration is not None:
        settings.append(("calibration", profile.calibration.digest))
    return Candidate(
        model=facts.name,
        architecture=facts.architecture,
        optimization=way.name,
        precision=way.precision,
        libraries=tuple(sorted(way.libraries)),
        settings=tuple(sorted(settings)),
        batch_size=workload.batch_size,
        image_size=facts.image_size if workload.image_size == "native" else workload.image_size,
        num_classes=0 if workload.task == "feature-extraction" else facts.num_classes,
        scenario=workload.scenario,
        latency_scope=workload.latency_scope,
        task=workload.task,
    )
