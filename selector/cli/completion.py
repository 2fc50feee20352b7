"""What the shell offers after Tab: names of models, candidates, profiles, runs, ways and the rest.

Typer calls these with what stands on the line; none of them imports torch, writes anything or complains: where
something cannot be read, there is nothing to offer. Install it with ``selector --install-completion``.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from functools import wraps
from pathlib import Path

import typer

from selector.errors import SelectorError

VARIABLE = "_SELECTOR_COMPLETE"
_MODEL_VARIABLE = "_SELECTOR_COMPLETE_MODEL"
_RUNS = 50
_SUFFIXES = (".yaml", ".yml")
_STORES = (".db", ".sqlite", ".sqlite3")

Completer = Callable[[typer.Context, str], list[str]]


def _completer(offer: Callable[[typer.Context], Iterable[str]]) -> Completer:
    """From a function that gives all names to one that gives those that begin as the word on the line does."""

    @wraps(offer)
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            return [name for name in offer(ctx) if name.startswith(incomplete)]
        except (SelectorError, OSError, ValueError):
            return []

    # Typer reads the annotations, and `wraps` has put those of `offer` there.
    complete.__annotations__ = {"ctx": typer.Context, "incomplete": str}
    del complete.__wrapped__
    return complete


@_completer
def models(_: typer.Context) -> Iterable[str]:
    """Full names of models."""
    from selector.catalog import load_catalog

    return load_catalog().names()


@_completer
def families(_: typer.Context) -> Iterable[str]:
    """Families of models."""
    from selector.catalog import load_catalog

    return load_catalog().families()


@_completer
def tags(_: typer.Context) -> Iterable[str]:
    """Names of weights."""
    from selector.catalog import load_catalog

    return sorted({facts.tag for facts in load_catalog().models if facts.tag})


@_completer
def licenses(_: typer.Context) -> Iterable[str]:
    """Licences of models."""
    from selector.catalog import load_catalog
    from selector.catalog.listing import UNKNOWN_LICENSE

    return sorted({facts.license or UNKNOWN_LICENSE for facts in load_catalog().models})


@_completer
def datasets(_: typer.Context) -> Iterable[str]:
    """Test sets with published figures."""
    from selector.catalog import load_catalog, published_datasets

    return published_datasets(load_catalog().models)


@_completer
def columns(_: typer.Context) -> Iterable[str]:
    """What models can be sorted by."""
    from selector.catalog import COLUMNS

    return COLUMNS


@_completer
def ways(_: typer.Context) -> Iterable[str]:
    """Names of optimizations."""
    from selector.optimizations import OPTIMIZATIONS

    return OPTIMIZATIONS.names()


@_completer
def metrics(_: typer.Context) -> Iterable[str]:
    """Names of metrics."""
    from selector.metrics import METRICS

    return METRICS.names()


@_completer
def devices(_: typer.Context) -> Iterable[str]:
    """Kinds of device; whether they are here is told by the command."""
    from selector.devices import DEVICES

    return ["auto", *DEVICES.names()]


@_completer
def strategies(_: typer.Context) -> Iterable[str]:
    """Search strategies."""
    from selector.search.base import STRATEGIES

    return ["auto", *STRATEGIES.names()]


@_completer
def formats(_: typer.Context) -> Iterable[str]:
    """Report formats."""
    from selector.reports.base import FORMATS

    return FORMATS.names()


def bundled(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ready-made profiles."""
    return _bundled(ctx, incomplete)


def profiles(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ready-made profiles, and profile files below what is written."""
    return [*_bundled(ctx, incomplete), *_files(incomplete)]


def runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of runs in the store of this call, newest first."""
    return _runs(ctx, incomplete)


def profiles_and_runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """What a report can be made of."""
    return [*profiles(ctx, incomplete), *_runs(ctx, incomplete)]


@_completer
def candidates(ctx: typer.Context) -> Iterator[str]:
    """``MODEL@OPTIMIZATION`` of what the profile on the line selects; of every model where that cannot be read."""
    from selector.optimizations import OPTIMIZATIONS

    model = os.environ.get(_MODEL_VARIABLE)
    if model is not None:
        yield from OPTIMIZATIONS.names()
        return
    selected, names = _selected(ctx.params.get("profile"))
    for name in selected:
        for way in names:
            yield f"{name}@{way}"


def comparable(ctx: typer.Context, incomplete: str) -> list[str]:
    """What `compare` takes: runs, devices, candidates of the profile on the line, and stores."""
    stores = [name for name in _files(incomplete, _STORES) if name not in (".", "..")]
    return [*_runs(ctx, incomplete), *devices(ctx, incomplete), *candidates(ctx, incomplete), *stores]


def unsplit(environment: MutableMapping[str, str]) -> None:
    """Mends what bash does to a word with "@" in it.

    Bash breaks words there (COMP_WORDBREAKS) and completes the last part alone. The parts before it are taken from
    the line, so that the last one stands where the whole would; what is offered for it are ways.
    """
    words, place = environment.get("COMP_WORDS", ""), environment.get("COMP_CWORD", "")
    if environment.get(VARIABLE) != "complete_bash" or not place.isdecimal() or "@" not in words:
        return
    try:
        parts = shlex.split(words)
    except ValueError:
        return  # quotes that are still open
    last = int(place)
    if 1 < last <= len(parts) and parts[last - 1] == "@":
        at = last - 1
    elif last < len(parts) and parts[last] == "@":
        at = last
    else:
        return
    environment[_MODEL_VARIABLE] = parts[at - 1]
    kept = [*parts[: at - 1], *([] if at == last else parts[last : last + 1])]
    environment["COMP_WORDS"] = "\n".join(shlex.quote(part) for part in kept)
    environment["COMP_CWORD"] = str(at - 1)


@_completer
def _bundled(_: typer.Context) -> Iterable[str]:
    from selector.requirements.loader import bundled_profiles

    return bundled_profiles()


@_completer
def _runs(ctx: typer.Context) -> Iterator[str]:
    from selector.store import DEFAULT_URL, Store

    with Store(ctx.params.get("store") or DEFAULT_URL, read_only=True, timeout=0.2) as store:
        found = store.runs(_RUNS)
    if found:
        yield "latest"
    yield from (run.id for run in found)


def _files(incomplete: str, suffixes: tuple[str, ...] = _SUFFIXES) -> Iterator[str]:
    """Folders and files of these kinds, profiles unless told otherwise, that begin as the word does."""
    written = Path(incomplete)
    folder = written if incomplete.endswith("/") else written.parent
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        name = f"{entry}/" if entry.is_dir() else str(entry)
        hidden = entry.name.startswith(".") and not written.name.startswith(".")
        if name.startswith(incomplete) and not hidden and (entry.is_dir() or entry.suffix in suffixes):
            yield name


def _selected(profile: str | None) -> tuple[list[str], list[str]]:
    """Names of the models and ways that a profile selects."""
    from selector.catalog import load_catalog
    from selector.optimizations import OPTIMIZATIONS
    from selector.requirements import load_profile
    from selector.search.plan import select_models, select_ways

    catalog = load_catalog()
    try:
        asked = load_profile(profile or "")
        models = select_models(asked, catalog)
        return [facts.name for facts in models], [way.name for way in select_ways(asked.candidates.optimizations)]
    except SelectorError:
        return catalog.names(), OPTIMIZATIONS.names()
