"""The README says what is there: its commands run, its profile is valid, its lists are complete."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from selector.cli import app, run
from selector.metrics import METRICS
from selector.requirements import parse_profile

ROOT = Path(__file__).resolve().parent.parent
RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def selector_commands() -> list[str]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line.partition("   #")[0].strip() for line in lines if line.startswith("selector ")]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder whose store holds a simulated run of the quickstart."""
    monkeypatch.chdir(tmp_path)
    assert run(["evaluate", "quickstart", "--device", "fake", "--only", "*@eager", "--quiet"]) == 0
    return tmp_path


def test_every_command_of_the_readme_runs(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = selector_commands()
    assert len(commands) >= 10
    for command in commands:
        arguments = shlex.split(command)[1:]
        if arguments[0] == "dashboard":
            continue  # serves until it is ended; tests/app opens it
        profiled = arguments[0] in ("evaluate", "rank", "explain", "check") or "--profile" in arguments
        if profiled and "--device" not in arguments:
            arguments += ["--device", "fake"]
        if arguments[0] == "evaluate":
            arguments += ["--dry-run"]
        assert run(arguments) == 0, (command, capsys.readouterr().err)
        capsys.readouterr()
    assert {path.suffix for path in store.glob("reports/*")} == {".md", ".html", ".pdf"}


def test_the_examples_of_compare_and_check_are_what_they_print(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made again on the fake device they are the same, but for the ids of runs."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    make_pages = importlib.import_module("make_pages")
    made = make_pages.with_simulated(README)
    assert RUN_ID.sub("RUN", made) == RUN_ID.sub("RUN", README)
    assert "REGRESSION" in made


def test_every_command_stands_in_the_readme() -> None:
    names = {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert names == set(re.findall(r"^\| `selector (\w+)", README, re.MULTILINE))


def test_the_profile_of_the_readme_is_valid() -> None:
    (text,) = blocks("yaml")
    profile = parse_profile(text, "README.md")
    assert profile.name == "cloud-api"
    assert {requirement.metric for requirement in profile.requirements} > {"latency_p95", "memory_peak"}


def test_every_metric_stands_in_the_readme() -> None:
    (sentence,) = re.findall(r"Metrics:\n(.*?)Keys of the", README, re.DOTALL)
    named = re.findall(r"`([^`]+)`", sentence)
    latencies = [f"latency_{one}" for one in named[0].removeprefix("latency_").split("|")]
    assert sorted([*latencies, *named[1:]]) == sorted(METRICS.names())


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = blocks("python")
    profile = (ROOT / "profiles" / "quickstart.yaml").read_text().replace("target: auto", "target: fake")
    (tmp_path / "mine.yaml").write_text(profile)
    monkeypatch.chdir(tmp_path)
    exec(compile(example.replace('"quickstart"', '"mine.yaml"'), "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("# ")
    assert "is the choice" in printed


def test_files_that_the_readme_names_exist() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target
    for name in re.findall(r"`((?:selector|profiles|data|docs|benchmarks)/[\w./-]*)`", README):
        assert (ROOT / name).exists(), name
