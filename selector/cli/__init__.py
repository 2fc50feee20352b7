"""The command line: parses, calls, prints. It computes nothing.

Results go to standard output, everything else to standard error. The exit codes are 0 a choice was made, 1 no
candidate is (proven) feasible, 2 the profile, the call or the device is wrong, 3 decided but candidates failed,
4 internal error or the store could not be written, 5 a regression (`check`), 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
import traceback

import typer

from selector.cli import comparing, completion, listing, machine, main_job, models, serving, storage
from selector.cli.output import say, unwritten
from selector.errors import SelectorError

app = typer.Typer(
    name="selector",
    help="Which vision model, run how, on this hardware, meets what you need, and how sure is that?\n\n"
    "Start with: selector evaluate quickstart",
    no_args_is_help=True,
    # Rich's help panels would cost three times as long as everything else that --help does.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
main_job.add_to(app)
comparing.add_to(app)
models.add_to(app)
listing.add_to(app)
serving.add_to(app)
machine.add_to(app)
storage.add_to(app)

_INTERRUPTED = 130
_INTERNAL = 4


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show every character gets its number instead of an internal error.
        sys.stdout.reconfigure(errors="backslashreplace")
    completion.unsplit(os.environ)
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            say(f"selector: {unwritten(error)}")
            code = _INTERNAL
        # What is still unwritten would be tried again, and complained of, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Runs one command.

    Args:
        arguments: What stands after ``selector``.

    Returns:
        The exit code.
    """
    debug = "--debug" in arguments
    try:
        result = app(args=arguments, prog_name="selector", standalone_mode=False)
    except SelectorError as error:
        if debug:
            say(traceback.format_exc())
        say(f"selector: {error}")
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        result = _INTERRUPTED
    except SystemExit:
        # So typer ends when the reader of a pipe has gone (`selector models | head`), with a code that has another
        # meaning here. There is nobody left to tell.
        return 0
    except Exception as error:  # noqa: BLE001 - the one place that ends the command
        if _is_usage_error(error):
            written = io.StringIO()
            error.show(file=written)  # type: ignore[attr-defined]
            say(written.getvalue().rstrip("\n"))
            return 2
        if debug:
            say(traceback.format_exc())
        hint = "" if debug else "; run the command again with --debug for the traceback"
        say(f"selector: internal error: {type(error).__name__}: {error}{hint}")
        return _INTERNAL
    if result == _INTERRUPTED:  # typer turns Ctrl-C into this code, too
        say("selector: interrupted; what was measured is kept, the same command goes on")
    return result if isinstance(result, int) else 0


def _is_usage_error(error: Exception) -> bool:
    """Whether typer's parser refused the call; its exceptions have no public base in typer."""
    return hasattr(error, "show") and hasattr(error, "format_message")
