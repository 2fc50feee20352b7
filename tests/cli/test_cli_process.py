"""`selector` as a process of its own: what it imports, signals, pipes, terminals, encodings."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from support.cli_calls import Cli
from support.fake_profiles import LONG, SHORT, profile_text
from support.processes import await_end, descendants

COMMAND = (sys.executable, "-c", "from selector.cli import main; main()")
"""What the installed command ``selector`` does."""
HEAVY = {"torch", "timm", "onnx", "onnxruntime", "openvino", "streamlit", "altair", "pandas"}
NUMERIC = {"numpy", "scipy"}
SECONDS = 120
ESCAPE = "\x1b["


def environment(**changes: str | None) -> dict[str, str]:
    """This process's environment with changes; None takes a variable away."""
    wanted: Mapping[str, str | None] = {**os.environ, **changes}
    return {name: value for name, value in wanted.items() if value is not None}


def call(*arguments: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=environment(**changes),
        check=False,
    )


def imported_by(*arguments: str) -> set[str]:
    """Top-level modules outside the standard library that a command has imported when it ends."""
    code = (
        "import json, sys; from selector.cli import run; code = run(sys.argv[1:]); assert code == 0, code;"
        "print(json.dumps(sorted(sys.modules)), file=open('modules.json', 'w'))"
    )
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, timeout=SECONDS)
    return _outside(json.loads(Path("modules.json").read_text()))


def _outside(modules: Sequence[str]) -> set[str]:
    """Without the standard library, and without what an editable install hangs into every Python."""
    names = {name.partition(".")[0] for name in modules}
    return {name for name in names if name not in sys.stdlib_module_names and not name.startswith("_")}


class TestImports:
    def test_help_imports_nothing_but_typer(self) -> None:
        bare = subprocess.run(
            [sys.executable, "-c", "import sys, typer; print(*sys.modules)"],
            check=True,
            capture_output=True,
            text=True,
        )
        assert imported_by("--help") <= _outside(bare.stdout.split()) | {"selector"}

    @pytest.mark.parametrize(
        "arguments",
        [
            ("rank", "fake.yaml"),
            ("explain", "fake.yaml", f"{LONG}@eager"),
            ("report", "latest", "--format", "md,json", "--output", "out"),
            ("compare", f"{LONG}@eager", f"{LONG}@openvino"),
            ("compare", "latest", "latest", "--all"),
            ("validate", "fake.yaml"),
            ("models", "--family", "convnext"),
        ],
        ids=lambda arguments: arguments[0],
    )
    @pytest.mark.usefixtures("evaluated")
    def test_reading_imports_no_runtime_and_no_numerics(self, arguments: tuple[str, ...]) -> None:
        assert imported_by(*arguments) & (HEAVY | NUMERIC) == set()

    @pytest.mark.parametrize(
        "arguments", [("optimizations", "--device", "fake"), ("devices",), ("evaluate", "fake.yaml", "--dry-run")]
    )
    def test_looking_around_imports_no_runtime(self, arguments: tuple[str, ...]) -> None:
        assert imported_by(*arguments) & HEAVY == set()

    def test_a_simulated_run_imports_no_runtime(self) -> None:
        assert imported_by("evaluate", "fake.yaml") & HEAVY == set()


class TestSignals:
    def test_ctrl_c_keeps_what_was_measured_and_the_same_command_completes(self, cli: Cli) -> None:
        """The second candidate hangs, so that the signal comes while it is at work."""
        started = subprocess.Popen(
            [*COMMAND, "evaluate", "fake.yaml", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(SELECTOR_FAKE_FAULTS="*@openvino=timed_out"),
        )
        with started:
            assert started.stderr is not None
            while not started.stderr.readline().startswith("[2/4]"):
                assert started.poll() is None
            below = descendants(started.pid)
            started.send_signal(signal.SIGINT)
            out, err = started.communicate(timeout=SECONDS)
        assert started.returncode == 130
        assert "stopping" in err
        assert "Traceback" not in err
        document = json.loads(out)
        assert document["certificate"]["stopped_because"] == "interrupted"
        assert {one["id"] for one in document["ranked"]} == {f"{SHORT}@eager", f"{LONG}@eager"}
        assert {one["id"] for one in document["not_measured"]} == {f"{SHORT}@openvino", f"{LONG}@openvino"}
        assert await_end(below) == set()
        again = cli("evaluate", "fake.yaml", "--json")
        assert again.code == 0
        assert "2 in the store already, 2 to measure" in again.err
        assert len(again.json["ranked"]) == 4


@pytest.mark.usefixtures("evaluated")
class TestPipes:
    @pytest.mark.parametrize("unbuffered", ["1", None])
    @pytest.mark.parametrize("command", [("models", "--all"), ("rank", "fake.yaml")], ids=lambda one: one[0])
    def test_a_reader_that_leaves_is_no_error(self, command: tuple[str, ...], unbuffered: str | None) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        try:
            done = subprocess.run(
                [*COMMAND, *command, "--quiet"],
                stdout=writing,
                stderr=subprocess.PIPE,
                text=True,
                timeout=SECONDS,
                env=environment(PYTHONUNBUFFERED=unbuffered),
                check=False,
            )
        finally:
            os.close(writing)
        assert done.stderr == ""
        assert done.returncode == 0

    @pytest.mark.parametrize("unbuffered", ["1", None])
    def test_a_result_that_cannot_be_written_is_4(self, unbuffered: str | None) -> None:
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [*COMMAND, "rank", "fake.yaml"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=SECONDS,
                env=environment(PYTHONUNBUFFERED=unbuffered),
                check=False,
            )
        assert done.returncode == 4
        assert "No space left" in done.stderr
        assert "Traceback" not in done.stderr

    def test_off_a_terminal_there_are_no_escape_codes(self) -> None:
        done = call(
            "evaluate", "fake.yaml", "--force", NO_COLOR=None, CI=None, FORCE_COLOR="1", TERM="xterm-256color"
        )
        assert done.returncode == 0
        assert "[2/4]" in done.stderr
        assert ESCAPE not in done.stdout + done.stderr

    def test_characters_that_cannot_be_shown_are_escaped(self) -> None:
        done = call("validate", "fake.yaml", PYTHONIOENCODING="ascii")
        assert done.returncode == 0
        assert done.stdout == "fake.yaml: valid. 3 models \\xd7 2 ways = 6 candidates\n"


@pytest.mark.usefixtures("evaluated")
class TestTerminal:
    def test_a_terminal_gets_colours_and_a_bar(self) -> None:
        code, text = on_terminal("evaluate", "fake.yaml", "--force", NO_COLOR=None, CI=None)
        assert code == 0
        assert ESCAPE in text
        assert text.count("[2/4]") == 1
        assert f"{LONG} @ openvino" in _plain(text)
        assert text.rfind("\x1b[?25h") >= text.rfind("\x1b[?25l"), "the cursor is shown again"

    @pytest.mark.parametrize("variable", ["NO_COLOR", "CI"])
    def test_it_can_be_kept_plain(self, variable: str) -> None:
        code, text = on_terminal("evaluate", "fake.yaml", "--force", **{"NO_COLOR": None, "CI": None, variable: "1"})
        assert code == 0
        assert ESCAPE not in text
        assert "[2/4]" in text
        assert f"{LONG} @ openvino" in text

    def test_names_are_never_read_as_markup(self) -> None:
        Path("hostile.yaml").write_text(profile_text(name="[red]x[/]"))
        _, text = on_terminal("rank", "hostile.yaml", NO_COLOR=None, CI=None)
        assert ESCAPE in text
        assert _plain(text).startswith("[red]x[/] on fake device")


def on_terminal(*arguments: str, **changes: str | None) -> tuple[int, str]:
    """A command's exit code and all that it shows on a terminal of its own, 200 columns wide."""
    master, slave = pty.openpty()
    try:
        started = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(TERM="xterm-256color", COLUMNS="200", **changes),
        )
    finally:
        os.close(slave)
    shown = b""
    with started:
        while select.select([master], [], [], SECONDS)[0]:
            try:
                shown += os.read(master, 65536)
            except OSError:  # the other end is closed: nothing more comes
                break
        os.close(master)
        return started.wait(timeout=SECONDS), shown.decode()


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
