"""cache: what is built and kept, and making it smaller."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from selector.cli import options
from selector.cli.listing import print_table
from selector.cli.options import DebugOption, JsonOption, NoInputOption, QuietOption, VerboseOption
from selector.cli.output import show


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(cache)


def cache(
    prune: Annotated[bool, typer.Option("--prune", help="Remove what was longest not used.")] = False,
    max_size: Annotated[
        str | None,
        typer.Option("--max-size", metavar="SIZE", help='With --prune: what may be left, e.g. "5 GiB".'),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than", metavar="TIME", help='With --prune: what was not used for so long, e.g. "168 h".'
        ),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_input: NoInputOption = False,  # noqa: ARG001 - accepted everywhere
    debug: DebugOption = False,  # noqa: ARG001 - read by `selector.cli.run`
) -> int:
    """What is built and kept on disk: graphs, engines, weights, compiler caches. Every run keeps it within its bound.

    What a running evaluation has used is never removed. SELECTOR_CACHE says where the cache is,
    SELECTOR_CACHE_LIMIT how large it may be after a run (20 GiB). --verbose lists every artifact.

    Examples:
      selector cache

      selector cache --verbose

      selector cache --prune --max-size "5 GiB" --older-than "168 h"
    """
    from selector.artifacts import ArtifactCache, bound, cache_limit
    from selector.errors import UsageError
    from selector.quantities import format_quantity

    if not prune and (max_size or older_than):
        raise UsageError("--max-size and --older-than say what to remove: add --prune")
    here, limit = ArtifactCache(), cache_limit()
    removed = []
    if prune:
        here.remove_left()
        most = int(bound(max_size, "memory", "5 GiB", "--max-size")) if max_size else None if older_than else limit
        age = bound(older_than, "time", "168 h", "--older-than") if older_than else None
        removed = here.prune(most, age)
    left = here.artifacts()
    total = sum(one.bytes for one in left)
    if json:
        listed = [
            {"kind": one.kind, "key": one.key, "bytes": one.bytes, "used": _when(one.used), "files": len(one.files)}
            for one in left
        ]
        options.print_json(
            {
                "folder": str(here.folder),
                "bytes": total,
                "limit": limit,
                "removed": {"artifacts": len(removed), "bytes": sum(one.bytes for one in removed)},
                "artifacts": listed,
            }
        )
        return 0
    if removed and not quiet:
        show(f"removed {len(removed):,} artifacts, {format_quantity(sum(one.bytes for one in removed), 'memory')}")
    size, most_shown = format_quantity(total, "memory"), format_quantity(limit, "memory")
    show(f"{here.folder}: {size} of at most {most_shown}, {len(left):,} artifacts")
    if left and not quiet:
        show("")
    if verbose:
        rows = [[one.kind, one.key, format_quantity(one.bytes, "memory"), _when(one.used)] for one in left]
        print_table(["kind", "key", "size", "last used"], rows)
    elif left and not quiet:
        kinds = sorted({one.kind for one in left})
        groups = [(kind, [one for one in left if one.kind == kind]) for kind in kinds]
        print_table(
            ["kind", "artifacts", "size", "last used"],
            [
                [
                    kind,
                    f"{len(those):,}",
                    format_quantity(sum(one.bytes for one in those), "memory"),
                    _when(max(one.used for one in those)),
                ]
                for kind, those in groups
            ],
        )
    return 0


def _when(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")
