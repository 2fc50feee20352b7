"""Options that several commands share, and what follows from them."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from selector.cli import completion
from selector.cli.output import show
from selector.errors import UsageError, excerpt

if TYPE_CHECKING:
    from selector.quantities import Kind
    from selector.requirements import RequirementProfile

_LONGEST_DEVICE = 200
DEFAULT_STORE = "sqlite:///selector.db"

ProfileArgument = Annotated[
    str,
    typer.Argument(
        metavar="PROFILE",
        help="A profile file, or the name of a ready-made one, e.g. quickstart.",
        autocompletion=completion.profiles,
    ),
]
StoreOption = Annotated[
    str, typer.Option("--store", envvar="SELECTOR_STORE", metavar="URL", help="Where measurements are kept.")
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Instead of the profile's: auto, cpu, cuda:1, fake …",
        autocompletion=completion.devices,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show the logs of failed candidates, too.")]
NoInputOption = Annotated[bool, typer.Option("--no-input", help="Never ask anything.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="GLOB",
        help="Only these MODEL@OPTIMIZATION. Repeatable.",
        autocompletion=completion.candidates,
    ),
]
SkipOption = Annotated[
    list[str] | None,
    typer.Option(
        "--skip",
        metavar="GLOB",
        help="Leave these MODEL@OPTIMIZATION out. Repeatable.",
        autocompletion=completion.candidates,
    ),
]
EnvironmentOption = Annotated[
    str | None,
    typer.Option("--environment", metavar="ID", help="Decide in this environment; default: the device's newest."),
]


def load(
    profile: str, device: str | None = None, time_budget: str | None = None, strategy: str | None = None
) -> RequirementProfile:
    """The profile, with what the command line says instead.

    Raises:
        UsageError: The profile or an option is wrong.
    """
    from selector.requirements import load_profile
    from selector.search.names import unknown_names

    asked = load_profile(profile, unknown_names)
    changes: dict[str, Any] = {}
    if device is not None and len(device) > _LONGEST_DEVICE:
        raise UsageError(f"unknown device {excerpt(device)}; `selector devices` lists those that are here")
    if device is not None:
        changes["device"] = asked.device.model_copy(update={"target": device})
    evaluation: dict[str, Any] = {}
    if time_budget is not None:
        evaluation["time_budget"] = quantity("--time-budget", time_budget, "time", "5 min")
    if strategy is not None:
        evaluation["strategy"] = strategy
    if evaluation:
        changes["evaluation"] = asked.evaluation.model_copy(update=evaluation)
    return asked.model_copy(update=changes)


def quantity(option: str, text: str, kind: Kind, example: str) -> float:
    """What an option says, in base units.

    Raises:
        UsageError: It is no quantity above zero; the message names the option.
    """
    from selector.quantities import parse_quantity

    try:
        number = parse_quantity(text, kind, example)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None
    if number <= 0:
        raise UsageError(f"{option} must be above zero, not {excerpt(text)}")
    return number


def positive(option: str, number: float | None, example: str) -> float | None:
    """A number above zero, None where the option was not given.

    Raises:
        UsageError: It is zero, negative, infinite or not a number.
    """
    if number is not None and not (math.isfinite(number) and number > 0):
        raise UsageError(f"{option} must be above zero, not {number:g}; write for instance {example}")
    return number


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    import json

    show(json.dumps(value, indent=2, ensure_ascii=False))


def fancy(stream: Any) -> bool:
    """Whether a stream takes colours and animation: a terminal, and neither NO_COLOR nor CI is set."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and not os.environ.get("CI")
