"""optimizations, devices: what there is, and why not."""

from __future__ import annotations

import typer

from selector.cli import options
from selector.cli.options import DebugOption, DeviceOption, JsonOption, NoInputOption, QuietOption, VerboseOption
from selector.cli.output import show


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (optimizations, devices):
        app.command()(command)


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
    show(f"on {here.name}:\n")
    print_table(["optimization", "precision", "available", "what it is"], rows)
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
    print_table(["device", "name", "memory", "threads", "capabilities"], rows)
    return 0


def print_table(header: list[str], rows: list[list[str]]) -> None:
    """Columns as wide as their widest cell; nothing is cut, so that output can be searched."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        show("  ".join(cells).rstrip())
