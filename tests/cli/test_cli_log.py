"""The log file of a run: where it is, what stands in it, and that it never stands in the way."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.cli_calls import Cli
from support.evidence import make_measurement
from support.fake_profiles import SHORT, fake_profile

from selector.cli.log import RunLog, log_path
from selector.errors import StoreError
from selector.journey import survey
from selector.store import Store
from selector.types import Outcome

HOSTILE = "a\x1b[31mred\x07\u202eb"


def the_log() -> Path:
    (path,) = Path("selector-logs").glob("*.log")
    return path


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*@openvino=export_failed")


def test_it_lies_beside_the_file_of_a_store_and_in_the_cache_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert log_path("sqlite:///selector.db", "r1") == Path("selector-logs/r1.log")
    assert log_path(f"sqlite:///{tmp_path.parent}/else.db", "r1") == tmp_path.parent / "selector-logs/r1.log"
    monkeypatch.setenv("SELECTOR_CACHE", "/cache")
    assert log_path("sqlite://", "r1") == Path("/cache/logs/r1.log")
    assert log_path("postgresql+psycopg://u:secret@host/name", "r1") == Path("/cache/logs/r1.log")


@pytest.mark.usefixtures("failing")
class TestFailures:
    def test_every_line_of_a_failure_and_the_result_name_it(self, cli: Cli) -> None:
        answer = cli("evaluate", "fake.yaml", "--report", "decision.md")
        assert answer.code == 3
        lines = [line for line in answer.err.splitlines() if "export_failed" in line]
        assert lines
        assert all(f"; log: {the_log()}  (" in line for line in lines)
        assert sum("; log: " in line for line in answer.err.splitlines()) == len(lines)
        assert f"the log of every failure: {the_log()}" in answer.out
        assert f"The log of every failure: {the_log()}" in Path("decision.md").read_text()

    def test_it_has_times_phases_outcomes_and_whole_logs(self, cli: Cli) -> None:
        cli("evaluate", "fake.yaml", "--quiet")
        text = the_log().read_text()
        assert the_log().stem in text
        assert re.search(rf"^20\d\d-\d\d-\d\dT\S+Z  {re.escape(SHORT)}@eager: timing$", text, re.MULTILINE)
        assert re.search(r"@eager: p50 \S+ ms  \d+ queries", text)
        assert "@openvino: export_failed: planted fault" in text
        assert "\n    Traceback (most recent call last):\n" in text
        assert text.rstrip().endswith("the run ended")

    def test_a_report_of_the_run_names_it_as_long_as_it_is_there(self, cli: Cli) -> None:
        cli("evaluate", "fake.yaml", "--quiet")
        assert "The log of every failure" in cli("report", "latest").out
        the_log().unlink()
        assert "The log of every failure" not in cli("report", "latest").out

    def test_a_log_that_cannot_be_written_is_told_once_and_done_without(self, cli: Cli) -> None:
        Path("selector-logs").write_text("a file is in the way")
        answer = cli("evaluate", "fake.yaml")
        assert answer.code == 3
        assert answer.err.count("no log of this run is written: selector-logs/") == 1
        assert "; log: " not in answer.err
        assert "the log of every failure" not in answer.out


def test_what_measures_nothing_leaves_none(cli: Cli, evaluated: None) -> None:
    assert cli("evaluate", "fake.yaml").code == 0
    assert not Path("selector-logs").exists()


def test_without_failures_nothing_names_it(cli: Cli) -> None:
    answer = cli("evaluate", "fake.yaml")
    assert the_log().is_file()
    assert "log" not in answer.out
    assert "; log: " not in answer.err


def test_an_error_that_ends_the_run_names_it_and_stands_in_it(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(Store, "add", full)
    answer = cli("evaluate", "fake.yaml")
    assert answer.code == 4
    assert answer.err.splitlines()[-2:] == [f"the log of this run: {the_log()}", "selector: the disk is full"]
    assert "StoreError: the disk is full" in the_log().read_text()


def test_logs_of_children_are_harmless_to_read() -> None:
    prospect = survey(fake_profile(), None)
    planned = prospect.open[0]
    with RunLog("sqlite:///selector.db") as log:
        log.begins(prospect)
        log.started("r1")
        log.measures(planned, 0, 4)
        crashed = make_measurement(planned.candidate, outcome=Outcome.CRASHED, message=HOSTILE)
        log.measured(planned, replace(crashed, log=HOSTILE))
    text = Path("selector-logs/r1.log").read_text()
    assert not [letter for letter in text if letter < " " and letter != "\n"]
    assert "\u202e" not in text
    assert text.count("\\u001b[31mred") == 2
