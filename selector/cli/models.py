"""models: the catalog, filtered and sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from selector.cli import completion, options
from selector.cli.listing import print_table
from selector.cli.options import DebugOption, JsonOption, NoInputOption, QuietOption, VerboseOption
from selector.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from selector.quantities import Kind
    from selector.types import ModelFacts

_SHOWN = 40
_ALIASES = {"size": "image_size", "top-1": "top1", "top-5": "top5", "licence": "license", "model": "name"}
"""Headings of the table that `--sort` takes too."""


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(models)


def models(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="WORDS", help="Words or globs over names, families.", autocompletion=completion.models
        ),
    ] = "",
    family: Annotated[
        list[str] | None,
        typer.Option("--family", metavar="NAME", help="Repeatable.", autocompletion=completion.families),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag", metavar="GLOB", help="Name of the weights. Repeatable.", autocompletion=completion.tags
        ),
    ] = None,
    pretraining: Annotated[
        list[str] | None, typer.Option("--pretraining", metavar="GLOB", help="Data of the pretraining. Repeatable.")
    ] = None,
    license_: Annotated[
        list[str] | None,
        typer.Option("--license", metavar="NAME", help="Repeatable.", autocompletion=completion.licenses),
    ] = None,
    min_size: Annotated[str | None, typer.Option("--min-size", metavar="PIXELS", help="Native size.")] = None,
    max_size: Annotated[str | None, typer.Option("--max-size", metavar="PIXELS", help="Native size.")] = None,
    min_parameters: Annotated[
        str | None, typer.Option("--min-parameters", metavar="COUNT", help='Weights, e.g. "30 M".')
    ] = None,
    max_parameters: Annotated[
        str | None, typer.Option("--max-parameters", metavar="COUNT", help='Weights at most, e.g. "30 M".')
    ] = None,
    min_gmacs: Annotated[float | None, typer.Option("--min-gmacs", help="1e9 multiply-accumulates.")] = None,
    max_gmacs: Annotated[float | None, typer.Option("--max-gmacs", help="1e9 multiply-accumulates at most.")] = None,
    min_activations: Annotated[
        str | None, typer.Option("--min-activations", metavar="COUNT", help='Elements of layer outputs: "10 M".')
    ] = None,
    max_activations: Annotated[
        str | None, typer.Option("--max-activations", metavar="COUNT", help="The same, at most.")
    ] = None,
    min_top1: Annotated[
        str | None, typer.Option("--min-top1", metavar="SHARE", help='Published top-1 at least: "80 %".')
    ] = None,
    min_top5: Annotated[
        str | None, typer.Option("--min-top5", metavar="SHARE", help="Published top-5 at least.")
    ] = None,
    dataset: Annotated[
        str,
        typer.Option("--dataset", metavar="NAME", help="Of published figures.", autocompletion=completion.datasets),
    ] = "imagenet-1k",
    sort: Annotated[
        str,
        typer.Option(
            "--sort", metavar="COLUMN", help="name, top1, parameters, gmacs …", autocompletion=completion.columns
        ),
    ] = "name",
    descending: Annotated[
        bool | None, typer.Option("--descending/--ascending", help="Default: the better first.", show_default=False)
    ] = None,
    families: Annotated[bool, typer.Option("--families", help="List the families instead.")] = False,
    all_: Annotated[bool, typer.Option("--all", help=f"All rows; else the first {_SHOWN}.")] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,  # noqa: ARG001 - accepted everywhere, so that scripts can always pass it
    no_input: NoInputOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> int:
    """The models that can be candidates, with what is known of them.

    Examples:
      selector models --families

      selector models --family convnext --max-parameters "30 M" --sort top1

      selector models --max-gmacs 1 --min-top1 "75 %" --sort activations
    """
    from selector.catalog import ModelFilter, list_models, load_catalog

    catalog = load_catalog()
    if families:
        _print_families(catalog.families(), json=json)
        return 0
    wanted = ModelFilter(
        families=tuple(family or ()),
        licenses=tuple(license_ or ()),
        tags=tuple(tag or ()),
        pretraining=tuple(pretraining or ()),
        min_size=_pixels("--min-size", min_size),
        max_size=_pixels("--max-size", max_size),
        min_parameters=_limit("--min-parameters", min_parameters, "count", "30 M"),
        max_parameters=_limit("--max-parameters", max_parameters, "count", "30 M"),
        min_gmacs=options.positive("--min-gmacs", min_gmacs, "5"),
        max_gmacs=options.positive("--max-gmacs", max_gmacs, "5"),
        min_activations=_limit("--min-activations", min_activations, "count", "10 M"),
        max_activations=_limit("--max-activations", max_activations, "count", "10 M"),
        min_top1=_limit("--min-top1", min_top1, "fraction", "80 %"),
        min_top5=_limit("--min-top5", min_top5, "fraction", "95 %"),
        dataset=dataset,
        text=pattern,
    )
    column = _ALIASES.get(sort, sort)
    found = list_models(catalog.models, wanted, column, descending)
    if json:
        options.print_json([_document(facts) for facts in found])
        return 0
    shown = found if all_ else found[:_SHOWN]
    columns = _columns(wanted, column)
    print_table(list(columns), [[cell(facts) for cell in columns.values()] for facts in shown])
    if not quiet:
        rest = f"; the first {len(shown)} shown, --all shows all" if len(shown) < len(found) else ""
        say(f"{len(found):,} models{rest}")
    return 0


def _print_families(counted: dict[str, int], *, json: bool) -> None:
    if json:
        options.print_json(counted)
    else:
        print_table(["family", "models"], [[name, f"{count:,}"] for name, count in sorted(counted.items())])


def _limit(option: str, text: str | None, kind: Kind, example: str) -> float | None:
    return None if text is None else options.quantity(option, text, kind, example)


def _pixels(option: str, text: str | None) -> int | None:
    """A side in pixels.

    Raises:
        UsageError: It is not a whole number above zero.
    """
    from selector.errors import UsageError, excerpt

    if text is None:
        return None
    digits = text.strip().removesuffix("px").strip()
    if not digits.isascii() or not digits.isdecimal() or int(digits[:9]) == 0:
        raise UsageError(f"{option} must be a number of pixels such as 224, not {excerpt(text)}")
    return int(digits[:9])


def _document(facts: ModelFacts) -> dict[str, Any]:
    from selector.types import to_json

    document: dict[str, Any] = to_json(facts)
    return document


def _columns(wanted: Any, sort: str) -> dict[str, Callable[[ModelFacts], str]]:
    """Headings and cells: the usual ones, and those that the call sorts or filters by.

    Args:
        wanted: The filter of the call.
        sort: The column's name.
    """
    from selector.catalog import DEFAULT_DATASET, published_top1, published_top5
    from selector.catalog.listing import COLUMNS
    from selector.quantities import format_quantity

    def share(value: float | None) -> str:
        return "–" if value is None else format_quantity(value, "fraction")

    def count(value: float | None) -> str:
        return "–" if value is None else format_quantity(value, "count")

    on = "" if wanted.dataset == DEFAULT_DATASET else f" {wanted.dataset}"
    columns: dict[str, Callable[[ModelFacts], str]] = {
        "model": lambda facts: facts.name,
        "family": lambda facts: facts.family,
        "size": lambda facts: "×".join(map(str, facts.image_size)),
        "parameters": lambda facts: count(facts.parameters),
        "gmacs": lambda facts: "–" if facts.gmacs is None else f"{facts.gmacs:.2f}",
        "activations": lambda facts: count(facts.activations),
        f"top-1{on}": lambda facts: share(published_top1(facts, wanted.dataset)),
        f"top-5{on}": lambda facts: share(published_top5(facts, wanted.dataset)),
        "pretraining": lambda facts: facts.pretraining or "–",
        "licence": lambda facts: facts.license or "not stated",
    }
    asked = {
        "activations": sort == "activations" or wanted.min_activations or wanted.max_activations,
        f"top-5{on}": sort == "top5" or wanted.min_top5,
        "pretraining": sort == "pretraining" or wanted.pretraining,
    }
    kept = {heading: cell for heading, cell in columns.items() if asked.get(heading, True)}
    if sort == "num_classes":
        kept["classes"] = lambda facts: str(COLUMNS["num_classes"].value(facts))
    return kept
