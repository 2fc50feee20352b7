"""Which candidate next, and when to stop."""

from __future__ import annotations

from selector.search.base import STRATEGIES, Account, SearchState, Stop, Strategy, resolve_strategy
from selector.search.estimate import Estimate, estimate_run, estimate_seconds
from selector.search.expecting import Expecting, expecting
from selector.search.plan import exclusions, make_plan

__all__ = [
    "STRATEGIES",
    "Account",
    "Estimate",
    "Expecting",
    "SearchState",
    "Stop",
    "Strategy",
    "estimate_run",
    "estimate_seconds",
    "exclusions",
    "expecting",
    "make_plan",
    "resolve_strategy",
]
