"""What is considered: models × ways of running them, on one device."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

from selector.catalog import Catalog
from selector.errors import UnknownNameError
from selector.optimizations import OPTIMIZATIONS, Optimization
from selector.requirements import Exclusion, RequirementProfile, static_exclusion
from selector.types import Candidate, Environment, ModelFacts, Plan, Planned


def make_plan(
    profile: RequirementProfile,
    catalog: Catalog,
    environment: Environment,
    unavailable: Mapping[str, str],
    notes: Sequence[str] = (),
) -> Plan:
    """Every model that the profile selects, under every way that it selects.

    Args:
        profile: What is asked.
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
    considered = tuple(
        Planned(_candidate(profile, facts, way), facts, unavailable.get(way.name)) for facts in models for way in ways
    )
    return Plan(environment, considered, tuple(notes))


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


def _candidate(profile: RequirementProfile, facts: ModelFacts, way: Optimization) -> Candidate:
    workload = profile.workload
    return Candidate(
        model=facts.name,
        architecture=facts.architecture,
        optimization=way.name,
        precision=way.precision,
        libraries=tuple(sorted(way.libraries)),
        # What was timed under one tolerance, or refused under it, says nothing about another.
        settings=tuple(sorted((*way.settings, ("agreement", f"{profile.agreement[way.precision]:g}")))),
        batch_size=workload.batch_size,
        image_size=facts.image_size if workload.image_size == "native" else workload.image_size,
        num_classes=facts.num_classes,
        scenario=workload.scenario,
        latency_scope=workload.latency_scope,
    )
