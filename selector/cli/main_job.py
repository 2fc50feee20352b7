"""evaluate, rank, explain, report, validate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selector.cli import completion, options, reporting
from selector.cli.options import (
    DEFAULT_STORE,
    DebugOption,
    DeviceOption,
    EnvironmentOption,
    JsonOption,
    NoInputOption,
    OnlyOption,
    ProfileArgument,
    QuietOption,
    SkipOption,
    StoreOption,
    VerboseOption,
)
from selector.cli.output import say, show
from selector.errors import UsageError, excerpt

if TYPE_CHECKING:
    from selector.decision import Decision
    from selector.journey import Options, Prospect
    from selector.requirements import RequirementProfile
    from selector.store import Store

ProfileOrRunArgument = Annotated[
    str,
    typer.Argument(
        metavar="PROFILE|RUN",
        help='A profile, a run\'s id, or "latest".',
        autocompletion=completion.profiles_and_runs,
    ),
]

_INTERRUPTED = 130


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (evaluate, rank, explain, report, validate):
        app.command()(command)


def evaluate(
    profile: ProfileArgument,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be measured, and stop.")] = False,
    time_budget: Annotated[
        str | None, typer.Option("--time-budget", metavar="TIME", help='Instead of the profile\'s, e.g. "5 min".')
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            "--strategy",
            metavar="NAME",
            help="Instead of the profile's search strategy.",
            autocompletion=completion.strategies,
        ),
    ] = None,
    only: OnlyOption = None,
    skip: SkipOption = None,
    force: Annotated[bool, typer.Option("--force", help="Measure again what is stored.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never ask the model hub for weights.")] = False,
    report: Annotated[
        list[Path] | None,
        typer.Option("--report", metavar="PATH", help="Write a report. Repeatable."),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_input: NoInputOption = False,  # noqa: ARG001 - accepted everywhere, so that scripts can always pass it
    debug: DebugOption = False,  # noqa: ARG001 - read by `selector.cli.run`
) -> int:
    """Measure what is needed, decide, report. The main job.

    Examples:
      selector evaluate quickstart

      selector evaluate cloud.yaml --dry-run

      selector evaluate cloud.yaml --only "*@openvino*" --report decision.md
    """
    from dataclasses import replace

    from selector.cli.log import RunLog
    from selector.cli.progress import interruptible, observing
    from selector.cli.wording import prospect_lines
    from selector.journey import Options, survey
    from selector.journey import evaluate as run_evaluation
    from selector.store import Store

    asked = options.load(profile, device, time_budget, strategy)
    targets = [reporting.report_target(path) for path in report or ()]
    choice = Options(only=tuple(only or ()), skip=tuple(skip or ()), force=force, offline=offline)
    if dry_run:
        prospect = _survey_without_writing(asked, store, choice)
        if json:
            options.print_json(_dry_run_document(prospect))
        else:
            show("\n".join([*prospect_lines(prospect), *_matrix(prospect)]))
        return 0
    survey(asked, None, choice)  # a wrong device or name is told before a store is made
    with Store(store) as opened, RunLog(store, quiet=quiet) as log, interruptible() as stopping:
        with observing(asked, log, quiet=quiet, verbose=verbose) as observer:
            decision = run_evaluation(asked, opened, replace(choice, stopping=stopping), observer)
        interrupted = stopping()
    again = reporting.measuring(time_budget=time_budget, strategy=strategy, only=only, skip=skip, offline=offline)
    context = reporting.context(
        profile,
        store,
        device=device,
        measuring=again,
        log="" if log.path is None else str(log.path),
    )
    try:
        for path, name in targets:
            reporting.write(path, reporting.rendered(decision, name, context))
    finally:  # what was measured is told, whatever becomes of a report
        reporting.print_decision(decision, context, json=json)
    return _INTERRUPTED if interrupted else decision.exit_code


def rank(
    profile: ProfileArgument,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = None,
    environment: EnvironmentOption = None,
    only: OnlyOption = None,
    skip: SkipOption = None,
    front: Annotated[
        str | None,
        typer.Option(
            "--front",
            metavar="METRICS",
            help="Print those that nobody beats in all of some metrics, separated by commas.",
        ),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001 - there is nothing but the result
    verbose: VerboseOption = False,  # noqa: ARG001
    no_input: NoInputOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> int:
    """Decide again from what is stored; measures nothing.

    Examples:
      selector rank cloud.yaml

      selector rank cloud.yaml --json --store sqlite:///gpu-box.db

      selector rank cloud.yaml --front accuracy_top1,latency_p95,memory_peak
    """
    asked = options.load(profile, device)
    with _reading(store) as opened:
        decision = _ranked(asked, opened, environment, only, skip)
    if front is not None:
        _print_front(decision, front, json=json)
        return decision.exit_code
    context = reporting.context(
        profile, store, device=device, environment=environment, measuring=reporting.measuring(only=only, skip=skip)
    )
    reporting.print_decision(decision, context, json=json)
    return decision.exit_code


def _print_front(decision: Decision, metrics: str, *, json: bool) -> None:
    from selector.decision.dominance import front
    from selector.reports.front import front_document, front_text

    found = front(decision.ranked, [name.strip() for name in metrics.split(",") if name.strip()])
    if json:
        options.print_json(front_document(found))
    else:
        show(front_text(found), end="")


def explain(
    profile: ProfileOrRunArgument,
    candidate: Annotated[
        str,
        typer.Argument(
            metavar="CANDIDATE",
            help="MODEL@OPTIMIZATION, or enough of it.",
            autocompletion=completion.candidates,
        ),
    ],
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
    verbose: VerboseOption = False,
    no_input: NoInputOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> int:
    """Why a candidate won, lost, failed, was never measured or is not considered.

    Example:
      selector explain quickstart convnext_atto.d2_in1k@openvino

      selector explain latest convnext_atto.d2_in1k@openvino
    """
    from selector.cli.finding import find
    from selector.reports.explanation import candidate_document, explain_text, left_out_document, left_out_text
    from selector.search.left_out import LeftOut

    decision = _decided(profile, store, device, environment)
    found = find(decision, candidate)
    if isinstance(found, LeftOut):
        document, text = left_out_document(found), left_out_text(found)
    else:
        document, text = candidate_document(decision, found), explain_text(decision, found, log=verbose)
    if json:
        options.print_json(document)
    else:
        show(text, end="")
    return 0


def report(
    source: ProfileOrRunArgument,
    formats: Annotated[str, typer.Option("--format", metavar="LIST", help="Formats, separated by commas.")] = "md",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Folder to write into; else standard output.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,  # noqa: ARG001
    no_input: NoInputOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> int:
    """Write the decision down, for people or programs.

    Examples:
      selector report latest

      selector report cloud.yaml --format html,pdf --output reports
    """
    from selector.reports import format_for

    names = ["json"] if json else [name for name in formats.split(",") if name.strip()]
    chosen = [format_for(name) for name in names]
    if not chosen:
        raise UsageError("--format names no format; write for instance --format md,json")
    if output is None and len(chosen) != 1:
        raise UsageError("several formats need a folder: add --output DIR")
    for one in chosen:
        one.require_packages()
        if output is None and one.binary:
            raise UsageError(f"the format {one.name!r} is no text to print: add --output DIR")
    decision = _decided(source, store, device, environment)
    if is_profile(source):
        context = reporting.context(source, store, device=device, environment=environment)
    else:
        context = reporting.context_of_run(decision, store)
    for one in chosen:
        made = reporting.rendered(decision, one.name, context)
        if output is None:
            reporting.show_report(made)
            continue
        path = output / f"{reporting.file_stem(decision)}{one.suffix}"
        reporting.write(path, made)
        if not quiet:
            say(f"wrote {path}")
    return 0


def validate(
    profile: ProfileArgument,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,  # noqa: ARG001
    no_input: NoInputOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> int:
    """Check a profile: its format, its names, and what it selects. All errors at once.

    Example:
      selector validate cloud.yaml
    """
    from selector.catalog import load_catalog
    from selector.search import resolve_strategy
    from selector.search.plan import select_models, select_ways

    asked = options.load(profile)
    models = select_models(asked, load_catalog())
    ways = select_ways(asked.candidates.optimizations)
    resolve_strategy(asked.evaluation.strategy)
    if json:
        options.print_json({"profile": asked.as_dict(), "models": len(models), "optimizations": len(ways)})
    elif not quiet:
        show(f"{profile}: valid. {len(models)} models × {len(ways)} ways = {len(models) * len(ways)} candidates")
    return 0


def _decided(source: str, store: str, device: str | None, environment: str | None) -> Decision:
    """The decision that a profile or a run means.

    Raises:
        UsageError: A run is asked for on another device or in another environment than its own.
    """
    from selector.journey import decide_run

    if is_profile(source):
        asked = options.load(source, device)
        with _reading(store) as opened:
            return _ranked(asked, opened, environment)
    given = [name for name, value in (("--device", device), ("--environment", environment)) if value is not None]
    if given:
        raise UsageError(
            f"{' and '.join(given)} cannot be given with a run: {excerpt(source)} is decided where it was measured. "
            f"Leave {'it' if len(given) == 1 else 'them'} out, or name a profile instead of the run"
        )
    with _reading(store) as opened:
        return decide_run(opened, source)


def _ranked(
    asked: RequirementProfile,
    store: Store,
    environment: str | None,
    only: list[str] | None = None,
    skip: list[str] | None = None,
) -> Decision:
    from selector.journey import Options
    from selector.journey import rank as rank_stored

    return rank_stored(asked, store, environment, Options(only=tuple(only or ()), skip=tuple(skip or ())))


def is_profile(source: str) -> bool:
    """Whether an argument names a profile; run ids begin with a date, and "latest" is one."""
    from selector.requirements import bundled_profiles

    try:
        is_file = Path(source).is_file()
    except (OSError, ValueError):  # too long for a name, or no text that can be one
        is_file = False
    return is_file or Path(source).suffix in (".yaml", ".yml") or source in bundled_profiles()


def _reading(store: str) -> Store:
    from selector.store import Store

    return Store(store, read_only=True)


def _survey_without_writing(asked: RequirementProfile, store: str, choice: Options) -> Prospect:
    """A dry run makes no store: one that is not there yet has nothing."""
    from selector.errors import StoreError
    from selector.journey import survey

    try:
        opened = _reading(store)
    except StoreError as error:
        say(f"no stored measurements are counted: {error}")
        return survey(asked, None, choice)
    with opened:
        return survey(asked, opened, choice)


def _dry_run_document(prospect: Prospect) -> dict[str, object]:
    return {
        "device": prospect.device.name,
        "strategy": prospect.strategy,
        "considered": len(prospect.plan.considered),
        "excluded": {name: exclusion.reason for name, exclusion in prospect.excluded.items()},
        "unavailable": {one.candidate.id: one.unavailable for one in prospect.plan.considered if one.unavailable},
        "stored": sorted(prospect.stored),
        "to_measure": [one.candidate.id for one in prospect.open],
        "estimated_seconds": prospect.estimate.seconds,
    }


def _matrix(prospect: Prospect) -> list[str]:
    """One line for each model: what becomes of each of its ways."""
    to_measure = {one.candidate.id for one in prospect.open}
    lines: dict[str, list[str]] = {}
    for one in prospect.plan.considered:
        name = one.candidate.id
        mark = "measure" if name in to_measure else "stored" if name in prospect.stored else ""
        mark = mark or ("excluded" if name in prospect.excluded else "unavailable")
        lines.setdefault(one.facts.name, []).append(f"{one.candidate.optimization}: {mark}")
    return [f"  {model}\n      {', '.join(ways)}" for model, ways in lines.items()]
