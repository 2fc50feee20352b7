"""Why a candidate that exists is not considered at all: by which key of the profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selector.catalog import Catalog
from selector.errors import UnknownNameError
from selector.optimizations import OPTIMIZATIONS
from selector.requirements import RequirementProfile
from selector.search.plan import select_ways
from selector.types import ModelFacts


@dataclass(frozen=True)
class LeftOut:
    """A candidate that the catalog has and a plan has not.

    Attributes:
        model: Full name, ``architecture.tag``.
        optimization: The way of running.
        reasons: A sentence for each key that leaves it out.
    """

    model: str
    optimization: str
    reasons: tuple[str, ...]

    @property
    def id(self) -> str:
        """``MODEL@OPTIMIZATION``."""
        return f"{self.model}@{self.optimization}"


def left_out(profile: RequirementProfile, catalog: Catalog, reference: str) -> LeftOut | None:
    """Why `reference` is not among what is considered; None where no such model or no such way exists.

    Args:
        profile: What is asked; names in it exist.
        catalog: Which models exist.
        reference: ``MODEL@OPTIMIZATION`` of a candidate that is not considered; an architecture alone means timm's
            default weights of it.
    """
    name, _, way = reference.rpartition("@")
    if way not in OPTIMIZATIONS.names():
        return None
    try:
        facts = catalog.facts(name)
    except UnknownNameError:
        return None
    reasons = [*_of_model(profile, catalog, facts), *_of_way(profile, way)]
    told = "the profile selects it, but the run considered others only, as --only, --skip or a check has it do"
    return LeftOut(facts.name, way, tuple(reasons or [told]))


def _of_model(profile: RequirementProfile, catalog: Catalog, facts: ModelFacts) -> list[str]:
    asked = profile.candidates
    if not asked.models and not asked.families:
        return ["candidates.models and candidates.families name no model: only checkpoints are considered"]
    if facts not in catalog.select(asked.models, asked.families):
        lists = (("models", asked.models), ("families", asked.families))
        named = " and ".join(f"candidates.{key} ({_listed(names)})" for key, names in lists if names)
        verb = "select" if asked.models and asked.families else "selects"
        return [f"{named} {verb} other models; its family is {facts.family}"]
    gone = [one for one in asked.exclude if facts not in catalog.select((), (), (one,))]
    return [f"candidates.exclude takes it away ({_listed(gone)})"] if gone else []


def _of_way(profile: RequirementProfile, way: str) -> list[str]:
    asked = profile.candidates.optimizations
    if way in {one.name for one in select_ways(asked)}:
        return []
    return [f"candidates.optimizations ({_listed(asked)}) does not select the way {way}"]


def _listed(names: Sequence[str], shown: int = 5) -> str:
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return f"{', '.join(names[:shown])}{more}"
