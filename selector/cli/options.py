"""Options that several commands share, and what follows from them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from selector.quantities import Kind
    from selector.reports import Context
    from selector.requirements import RequirementProfile

DEFAULT_STORE = "sqlite:///selector.db"

ProfileArgument = Annotated[
    str,
    typer.Argument(metavar="PROFILE", help="A profile file, or a ready-made one: quickstart, cloud_api."),
]
StoreOption = Annotated[
    str, typer.Option("--store", envvar="SELECTOR_STORE", metavar="URL", help="Where measurements are kept.")
]
DeviceOption = Annotated[
    str | None,
    typer.Option("--device", metavar="NAME", help="Instead of the profile's: auto, cpu, cuda:1, fake …"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show the logs of failed candidates, too.")]
NoInputOption = Annotated[bool, typer.Option("--no-input", help="Never ask anything (nothing does yet).")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="GLOB", help="Only these MODEL@OPTIMIZATION. Repeatable."),
]
SkipOption = Annotated[
    list[str] | None, typer.Option("--skip", metavar="GLOB", help="Leave these MODEL@OPTIMIZATION out. Repeatable.")
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
    from selector.errors import UsageError
    from selector.requirements import load_profile
    from selector.search.names import unknown_names

    asked = load_profile(profile, unknown_names)
    changes: dict[str, Any] = {}
    if device is not None:
        changes["device"] = asked.device.model_copy(update={"target": device})
    evaluation: dict[str, Any] = {}
    if time_budget is not None:
        evaluation["time_budget"] = quantity("--time-budget", time_budget, "time", "5 min")
        if evaluation["time_budget"] <= 0:
            raise UsageError(f"--time-budget must be above zero, not {time_budget!r}")
    if strategy is not None:
        evaluation["strategy"] = strategy
    if evaluation:
        changes["evaluation"] = asked.evaluation.model_copy(update=evaluation)
    return asked.model_copy(update=changes)


def quantity(option: str, text: str, kind: Kind, example: str) -> float:
    """What an option says, in base units.

    Raises:
        UsageError: It is no quantity; the message names the option.
    """
    from selector.errors import UsageError
    from selector.quantities import parse_quantity

    try:
        return parse_quantity(text, kind, example)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None


def context(profile: str, store: str) -> Context:
    """What reports say about the call."""
    from selector.reports import Context

    return Context(profile=profile, store="" if store == DEFAULT_STORE else store)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    import json

    print(json.dumps(value, indent=2, ensure_ascii=False))


def fancy(stream: Any) -> bool:
    """Whether a stream takes colours and animation: a terminal, and neither NO_COLOR nor CI is set."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and not os.environ.get("CI")


def say(text: str) -> None:
    """A line on standard error."""
    print(text, file=sys.stderr, flush=True)
