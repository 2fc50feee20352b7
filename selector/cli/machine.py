"""doctor, init: this machine, and a first profile for it."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from selector.cli import completion, options
from selector.cli.options import (
    DEFAULT_STORE,
    DebugOption,
    DeviceOption,
    JsonOption,
    NoInputOption,
    QuietOption,
    StoreOption,
    VerboseOption,
)
from selector.cli.output import say, show


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (doctor, init):
        app.command()(command)


def doctor(
    device: DeviceOption = None,
    store: StoreOption = DEFAULT_STORE,
    quick: Annotated[
        bool, typer.Option("--quick", help="Build and time nothing; seconds instead of minutes.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="WAY", help="Prove only these ways. Repeatable.", autocompletion=completion.ways
        ),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_input: NoInputOption = False,  # noqa: ARG001 - accepted everywhere, so that scripts can always pass it
    debug: DebugOption = False,  # noqa: ARG001 - read by `selector.cli.run`
) -> int:
    """Look at this machine: devices, every way proven on a tiny model, noise, disk, compiler, versions.

    Exit code 1 when something that should work does not.

    Examples:
      selector doctor

      selector doctor --quick

      selector doctor --only "openvino*" --verbose
    """
    from selector.cli.progress import interruptible, observing
    from selector.devices import resolve
    from selector.doctor import Visit, document, examine, render_text
    from selector.engines.run import Options
    from selector.search.plan import select_ways
    from selector.store.opening import parse_address

    here = resolve(device or "auto")
    select_ways(only or ())  # wrong names and addresses are wrong calls, not findings
    parse_address(store)
    with interruptible() as stopping, observing(quiet=quiet, verbose=verbose) as observer:
        visit = Visit(
            device=here,
            store=store,
            options=Options(offline=True, stopping=stopping),
            quick=quick,
            ways=tuple(only or ()),
            asked=device or "auto",
            observer=observer,
        )
        report = examine(visit, (lambda _: None) if quiet else (lambda title: say(f"looking at: {title}")))
        interrupted = stopping()
    if json:
        options.print_json(document(report))
    else:
        show(render_text(report), end="")
    return 130 if interrupted else report.exit_code


def init(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to write.")] = Path("profile.yaml"),
    base: Annotated[
        str,
        typer.Option("--from", metavar="PROFILE", help="What to begin with.", autocompletion=completion.profiles),
    ] = "quickstart",
    device: DeviceOption = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,  # noqa: ARG001
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing; take what the base says.")] = False,
    debug: DebugOption = False,  # noqa: ARG001
) -> int:
    """Write a commented profile, by asking or from a ready-made one.

    Examples:
      selector init

      selector init edge.yaml --from edge_device --no-input
    """
    from selector.cli.asking import ask, changed, with_device
    from selector.errors import UsageError
    from selector.requirements import parse_profile
    from selector.requirements.template import render_profile
    from selector.search.names import unknown_names

    if path.exists() and not force:
        raise UsageError(f"{path} is there already; name another file, or add --force to write over it")
    profile = changed(options.load(base), name=_name_for(path))
    if device is not None:
        profile = with_device(profile, device)
    if not no_input and sys.stdin.isatty():
        say(f"Return takes what stands in brackets: that of {base}.")
        profile = ask(profile)
    text = render_profile(profile, f"selector evaluate {shlex.quote(str(path))}")
    parse_profile(text, str(path), unknown_names)  # what is written can be read, or is not written
    _write_new(path, text, force=force)
    if json:
        options.print_json({"path": str(path), "profile": profile.as_dict()})
    elif not quiet:
        show(f"wrote {path}\n\n  selector evaluate {shlex.quote(str(path))} --dry-run")
    return 0


def _name_for(path: Path) -> str:
    """The profile's name from its file's: what of it can be printed."""
    return "".join(letter for letter in path.stem if letter.isprintable()).strip()[:100] or "profile"


def _write_new(path: Path, text: str, *, force: bool) -> None:
    """Writes the file whole or not at all, and over another one only with `force`."""
    from selector.errors import UsageError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name[:40]}-", delete=False
        ) as file:
            temporary = Path(file.name)
            try:
                file.write(text)
                file.flush()
                temporary.chmod(0o644)
                if force:
                    temporary.replace(path)
                else:
                    os.link(temporary, path)  # fails where a file has appeared meanwhile
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():
            raise UsageError(f"{path} is there already; name another file, or add --force to write over it") from None
        raise UsageError(f"{path} could not be written: {error.strerror}; name another place") from error
