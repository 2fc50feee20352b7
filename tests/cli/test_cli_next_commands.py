"""The commands that a result offers do what they say when they are typed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from support.cli_calls import Cli
from support.fake_profiles import LONG, profile_text

from selector.store import Store


def offered(text: str) -> list[list[str]]:
    """The words after ``selector`` of every command in a result, but for the dashboard, which stays."""
    commands = [shlex.split(line) for line in map(str.strip, text.splitlines()) if line.startswith("selector ")]
    return [words[1:] for words in commands if words[1] != "dashboard"]


@pytest.fixture
def for_cuda() -> None:
    """A profile that asks for a device which is not here."""
    Path("cuda.yaml").write_text(profile_text(device={"target": "cuda"}), encoding="utf-8")


@pytest.mark.usefixtures("for_cuda")
class TestAnotherDevice:
    def test_after_evaluating(self, cli: Cli) -> None:
        result = cli("evaluate", "cuda.yaml", "--device", "fake", "--store", "sqlite:///other place.db")
        commands = offered(result.out)
        assert [words[0] for words in commands] == ["explain", "report"]
        for words in commands:
            answer = cli(*words)
            assert answer.code == 0, answer.err
            assert "fake" in answer.out or LONG in answer.out

    def test_after_ranking_in_one_environment(self, cli: Cli) -> None:
        cli("evaluate", "cuda.yaml", "--device", "fake", "--quiet")
        with Store("sqlite:///selector.db", read_only=True) as store:
            environment = store.run("latest").environment.id
        result = cli("rank", "cuda.yaml", "--device", "fake", "--environment", environment[:8])
        for words in offered(result.out):
            assert words[words.index("--environment") + 1] == environment[:8]
            assert cli(*words).code == 0

    def test_what_confirms_measures_the_same_again(self, cli: Cli) -> None:
        asked = ("--device", "fake", "--only", "*@eager", "--time-budget", "5 min")
        assert cli("evaluate", "cuda.yaml", *asked, "--quiet", "--report", "decision.md").code == 0
        (confirm,) = (words for words in offered(Path("decision.md").read_text()) if words[0] == "evaluate")
        again = cli(*confirm, "--json")
        assert again.code == 0
        assert again.json["certificate"]["measured"] == 2
        assert again.json["profile"]["evaluation"]["time_budget"] == 300

    def test_a_report_of_the_run(self, cli: Cli) -> None:
        cli("evaluate", "cuda.yaml", "--device", "fake", "--quiet")
        text = cli("report", "latest").out
        (explain,) = (words for words in offered(text) if words[0] == "explain")
        assert cli(*explain).code == 0
        # The profile's file is not known of a run: nothing is offered that looks as if it were.
        assert "selector evaluate PROFILE --force --device fake\n" in text
        assert "with the file of the profile fake-profile for PROFILE" in text


def test_a_run_of_a_ready_made_profile_names_it(cli: Cli) -> None:
    only = ("--only", "mobilenetv2_100*@eager", "--only", "mobilenetv2_100*@openvino")
    assert cli("evaluate", "quickstart", "--device", "fake", *only, "--quiet").code == 0
    commands = offered(cli("report", "latest").out)
    assert ["evaluate", "quickstart", "--force", "--device", "fake"] in commands
    (explain,) = (words for words in commands if words[0] == "explain")
    assert cli(*explain).code == 0


@pytest.mark.usefixtures("evaluated")
class TestARunStandsWhereItWasMeasured:
    @pytest.mark.parametrize("command", [("report", "latest"), ("explain", "latest", f"{LONG}@eager")])
    @pytest.mark.parametrize("option", [("--device", "fake"), ("--environment", "12ab")])
    def test_another_place_is_refused(self, cli: Cli, command: tuple[str, ...], option: tuple[str, str]) -> None:
        answer = cli(*command, *option)
        assert answer.code == 2
        assert answer.out == ""
        assert f"{option[0]} cannot be given with a run: 'latest' is decided where it was measured" in answer.err

    def test_a_candidate_of_a_run_is_explained(self, cli: Cli) -> None:
        assert cli("explain", "latest", f"{LONG}@eager").out == cli("explain", "fake.yaml", f"{LONG}@eager").out
        assert cli("explain", "20200101-000000-aaaa", f"{LONG}@eager").code == 2
