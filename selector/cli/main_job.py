"""evaluate, rank, explain, report, validate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selector.cli import options
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

if TYPE_CHECKING:
    from selector.decision import Decision
    from selector.journey import Options, Prospect
    from selector.reports import Context
    from selector.requirements import RequirementProfile
    from selector.store import Store

_INTERRUPTED = 130
_STEM_BYTES = 120


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
        str | None, typer.Option("--strategy", metavar="NAME", help="Instead of the profile's search strategy.")
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

    from selector.cli.progress import interruptible, observing, prospect_lines
    from selector.journey import Options, survey
    from selector.journey import evaluate as run_evaluation
    from selector.store import Store

    asked = options.load(profile, device, time_budget, strategy)
    targets = [_report_target(path) for path in report or ()]
    choice = Options(only=tuple(only or ()), skip=tuple(skip or ()), force=force, offline=offline)
    if dry_run:
        prospect = _survey_without_writing(asked, store, choice)
        if json:
            options.print_json(_dry_run_document(prospect))
        else:
            print("\n".join([*prospect_lines(prospect), *_matrix(prospect)]))
        return 0
    survey(asked, None, choice)  # a wrong device or name is told before a store is made
    with Store(store) as opened, interruptible() as stopping, observing(quiet=quiet, verbose=verbose) as observer:
        decision = run_evaluation(asked, opened, replace(choice, stopping=stopping), observer)
        interrupted = stopping()
    context = options.context(profile, store)
    try:
        for path, name in targets:
            _write(path, _rendered(decision, name, context))
    finally:
        _print_decision(decision, context, json=json)  # what was measured is told, whatever becomes of a report
    return _INTERRUPTED if interrupted else decision.exit_code


def rank(
    profile: ProfileArgument,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = None,
    environment: EnvironmentOption = None,
    only: OnlyOption = None,
    skip: SkipOption = None,
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
    """
    asked = options.load(profile, device)
    with _reading(store) as opened:
        decision = _ranked(asked, opened, environment, only, skip)
    _print_decision(decision, options.context(profile, store), json=json)
    return decision.exit_code


def explain(
    profile: ProfileArgument,
    candidate: Annotated[str, typer.Argument(metavar="CANDIDATE", help="MODEL@OPTIMIZATION, or enough of it.")],
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001
    verbose: VerboseOption = False,
    no_input: NoInputOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> int:
    """Why a candidate won, lost, failed or was never measured.

    Example:
      selector explain quickstart convnext_atto.d2_in1k@openvino
    """
    from selector.reports.explanation import candidate_document, explain_text

    asked = options.load(profile, device)
    with _reading(store) as opened:
        decision = _ranked(asked, opened, environment)
    found = decision.find(candidate)
    if json:
        options.print_json(candidate_document(found))
    else:
        print(explain_text(decision, found, log=verbose), end="")
    return 0


def report(
    source: Annotated[str, typer.Argument(metavar="PROFILE|RUN", help='A profile, a run\'s id, or "latest".')],
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

      selector report cloud.yaml --format md,json --output reports
    """
    from selector.errors import UsageError
    from selector.journey import decide_run
    from selector.reports import format_for

    names = ["json"] if json else [name for name in formats.split(",") if name.strip()]
    chosen = [format_for(name) for name in names]
    if not chosen:
        raise UsageError("--format names no format; write for instance --format md,json")
    if output is None and len(chosen) != 1:
        raise UsageError("several formats need a folder: add --output DIR")
    asked = options.load(source, device) if _is_profile(source) else None
    with _reading(store) as opened:
        decision = decide_run(opened, source) if asked is None else _ranked(asked, opened, environment)
    context = options.context("" if asked is None else source, store)
    for one in chosen:
        text = _rendered(decision, one.name, context)
        if output is None:
            print(text, end="")
            continue
        path = output / f"{_file_stem(decision)}{one.suffix}"
        _write(path, text)
        if not quiet:
            options.say(f"wrote {path}")
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
    from selector.search.plan import select_ways

    asked = options.load(profile)
    models = load_catalog().select(asked.candidates.models, asked.candidates.families, asked.candidates.exclude)
    ways = select_ways(asked.candidates.optimizations)
    resolve_strategy(asked.evaluation.strategy)
    if json:
        options.print_json({"profile": asked.as_dict(), "models": len(models), "optimizations": len(ways)})
    elif not quiet:
        print(f"{profile}: valid. {len(models)} models × {len(ways)} ways = {len(models) * len(ways)} candidates")
    return 0


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


def _is_profile(source: str) -> bool:
    """Whether an argument names a profile; run ids begin with a date, and "latest" is one."""
    from selector.requirements import bundled_profiles

    return Path(source).suffix in (".yaml", ".yml") or Path(source).is_file() or source in bundled_profiles()


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
        options.say(f"no stored measurements are counted: {error}")
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


def _report_target(path: Path) -> tuple[Path, str]:
    """A report's path and the format that its suffix asks for; wrong ones are told before anything is measured."""
    from selector.errors import UsageError
    from selector.reports import format_for

    if not path.suffix:
        raise UsageError(f"--report {path}: the suffix names the format, e.g. {path}.md")
    return path, format_for(path.suffix).name


def _rendered(decision: Decision, name: str, context: Context) -> str:
    from selector.reports import render

    return render(decision, name, context)


def _write(path: Path, text: str) -> None:
    from selector.errors import UsageError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the report {path} could not be written: {error.strerror}; name another place") from error


def _file_stem(decision: Decision) -> str:
    """A file name from the profile's name: letters, digits, '-', '_' and '.' of it, within what file systems take."""
    kept = (letter if letter.isalnum() or letter in "-_." else "-" for letter in decision.profile.name)
    return "".join(kept).strip(".-").encode()[:_STEM_BYTES].decode(errors="ignore") or "decision"


def _print_decision(decision: Decision, context: Context, *, json: bool) -> None:
    if json:
        print(_rendered(decision, "json", context), end="")
        return
    from selector.reports.terminal import print_rich, render_text

    if options.fancy(sys.stdout):
        from rich.console import Console

        print_rich(decision, Console(), context)
    else:
        print(render_text(decision, None, context), end="")
