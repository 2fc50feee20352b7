"""Which vision model, run how, on my hardware, meets what I need, and how sure is that?

The whole journey::

    from selector import Store, decide, evaluate, load_profile, render

    profile = load_profile("profiles/quickstart.yaml")
    with Store("sqlite:///selector.db") as store:
        decision = evaluate(profile, store)
    print(render(decision, "md"))

Names are imported when they are first used, so that importing `selector` stays instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selector.decision import Decision, decide
    from selector.errors import SelectorError
    from selector.journey import evaluate, rank
    from selector.metrics import metric
    from selector.reports import render
    from selector.requirements import RequirementProfile, load_profile
    from selector.store import Store
    from selector.types import Candidate, Measurement

_HOMES = {
    "Candidate": "selector.types",
    "Decision": "selector.decision",
    "Measurement": "selector.types",
    "RequirementProfile": "selector.requirements",
    "SelectorError": "selector.errors",
    "Store": "selector.store",
    "decide": "selector.decision",
    "evaluate": "selector.journey",
    "load_profile": "selector.requirements",
    "metric": "selector.metrics",
    "rank": "selector.journey",
    "render": "selector.reports",
}

__version__ = "0.1.0"

__all__ = [
    "Candidate",
    "Decision",
    "Measurement",
    "RequirementProfile",
    "SelectorError",
    "Store",
    "decide",
    "evaluate",
    "load_profile",
    "metric",
    "rank",
    "render",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'selector' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
