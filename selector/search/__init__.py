"""Which candidate next, and when to stop."""

from __future__ import annotations

from selector.search.base import STRATEGIES, SearchState, Stop, Strategy, resolve_strategy
from selector.search.estimate import Estimate, estimate_run, estimate_seconds
from selector.search.plan import exclusions, make_plan

__all__ = [
    "STRATEGIES",
    "Estimate",
    "SearchState",
    "Stop",
    "Strategy",
    "estimate_run",
    "estimate_seconds",
    "exclusions",
    "make_plan",
    "resolve_strategy",
]
