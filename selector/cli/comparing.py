"""compare and check: two things side by side, and an earlier choice measured again."""

from __future__ import annotations

from typing import Annotated

import typer

from selector.cli import completion, options
from selector.cli.main_job import is_profile
from selector.cli.options import (
    DEFAULT_STORE,
    DebugOption,
    DeviceOption,
    EnvironmentOption,
    JsonOption,
    NoInputOption,
    ProfileArgument,
    QuietOption,
    StoreOption,
    VerboseOption,
)
from selector.cli.output import show
from selector.errors import UsageError

AllOption = Annotated[bool, typer.Option("--all", help="What is alike, too.")]

_INTERRUPTED = 130


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (compare, check):
        app.command()(command)


def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="A candidate, a run, a device, an environment, or a store.",
            autocompletion=completion.comparable,
        ),
    ],
    b: Annotated[
        str, typer.Argument(metavar="B", help="Another of the same kind.", autocompletion=completion.comparable)
    ],
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="PROFILE|RUN",
            help="What to decide by. Candidates: the newest run without it. Runs: each by its own.",
            autocompletion=completion.profiles_and_runs,
        ),
    ] = None,
    all_: AllOption = False,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001 - there is nothing but the result
    verbose: VerboseOption = False,
    no_input: NoInputOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> int:
    """Two candidates, runs, devices or stores side by side: what differs. Measures nothing.

    Examples:
      selector compare convnext_atto.d2_in1k@openvino convnext_atto.d2_in1k@eager

      selector compare 20261123-014501 latest

      selector compare cpu cuda --profile cloud.yaml

      selector compare old.db new.db --profile cloud.yaml --json
    """
    from selector.decision.comparing import CandidateComparison
    from selector.reports.comparison import candidates_text, decisions_text
    from selector.reports.comparison_json import candidates_data, decisions_data
    from selector.sides import Call
    from selector.sides import compare as compare_sides
    from selector.store import Store

    named = profile if profile is not None and is_profile(profile) else None
    if device is not None and named is None:
        raise UsageError("--device says where a profile is decided: name one with --profile")
    compared = compare_sides(
        Call(
            first=a,
            second=b,
            profile=None if named is None else options.load(named, device),
            run=profile if named is None else None,
            environment=environment,
            store=store,
            open=lambda url: Store(url, read_only=True),
        )
    )
    everything = all_ or verbose
    found = compared.comparison
    if isinstance(found, CandidateComparison):
        if json:
            options.print_json(candidates_data(found, everything=everything))
        else:
            show(candidates_text(found, everything=everything), end="")
    elif json:
        options.print_json(decisions_data(found, compared.kind.value, compared.names, everything=everything))
    else:
        show(decisions_text(found, compared.names, everything=everything), end="")
    return 0


def check(
    profile: ProfileArgument,
    baseline: Annotated[
        str,
        typer.Option(
            "--baseline",
            metavar="RUN",
            help='The run whose choice is measured again: its id, its beginning, or "latest".',
            autocompletion=completion.runs,
        ),
    ],
    tolerance: Annotated[
        str,
        typer.Option("--tolerance", metavar="SHARE", help='What each metric may become worse by, e.g. "5 %".'),
    ] = "0 %",
    offline: Annotated[bool, typer.Option("--offline", help="Never ask the model hub for weights.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="Every visit, not the last alone.")] = False,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_input: NoInputOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> int:
    """Measure the choice of a run again, on the same device; exit code 5 when it has become worse beyond the noise.

    Looked at are the metrics of the objective and those with a requirement. What one visit finds worse is visited
    again, up to three times in all. Exit codes: 0 no worse, 5 worse, 1 neither proven (the machine was disturbed).

    Examples:
      selector check quickstart --baseline latest

      selector check cloud.yaml --baseline 20261123-014501 --tolerance "5 %" --json
    """
    from selector.checking import check as run_check
    from selector.checking import find_baseline, prospect_of
    from selector.cli.log import RunLog
    from selector.cli.progress import interruptible, observing
    from selector.engines.run import Options
    from selector.reports.comparison import check_text
    from selector.reports.comparison_json import check_data
    from selector.store import Store

    allowed = _share("--tolerance", tolerance)
    asked = options.load(profile, device)
    choice = Options(offline=offline)
    with Store(store, read_only=True) as reading:  # a wrong baseline is told before anything is written
        prospect_of(asked, find_baseline(asked, reading, baseline), choice)
    with Store(store) as opened, RunLog(store, quiet=quiet) as log, interruptible() as stopping:
        from selector.engines.server import Stopped

        measuring = Options(offline=offline, stopping=stopping)
        try:
            with observing(None, log, quiet=quiet, verbose=verbose) as observer:
                found = run_check(asked, opened, baseline, allowed, measuring, observer)
        except Stopped:
            return _INTERRUPTED
    if json:
        options.print_json(check_data(found))
    else:
        show(check_text(found, everything=all_ or verbose), end="")
    return found.exit_code


def _share(option: str, text: str) -> float:
    """A share of zero or more.

    Raises:
        UsageError: It is none; the message names the option.
    """
    from selector.quantities import parse_quantity

    try:
        share = parse_quantity(text, "fraction", "5 %")
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None
    if share < 0:
        raise UsageError(f"{option} must not be below zero")
    return share
