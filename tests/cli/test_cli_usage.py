"""Wrong calls, errors, names that mean mischief, and how progress is shown."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from support.cli_calls import Cli
from support.evidence import make_candidate, make_measurement
from support.fake_profiles import LONG, profile_text

from selector import journey
from selector.cli import options, progress, serving
from selector.cli.progress import interruptible, observing, outcome_text
from selector.journey import survey
from selector.requirements import load_profile
from selector.resources import folder
from selector.store import Store
from selector.types import Outcome

COMMANDS = (
    "evaluate",
    "rank",
    "explain",
    "report",
    "compare",
    "check",
    "validate",
    "models",
    "optimizations",
    "devices",
    "dashboard",
)


class TestWrongCalls:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["--nonsense"],
            ["evaluate", "fake.yaml", "--nonsense"],
            ["evaluate"],
            ["evaluate", "fake.yaml", "more"],
            ["evalaute", "fake.yaml"],
            ["explain", "fake.yaml"],
            ["dashboard", "--port", "0"],
        ],
        ids=" ".join,
    )
    def test_they_are_2_and_point_to_help(self, cli: Cli, arguments: list[str]) -> None:
        answer = cli(*arguments)
        assert answer.code == 2
        assert answer.out == ""
        assert "Usage: " in answer.err
        assert "Error: " in answer.err
        assert "Traceback" not in answer.err

    def test_a_misspelt_command_is_answered_with_a_near_one(self, cli: Cli) -> None:
        assert "'evaluate'" in cli("evalaute", "fake.yaml").err

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--time-budget", "soon"], "--time-budget: 'soon' is not a time; write for instance \"5 min\""),
            (["--time-budget", "0 s"], "--time-budget must be above zero"),
            (["--time-budget=-5 min"], "--time-budget must be above zero"),
            (["--time-budget", "5 MB"], "--time-budget: unknown unit 'MB'"),
            (["--strategy", "tpe"], "not supported yet"),
            (["--strategy", "randon"], "did you mean 'random'"),
            (["--device", "fakee"], "did you mean 'fake'"),
            (["--device", "fake:7"], "this machine has fake"),
            (["--only", "*@tensorrt"], "unknown candidate '*@tensorrt'"),
            (["--only", "*@eager", "--skip", "*@eager"], "leave no candidate"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_wrong_options_are_2_before_anything_is_written(self, cli: Cli, arguments: list[str], said: str) -> None:
        answer = cli("evaluate", "fake.yaml", *arguments)
        assert answer.code == 2
        assert said in answer.err
        assert answer.out == ""
        assert [path.name for path in Path().iterdir()] == ["fake.yaml"]

    def test_an_address_that_is_none_is_refused(self, cli: Cli) -> None:
        answer = cli("rank", "fake.yaml", "--store", "selector.db")
        assert answer.code == 2
        assert "Write sqlite:///selector.db" in answer.err

    @pytest.mark.parametrize("command", [("rank", "fake.yaml"), ("explain", "fake.yaml", LONG), ("report", "latest")])
    def test_reading_a_store_that_is_not_there_is_a_wrong_call(self, cli: Cli, command: tuple[str, ...]) -> None:
        answer = cli(*command)
        assert answer.code == 2
        assert "there is no store selector.db" in answer.err
        assert not Path("selector.db").exists()

    def test_help_begins_with_what_to_type(self, cli: Cli) -> None:
        for arguments in (("--help",), ("-h",)):
            answer = cli(*arguments)
            assert answer.code == 0
            assert "Start with: selector evaluate quickstart" in answer.out
            assert all(f"\n  {command} " in answer.out for command in COMMANDS)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_explains_itself(self, cli: Cli, command: str) -> None:
        answer = cli(command, "--help")
        assert answer.code == 0
        assert answer.out.startswith(f"Usage: selector {command}") or f" {command} [OPTIONS]" in answer.out
        assert "--debug" in answer.out


class TestErrors:
    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr(journey, "decide", fail)

    @pytest.mark.usefixtures("broken")
    def test_an_internal_error_is_4_and_points_to_debug(self, cli: Cli) -> None:
        answer = cli("evaluate", "fake.yaml", "--quiet")
        assert answer.code == 4
        assert answer.out == ""
        assert answer.err.startswith("selector: internal error: ZeroDivisionError: a bug; run the command again with")
        assert answer.err.endswith("--debug for the traceback\n")

    @pytest.mark.usefixtures("broken")
    def test_debug_shows_the_traceback(self, cli: Cli) -> None:
        answer = cli("evaluate", "fake.yaml", "--quiet", "--debug")
        assert answer.code == 4
        assert "Traceback (most recent call last)" in answer.err
        assert answer.err.endswith("selector: internal error: ZeroDivisionError: a bug\n")

    def test_debug_shows_that_of_an_expected_error_too(self, cli: Cli) -> None:
        assert "Traceback" in cli("validate", "no-such.yaml", "--debug").err
        assert "Traceback" not in cli("validate", "no-such.yaml").err


HOSTILE_NAMES = {
    "[red]x[/]": "red-x",
    "../../x": "x",
    "/etc/passwd": "etc-passwd",
    "...": "decision",
    "-rf *": "rf",
    "a b; touch c": "a-b--touch-c",
    "é" * 200: "é" * 60,
    "𐐀" * 200: "𐐀" * 30,
    "名前": "名前",
    "<script>alert(1)</script>": "script-alert-1---script",
}


@pytest.mark.usefixtures("evaluated")
class TestHostileNames:
    @pytest.mark.parametrize(("name", "stem"), HOSTILE_NAMES.items(), ids=range(len(HOSTILE_NAMES)))
    def test_a_report_stays_in_its_folder(self, cli: Cli, name: str, stem: str) -> None:
        Path("hostile.yaml").write_text(profile_text(name=name), encoding="utf-8")
        answer = cli("report", "hostile.yaml", "--format", "md,json", "--output", "out")
        assert answer.code == 0
        assert sorted(path.name for path in Path("out").iterdir()) == [f"{stem}.json", f"{stem}.md"]
        beside = {path for path in Path().iterdir() if not path.name.startswith("selector.db")}
        assert beside == {Path("fake.yaml"), Path("hostile.yaml"), Path("out")}

    @pytest.mark.parametrize("name", ["[red]x[/]", "[link=file:///etc]x", ":smile: [bold]"])
    @pytest.mark.parametrize("fancy", [False, True])
    def test_nothing_is_read_as_markup(
        self, cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, fancy: bool
    ) -> None:
        monkeypatch.setattr(options, "fancy", lambda stream: fancy)
        monkeypatch.setenv("COLUMNS", "200")
        Path("hostile.yaml").write_text(profile_text(name=name), encoding="utf-8")
        answer = cli("rank", "hostile.yaml")
        assert answer.code == 0
        assert answer.out.startswith(f"{name} on fake device")

    @pytest.mark.parametrize("name", ["two\nlines", "\x1b[31mred", "a\u2028b"])
    def test_names_that_are_not_one_printable_line_are_refused(self, cli: Cli, name: str) -> None:
        Path("hostile.yaml").write_text(profile_text(name=name), encoding="utf-8")
        answer = cli("rank", "hostile.yaml")
        assert answer.code == 2
        assert "\x1b" not in answer.err
        assert "hostile.yaml:1:" in answer.err


class TestProgress:
    def test_a_terminal_is_needed_for_colours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Terminal:
            def isatty(self) -> bool:
                return True

        for name in ("NO_COLOR", "CI"):
            monkeypatch.delenv(name, raising=False)
        assert options.fancy(Terminal())
        for name in ("NO_COLOR", "CI"):
            with monkeypatch.context() as patch:
                patch.setenv(name, "1")
                assert not options.fancy(Terminal())
        with Path("fake.yaml").open() as file:
            assert not options.fancy(file)

    def test_a_bar_tells_the_same_lines(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        told = {}
        for fancy in (False, True):
            monkeypatch.setattr(progress, "fancy", lambda stream, fancy=fancy: fancy)
            monkeypatch.setenv("COLUMNS", "40")
            with observing(quiet=False, verbose=False) as observer:
                prospect = survey(load_profile("fake.yaml"), None)
                observer.begins(prospect)
                for done, planned in enumerate(prospect.open[:2]):
                    observer.measures(planned, done, 4 - done)
                    failed = make_measurement(planned.candidate, outcome=Outcome.CRASHED, message="[bold]broken[/]")
                    observer.measured(planned, failed)
                observer.waits()
            told[fancy] = [line.strip() for line in capsys.readouterr().err.splitlines() if line.strip()]
        assert "[1/4]" in told[False][2]
        assert "crashed: [bold]broken[/] (5 s)" in told[False][2]
        assert [line for line in told[True] if line in told[False]] == told[False]

    def test_a_bar_with_nothing_to_measure_ends_well(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(progress, "fancy", lambda stream: True)
        with Store("sqlite://") as store, observing(quiet=False, verbose=False) as observer:
            journey.evaluate(load_profile("fake.yaml").with_limit("accuracy_top1", 0.99), store, observer=observer)
        assert "0 to measure" in capsys.readouterr().err

    def test_an_outcome_is_one_line_with_figures(self) -> None:
        ok = outcome_text(make_measurement(make_candidate(), p50=0.0123, samples=321))
        assert ok == "p50 12.3 ms  321 queries (5 s)"
        failed = outcome_text(make_measurement(outcome=Outcome.FALLBACK, message="B ran"))
        assert failed == "fallback: B ran (5 s)"

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_first_signal_asks_to_stop_and_the_second_ends(
        self, number: signal.Signals, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = signal.getsignal(number)

        def interrupt() -> None:
            os.kill(os.getpid(), number)

        with interruptible() as stopping:
            assert not stopping()
            interrupt()
            assert stopping()
            assert "Again to end at once" in capsys.readouterr().err
            with pytest.raises(KeyboardInterrupt):
                interrupt()
        assert signal.getsignal(number) is before


class TestDashboard:
    def test_it_is_served_to_this_machine_alone(self) -> None:
        command = serving.dashboard_command("sqlite:///a b.db", 8123)
        assert command[command.index("--server.address") + 1] == "127.0.0.1"
        assert command[command.index("--server.port") + 1] == "8123"
        assert command[command.index("--server.headless") + 1] == "true"
        assert command[command.index("--browser.gatherUsageStats") + 1] == "false"
        assert str(folder("app") / "server.py") in command
        assert command[-3:] == ["--", "--store", "sqlite:///a b.db"]

    def test_a_store_cannot_become_an_option_of_the_server(self) -> None:
        command = serving.dashboard_command("--server.address=0.0.0.0", 8501)
        assert command.index("--") < command.index("--server.address=0.0.0.0")

    def test_the_command_starts_it(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        started: list[tuple[list[str], Any]] = []

        class Ended:
            returncode = 7

        def start(command: list[str], **more: Any) -> Ended:
            started.append((command, more["env"]["SELECTOR_STORE"]))
            return Ended()

        monkeypatch.setattr("subprocess.run", start)
        answer = cli("dashboard", "--store", "sqlite:///here.db", "--port", "8123")
        assert answer.code == 7
        assert started == [(serving.dashboard_command("sqlite:///here.db", 8123), "sqlite:///here.db")]
        assert "http://127.0.0.1:8123" in answer.err
        assert answer.out == ""

    def test_ctrl_c_is_how_it_ends(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(command: list[str], **more: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("subprocess.run", interrupt)
        answer = cli("dashboard", "--quiet")
        assert (answer.code, answer.out, answer.err) == (0, "", "")

    def test_without_streamlit_it_says_what_to_install(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        answer = cli("dashboard")
        assert answer.code == 2
        assert "vision-selector[dashboard]" in answer.err


def test_the_winner_is_named_where_profiles_are(cli: Cli) -> None:
    """A profile in another folder, given by its path, is repeated by that path in what to type next."""
    Path("deep folder").mkdir()
    Path("deep folder/p.yaml").write_text(profile_text())
    answer = cli("evaluate", "deep folder/p.yaml", "--quiet", "--only", f"{LONG}@*")
    assert f"selector explain 'deep folder/p.yaml' {LONG}@eager" in answer.out
