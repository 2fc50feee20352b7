"""The ways of running a model: one file each, behind a registry.

A file says what its way needs, where it runs, and how a model becomes something callable; the contract stands on
`Optimization`. Importing this package imports no runtime.
"""

from __future__ import annotations

from collections.abc import Mapping

from selector.optimizations.base import OPTIMIZATIONS, Bench, Built, Optimization
from selector.types import Environment

__all__ = ["OPTIMIZATIONS", "Bench", "Built", "Optimization", "all_libraries", "unavailable_ways"]


def all_libraries() -> tuple[str, ...]:
    """Every distribution that some way runs on."""
    return tuple(sorted({library for _, way in OPTIMIZATIONS for library in way.libraries}))


def unavailable_ways(environment: Environment) -> Mapping[str, str]:
    """The ways that cannot run in `environment`, each with its reason."""
    reasons = {name: way.unavailable(environment) for name, way in OPTIMIZATIONS}
    return {name: reason for name, reason in reasons.items() if reason is not None}
