"""dashboard: starts the Streamlit app."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import Annotated

import typer

from selector.cli.options import DEFAULT_STORE, DebugOption, NoInputOption, QuietOption, StoreOption, VerboseOption
from selector.cli.output import say

_ACCENT = "#1B87C9"


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(dashboard)


def dashboard(
    store: StoreOption = DEFAULT_STORE,
    port: Annotated[int, typer.Option("--port", help="Port on 127.0.0.1.", min=1, max=65535)] = 8501,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,  # noqa: ARG001 - accepted everywhere, so that scripts can always pass it
    no_input: NoInputOption = False,  # noqa: ARG001
    debug: DebugOption = False,  # noqa: ARG001
) -> int:
    """Open the dashboard on a store, on this machine only.

    Example:
      selector dashboard --store sqlite:///selector.db
    """
    from selector.errors import UsageError
    from selector.store.opening import parse_address

    parse_address(store)
    if importlib.util.find_spec("streamlit") is None:
        raise UsageError("the dashboard needs Streamlit: pip install 'vision-selector[dashboard]'")
    if not quiet:
        say(f"the dashboard of {store} starts on http://127.0.0.1:{port} (Ctrl-C ends it)")
    command = dashboard_command(store, port)
    try:
        return subprocess.run(command, check=False, env={**os.environ, "SELECTOR_STORE": store}).returncode
    except KeyboardInterrupt:
        return 0


def dashboard_command(store: str, port: int) -> list[str]:
    """The server's call: bound to this machine, no browser opened, no usage statistics, no file watching."""
    from selector.resources import folder

    return [
        *(sys.executable, str(folder("app") / "server.py")),
        *("--server.address", "127.0.0.1", "--server.port", str(port), "--server.headless", "true"),
        *("--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false"),
        *("--client.toolbarMode", "viewer"),
        *("--server.maxUploadSize", "1"),  # MiB; a profile is a few KiB
        # One for each theme: a plain theme.primaryColor would switch the dark theme off.
        *("--theme.light.primaryColor", _ACCENT, "--theme.dark.primaryColor", _ACCENT),
        *("--", "--store", store),
    ]
