"""What is considered: models × ways of running them, on one device."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

from selector.catalog import Catalog
from selector.errors import UnknownNameError, UsageError
from selector.optimizations import OPTIMIZATIONS, Optimization
from selector.optimizations.calibration import NO_CALIBRATION, RANDOM, RANDOM_NOTE, find_calibration
from selector.requirements import Exclusion, RequirementProfile, static_exclusion
from selector.types import Candidate, DeviceKind, Environment, ModelFacts, Plan, Planned


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
    models = catalog.select(selection.models, selection.families, selection.exclude)
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
    return Plan(environment, considered, tuple(told))


def with_digest(profile: RequirementProfile) -> RequirementProfile:
    """The profile with the hash of its calibration images, which int8 candidates carry in their identity.

    Raises:
        UsageError: The images are not there, or no longer those that the profile's digest names.
    """
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
        num_classes=facts.num_classes,
        scenario=workload.scenario,
        latency_scope=workload.latency_scope,
    )
