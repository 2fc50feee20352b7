"""What the command line makes of a decision: what is printed, what is written, which commands come next."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from selector.cli.options import DEFAULT_STORE, fancy
from selector.cli.output import show
from selector.errors import UsageError

if TYPE_CHECKING:
    from selector.decision import Decision
    from selector.reports import Context

_STEM_BYTES = 120


def context(
    profile: str,
    store: str,
    *,
    device: str | None = None,
    environment: str | None = None,
    measuring: tuple[str, ...] = (),
    log: str = "",
) -> Context:
    """What reports say about the call: `selector.reports.Context`, from what options say."""
    from selector.reports import Context

    return Context(
        profile=profile,
        device=device or "",
        environment=environment or "",
        store="" if store == DEFAULT_STORE else store,
        measuring=measuring,
        log=log,
    )


def context_of_run(decision: Decision, store: str) -> Context:
    """The same for a run. Its profile's file is known only where it is a ready-made one that still asks the same."""
    from selector.requirements import bundled_profiles, load_profile

    asked = decision.profile
    log = written_log(store, decision)
    if asked.name not in bundled_profiles():
        return context("", store, log=log)
    ready_made, target = load_profile(asked.name), asked.device.target
    moved = ready_made.device.model_copy(update={"target": target})
    if ready_made.model_copy(update={"device": moved}) != asked:
        return context("", store, log=log)
    return context(asked.name, store, device=None if ready_made == asked else target, log=log)


def written_log(store: str, decision: Decision) -> str:
    """The log file of the run that was decided; "" where there is none (any more)."""
    from selector.cli.log import log_path

    run_id = decision.evidence.run_id
    path = None if run_id is None else log_path(store, run_id)
    return "" if path is None or not path.is_file() else str(path)


def measuring(
    *,
    time_budget: str | None = None,
    strategy: str | None = None,
    only: list[str] | None = None,
    skip: list[str] | None = None,
    offline: bool = False,
) -> tuple[str, ...]:
    """The options that `evaluate` needs again to measure the same."""
    single = (("--time-budget", time_budget), ("--strategy", strategy))
    words = [word for name, value in single if value is not None for word in (name, value)]
    for name, patterns in (("--only", only), ("--skip", skip)):
        for pattern in patterns or ():
            words += [name, pattern]
    return (*words, *(("--offline",) if offline else ()))


def report_target(path: Path) -> tuple[Path, str]:
    """A report's path and the format that its suffix asks for; wrong ones are told before anything is measured."""
    from selector.reports import format_for

    if not path.suffix:
        raise UsageError(f"--report {path}: the suffix names the format, e.g. {path}.md")
    known = format_for(path.suffix)
    known.require_packages()
    return path, known.name


def rendered(decision: Decision, name: str, context: Context) -> str | bytes:
    """The decision as a report of the format called so."""
    from selector.reports import render

    return render(decision, name, context)


def write(path: Path, report: str | bytes) -> None:
    """Writes a report, and the folders above it; text as UTF-8.

    Raises:
        UsageError: It cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(report.encode() if isinstance(report, str) else report)
    except OSError as error:
        raise UsageError(f"the report {path} could not be written: {error.strerror}; name another place") from error


def show_report(report: str | bytes) -> None:
    """Prints a report on standard output.

    Raises:
        UsageError: It is no text.
    """
    if not isinstance(report, str):
        raise UsageError("this report is no text to print: add --output DIR")
    show(report, end="")


def file_stem(decision: Decision) -> str:
    """A file name from the profile's name: letters, digits, '-', '_' and '.' of it, within what file systems take."""
    kept = (letter if letter.isalnum() or letter in "-_." else "-" for letter in decision.profile.name)
    return "".join(kept).strip(".-").encode()[:_STEM_BYTES].decode(errors="ignore") or "decision"


def print_decision(decision: Decision, context: Context, *, json: bool) -> None:
    """The decision on standard output: as JSON, in colours on a terminal, else as plain text."""
    if json:
        show_report(rendered(decision, "json", context))
        return
    from selector.reports.terminal import print_rich, render_text

    if fancy(sys.stdout):
        from rich.console import Console

        print_rich(decision, Console(), context)
    else:
        show(render_text(decision, None, context), end="")
