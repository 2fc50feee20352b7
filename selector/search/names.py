"""Whether the names in a profile exist: models, families, optimizations, the strategy. All at once, in their place.

The profile's format knows none of them; the loader takes `unknown_names` to check them where their lines are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from selector.catalog import load_catalog
from selector.errors import NotSupportedError, UnknownNameError, excerpt
from selector.requirements import RequirementProfile
from selector.requirements.loader import Finding
from selector.search.base import STRATEGIES, resolve_strategy
from selector.search.plan import select_ways

_LISTED = 20


def unknown_names(profile: RequirementProfile) -> Iterator[Finding]:
    """What the profile names and nobody has, with where it stands and what to write instead."""
    catalog = load_catalog()
    selection = profile.candidates
    checks: tuple[tuple[str, tuple[str, ...], Callable[[str], object]], ...] = (
        ("models", selection.models, lambda name: catalog.select([name])),
        ("families", selection.families, lambda name: catalog.select([], [name])),
        ("exclude", selection.exclude, lambda name: catalog.select([], [], [name])),
        ("optimizations", selection.optimizations, lambda name: select_ways([name])),
    )
    for key, names, check in checks:
        for position, name in enumerate(names):
            try:
                check(name)
            except UnknownNameError as error:
                yield ("candidates", key, position), *_words(error)
    for position, own in enumerate(selection.checkpoints):
        try:
            catalog.facts(own.model)
        except UnknownNameError as error:
            yield ("candidates", "checkpoints", position, "model"), *_words(error)
    strategy = profile.evaluation.strategy
    try:
        resolve_strategy(strategy)
    except NotSupportedError as error:
        yield ("evaluation", "strategy"), str(error), ""
    except UnknownNameError as error:
        yield (
            ("evaluation", "strategy"),
            *_words(UnknownNameError(error.kind, strategy, ["auto", *STRATEGIES.names()])),
        )


def _words(error: UnknownNameError) -> tuple[str, str]:
    """The message, and what to write instead: a near name, all of a few, or where many are listed."""
    near = error.suggestion
    if not near and len(error.known) <= _LISTED:
        near = f"known are {', '.join(error.known)}"
    listing = "`selector models --families` lists them" if error.kind == "family" else "`selector models` lists them"
    return f"unknown {error.kind} {excerpt(error.name)}", near or listing
