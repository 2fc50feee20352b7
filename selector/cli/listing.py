"""models, optimizations, devices: what there is, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from selector.cli import options
from selector.cli.options import DebugOption, DeviceOption, JsonOption, NoInputOption, QuietOption, VerboseOption

if TYPE_CHECKING:
    from selector.types import ModelFacts

_SHOWN = 40


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (models, optimizations, devices):
        app.command()(command)


def models(
    pattern: Annotated[str, typer.Argument(metavar="[WORDS]", help="Words or globs over names, families.")] = "",
    family: Annotated[list[str] | None, typer.Option("--family", metavar="NAME", help="Repeatable.")] = None,
    license_: Annotated[list[str] | None, typer.Option("--license", metavar="NAME", help="Repeatable.")] = None,
    max_parameters: Annotated[
        str | None, typer.Option("--max-parameters", metavar="COUNT", help='Weights at most, e.g. "30 M".')
    ] = None,
    max_gmacs: Annotated[float | None, typer.Option("--max-gmacs", help="1e9 multiply-accumulates at most.")] = None,
    min_top1: Annotated[
        str | None, typer.Option("--min-top1", metavar="SHARE", help='Published ImageNet top-1 at least: "80 %".')
    ] = None,
    sort: Annotated[str, typer.Option("--sort", metavar="COLUMN", help="name, top1, parameters, gmacs …")] = "name",
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
    """
    from selector.catalog import ModelFilter, list_models, load_catalog

    catalog = load_catalog()
    if families:
        counted = catalog.families()
        if json:
            options.print_json(counted)
        else:
            _print_table(["family", "models"], [[name, f"{count:,}"] for name, count in sorted(counted.items())])
        return 0
    wanted = ModelFilter(
        families=tuple(family or ()),
        licenses=tuple(license_ or ()),
        max_parameters=None
        if max_parameters is None
        else int(options.quantity("--max-parameters", max_parameters, "count", "30 M")),
        max_gmacs=max_gmacs,
        min_top1=None if min_top1 is None else options.quantity("--min-top1", min_top1, "fraction", "80 %"),
        text=pattern,
    )
    found = list_models(catalog.models, wanted, sort)
    if json:
        options.print_json([_model_document(facts) for facts in found])
        return 0
    shown = found if all_ else found[:_SHOWN]
    _print_table(
        ["model", "family", "size", "parameters", "gmacs", "top-1", "licence"], [_model_row(facts) for facts in shown]
    )
    if not quiet:
        rest = f"; the first {len(shown)} shown, --all shows all" if len(shown) < len(found) else ""
        options.say(f"{len(found):,} models{rest}")
    return 0


def optimizations(
    device: DeviceOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
    verbose: VerboseOption = False,  # noqa: ARG001
    no_input: NoInputOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> int:
    """The ways of running a model, and why some cannot run here.

    Example:
      selector optimizations --device cpu
    """
    from selector.devices import resolve
    from selector.optimizations import OPTIMIZATIONS, all_libraries, unavailable_ways

    here = resolve(device or "auto")
    reasons = unavailable_ways(here.environment(None, all_libraries()))
    ways = sorted(OPTIMIZATIONS, key=lambda entry: (entry[1].libraries, entry[0].count("+"), entry[0]))
    if json:
        options.print_json(
            [
                {
                    "name": name,
                    "precision": way.precision,
                    "description": way.description,
                    "devices": list(way.runs_on),
                    "libraries": list(way.libraries),
                    "available": name not in reasons,
                    "reason": reasons.get(name),
                }
                for name, way in ways
            ]
        )
        return 0
    rows = [[name, way.precision, reasons.get(name, "runs here"), way.description] for name, way in ways]
    print(f"on {here.name}:\n")
    _print_table(["optimization", "precision", "available", "what it is"], rows)
    return 0


def devices(
    json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
    verbose: VerboseOption = False,  # noqa: ARG001
    no_input: NoInputOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> int:
    """The devices of this machine, and why others are not here."""
    from selector.devices import DEVICES, available
    from selector.optimizations import all_libraries
    from selector.quantities import format_quantity
    from selector.types import to_json

    found = [(device, device.environment(None, all_libraries())) for device in available()]
    absent = {name: kind.why_absent() for name, kind in DEVICES if not kind.detect()}
    if json:
        here = [{"target": device.target, **to_json(environment)} for device, environment in found]
        options.print_json({"devices": here, "absent": absent})
        return 0
    rows = [
        [
            device.target,
            environment.device_name,
            format_quantity(environment.memory_total, "memory"),
            str(environment.threads),
            ", ".join(environment.capabilities),
        ]
        for device, environment in found
    ]
    rows += [[name, f"not here: {reason}", "", "", ""] for name, reason in absent.items()]
    _print_table(["device", "name", "memory", "threads", "capabilities"], rows)
    return 0


def _model_document(facts: ModelFacts) -> dict[str, Any]:
    from selector.types import to_json

    document: dict[str, Any] = to_json(facts)
    return document


def _model_row(facts: ModelFacts) -> list[str]:
    from selector.catalog import published_top1
    from selector.quantities import format_quantity

    top1 = published_top1(facts)
    return [
        facts.name,
        facts.family,
        "×".join(map(str, facts.image_size)),
        "–" if facts.parameters is None else format_quantity(facts.parameters, "count"),
        "–" if facts.gmacs is None else f"{facts.gmacs:.2f}",
        "–" if top1 is None else format_quantity(top1, "fraction"),
        facts.license or "not stated",
    ]


def _print_table(header: list[str], rows: list[list[str]]) -> None:
    """Columns as wide as their widest cell; nothing is cut, so that output can be searched."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
