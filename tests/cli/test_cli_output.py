"""Nothing of others reaches the terminal as anything but text."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cli_calls import Cli
from support.evidence import make_measurement
from support.fake_profiles import profile_text

from selector.cli.output import visible
from selector.cli.progress import PlainProgress
from selector.journey import survey
from selector.requirements import load_profile
from selector.types import Outcome

HOSTILE = "\x1b[31mred\x1b]0;title\x07 \u202egpj.exe\r\x9b2J\x85\u2028"
texts = st.text(st.characters(exclude_categories=()))


def harmless(text: str) -> bool:
    return not any(
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and character not in "\n\t\u200c\u200d\u2060"
        for character in text
    )


@given(texts)
def test_whatever_is_printed_is_harmless_and_keeps_its_lines(text: str) -> None:
    shown = visible(text)
    assert harmless(shown)
    shown.encode("utf-8")
    assert shown.count("\n") == text.count("\n")
    assert visible(shown) == shown


@given(texts)
def test_json_stays_the_same_document(text: str) -> None:
    assert json.loads(visible(json.dumps([text], ensure_ascii=False))) == [text]


@given(st.text(st.characters(categories=("L", "M", "N", "P", "S", "Zs"))))
def test_what_people_write_is_left_alone(text: str) -> None:
    assert visible(text) == text


def test_logs_of_children_under_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    prospect = survey(load_profile("fake.yaml"), None)
    planned = prospect.open[0]
    observer = PlainProgress(verbose=True)
    observer.begins(prospect)
    observer.measured(
        planned, make_measurement(planned.candidate, outcome=Outcome.CRASHED, message=HOSTILE, log=f"a\n{HOSTILE}\nb")
    )
    shown = capsys.readouterr().err
    assert harmless(shown)
    assert "\\u001b[31mred" in shown


class TestHostileStore:
    """Somebody else's store may hold anything."""

    @pytest.fixture(autouse=True)
    def _notes(self, evaluated: None) -> None:
        database = sqlite3.connect("selector.db")
        with database:
            database.execute("UPDATE runs SET notes = ?", [json.dumps([HOSTILE])])
        database.close()

    @pytest.mark.parametrize(
        "arguments",
        [
            ("rank", "fake.yaml"),
            ("rank", "fake.yaml", "--json"),
            ("report", "latest"),
            ("report", "latest", "--format", "json"),
        ],
        ids=" ".join,
    )
    def test_notes_of_runs(self, cli: Cli, arguments: tuple[str, ...]) -> None:
        answer = cli(*arguments)
        assert answer.code == 0
        assert "red" in answer.out
        assert harmless(answer.out + answer.err)

    def test_a_run_whose_profile_is_no_longer_understood_hides_no_other(self, cli: Cli) -> None:
        database = sqlite3.connect("selector.db")
        with database:
            database.execute("UPDATE runs SET profile = replace(profile, 'latency_p95', 'smoothness')")
        database.close()
        assert cli("rank", "fake.yaml").code == 0
        answer = cli("report", "latest")
        assert answer.code == 2
        assert "smoothness" in answer.err
        assert "Traceback" not in answer.err


class TestHostileArguments:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("validate", f"{HOSTILE}.yaml"),
            ("validate", "x" * 10_000),
            ("models", "--family", HOSTILE),
            ("models", HOSTILE),
            (HOSTILE,),
            ("rank", "fake.yaml", "--store", HOSTILE),
            ("rank", "fake.yaml", "--store", f"sqlite:///{HOSTILE}"),
            ("rank", "fake.yaml", "--store", f"sqlite:///{'x' * 10_000}"),
            ("evaluate", "fake.yaml", "--only", HOSTILE),
            ("evaluate", "fake.yaml", "--only", "x" * 10_000),
            ("evaluate", "fake.yaml", "--device", HOSTILE),
            ("evaluate", "fake.yaml", "--device", "fake:" + "9" * 5_000),
            ("evaluate", "fake.yaml", "--strategy", HOSTILE),
            ("evaluate", "fake.yaml", "--time-budget", HOSTILE),
            ("evaluate", "fake.yaml", "--report", f"a.{HOSTILE}"),
            ("report", HOSTILE),
            ("report", "x" * 10_000),
        ],
        ids=range(17),
    )
    def test_are_answered_in_text_of_bounded_length(self, cli: Cli, arguments: tuple[str, ...]) -> None:
        answer = cli(*arguments)
        assert answer.code in (0, 2)
        assert harmless(answer.out + answer.err)
        assert "internal error" not in answer.err
        assert len(answer.err) < 2_000

    def test_a_hostile_folder(self, cli: Cli) -> None:
        folder = Path("\x1b[31m\n\u202e")
        folder.mkdir()
        (folder / "p.yaml").write_text(profile_text(name=""))
        answer = cli("validate", str(folder / "p.yaml"))
        assert answer.code == 2
        assert harmless(answer.err)
