"""`selector evaluate`: the main job, its exit codes, and what goes to which stream."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.cli_calls import Cli
from support.fake_profiles import LONG, SHORT, SMALL, profile_text

from selector.cli.progress import PlainProgress
from selector.devices import DEVICES
from selector.errors import StoreError
from selector.reports.json_report import LISTS, schema
from selector.store import Store
from selector.types import Measurement, Planned

ALL = {f"{model}@{way}" for model in (SMALL, SHORT, LONG) for way in ("eager", "openvino")}


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without CUDA, whatever this one has."""
    monkeypatch.setattr(DEVICES.get("cuda"), "detect", classmethod(lambda kind: []))
    monkeypatch.setattr(DEVICES.get("cuda"), "why_absent", classmethod(lambda kind: "no driver is here"))


class TestTheMainJob:
    def test_the_result_is_on_standard_output_and_the_rest_beside_it(self, cli: Cli) -> None:
        answer = cli("evaluate", "fake.yaml")
        assert answer.code == 0
        assert answer.out.startswith("fake-profile on fake device")
        assert f"\n  {LONG} @ openvino\n" in answer.out
        assert "2 rejected" in answer.out
        assert "selector explain fake.yaml" in answer.out
        lines = answer.err.splitlines()
        assert lines[0].endswith("3 models × 2 ways = 6 candidates")
        assert lines[1].startswith(
            "2 excluded by known facts, 0 unavailable here, 0 in the store already, 4 to measure"
        )
        # Two of the four share their architecture with the others: one measurement settles both.
        assert [line.split()[0] for line in lines[2:]] == ["[2/4]", "[4/4]"]
        assert all("p95 " in line and " queries " in line for line in lines[2:])
        assert "(best so far: " in lines[2]
        assert " left)" in lines[2] or "almost done)" in lines[2]
        assert lines[3].endswith(f"(best so far: {LONG}@openvino, top-1 74.6 % (published))")

    def test_the_same_command_answers_from_the_store(self, cli: Cli) -> None:
        first = cli("evaluate", "fake.yaml")
        again = cli("evaluate", "fake.yaml")
        assert again.code == 0
        assert "4 in the store already, 0 to measure" in again.err
        assert "[" not in again.err
        ranking = [line for line in first.out.splitlines() if " @ " in line or "openvino " in line]
        assert [line for line in again.out.splitlines() if " @ " in line or "openvino " in line] == ranking

    def test_quiet_says_nothing_but_the_result(self, cli: Cli) -> None:
        answer = cli("evaluate", "fake.yaml", "--quiet")
        assert answer.code == 0
        assert answer.err == ""
        assert LONG in answer.out

    def test_a_bundled_profile_needs_no_file(self, cli: Cli) -> None:
        answer = cli("evaluate", "quickstart", "--device", "fake", "--only", "mobilenetv2_100*@eager", "--quiet")
        assert answer.code == 0
        assert "mobilenetv2_100.ra_in1k @ eager" in answer.out

    def test_json_is_valid_and_has_every_candidate_once(self, cli: Cli) -> None:
        answer = cli("evaluate", "fake.yaml", "--json")
        assert answer.code == 0
        document = answer.json
        jsonschema.validate(document, schema(), jsonschema.Draft202012Validator)
        listed = [one["id"] for name in LISTS for one in document[name]]
        assert sorted(listed) == sorted(ALL)
        assert document["winner"] == document["ranked"][0]
        assert document["certificate"]["measured"] == 4
        assert document["profile"]["name"] == "fake-profile"
        assert document["device"]["kind"] == "fake"

    def test_only_and_skip_narrow_what_is_considered(self, cli: Cli) -> None:
        answer = cli(
            "evaluate", "fake.yaml", "--json", "--only", "*@openvino", "--only", "*e1200*", "--skip", "*small_100*"
        )
        assert {one["id"] for name in LISTS for one in answer.json[name]} == {
            f"{LONG}@openvino",
            f"{SHORT}@openvino",
            f"{SHORT}@eager",
        }

    def test_force_measures_again(self, cli: Cli, evaluated: None) -> None:
        assert "[4/4]" in cli("evaluate", "fake.yaml", "--force").err

    def test_options_replace_what_the_profile_says(self, cli: Cli) -> None:
        answer = cli("evaluate", "fake.yaml", "--json", "--strategy", "random", "--time-budget", "1 ns")
        assert answer.code == 1
        assert answer.json["profile"]["evaluation"]["time_budget"] == 1e-9
        assert answer.json["certificate"]["strategy"] == "random"
        assert answer.json["certificate"]["stopped_because"] == "time_budget"
        assert len(answer.json["not_measured"]) == 4

    def test_the_store_may_be_named(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        assert cli("evaluate", "fake.yaml", "--quiet", "--store", "sqlite:///named.db").code == 0
        monkeypatch.setenv("SELECTOR_STORE", "sqlite:///variable.db")
        assert cli("evaluate", "fake.yaml", "--quiet").code == 0
        assert sorted(path.name for path in Path().glob("*.db")) == ["named.db", "variable.db"]
        assert "--store sqlite:///variable.db" in cli("rank", "fake.yaml").out

    def test_offline_is_taken_wherever_it_matters(self, cli: Cli) -> None:
        assert cli("evaluate", "fake.yaml", "--offline", "--no-input", "--quiet").code == 0


class TestDryRun:
    def test_it_shows_the_matrix_and_writes_nothing(self, cli: Cli) -> None:
        answer = cli("evaluate", "fake.yaml", "--dry-run")
        assert answer.code == 0
        assert "4 to measure" in answer.out
        assert f"  {SMALL}\n      eager: excluded, openvino: excluded" in answer.out
        assert f"  {LONG}\n      eager: measure, openvino: measure" in answer.out
        assert [path.name for path in Path().iterdir()] == ["fake.yaml"]

    def test_it_counts_what_is_stored(self, cli: Cli) -> None:
        cli("evaluate", "fake.yaml", "--only", "*@eager", "--quiet")
        answer = cli("evaluate", "fake.yaml", "--dry-run", "--json")
        assert answer.code == 0
        assert answer.json["considered"] == 6
        assert answer.json["stored"] == [f"{SHORT}@eager", f"{LONG}@eager"]
        assert answer.json["to_measure"] == [f"{SHORT}@openvino", f"{LONG}@openvino"]
        assert set(answer.json["excluded"]) == {f"{SMALL}@eager", f"{SMALL}@openvino"}
        assert answer.json["estimated_seconds"] > 0
        forced = cli("evaluate", "fake.yaml", "--dry-run", "--json", "--force")
        assert len(forced.json["to_measure"]) == 4

    def test_it_shows_what_cannot_run_here(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("selector.journey.unavailable_ways", lambda environment: {"openvino": "not installed"})
        answer = cli("evaluate", "fake.yaml", "--dry-run")
        assert "eager: measure, openvino: unavailable" in answer.out
        document = cli("evaluate", "fake.yaml", "--dry-run", "--json").json
        assert document["unavailable"][f"{LONG}@openvino"] == "not installed"


class TestReports:
    def test_reports_are_written_by_suffix(self, cli: Cli) -> None:
        answer = cli("evaluate", "fake.yaml", "--report", "decision.md", "--report", "deep/er/decision.json")
        assert answer.code == 0
        assert Path("decision.md").read_text(encoding="utf-8").startswith("# fake-profile on ")
        written = json.loads(Path("deep/er/decision.json").read_text(encoding="utf-8"))
        jsonschema.validate(written, schema(), jsonschema.Draft202012Validator)
        assert written["winner"]["id"] == f"{LONG}@openvino"

    def test_html_and_pdf_are_written_by_suffix_too(self, cli: Cli) -> None:
        assert cli("evaluate", "fake.yaml", "--report", "decision.html", "--report", "decision.PDF").code == 0
        assert f"{LONG} @ openvino" in Path("decision.html").read_text(encoding="utf-8")
        assert Path("decision.PDF").read_bytes().startswith(b"%PDF-")

    @pytest.mark.parametrize(
        ("path", "said"),
        [("decision.htm", "did you mean 'html'"), ("decision.docx", "unknown report 'docx'"), ("decision", "suffix")],
    )
    def test_a_format_that_cannot_be_written_is_refused_before_measuring(
        self, cli: Cli, path: str, said: str
    ) -> None:
        answer = cli("evaluate", "fake.yaml", "--report", "fine.md", "--report", path)
        assert answer.code == 2
        assert said in answer.err
        assert answer.out == ""
        assert [path.name for path in Path().iterdir()] == ["fake.yaml"]

    def test_a_report_that_cannot_be_written_does_not_swallow_the_decision(self, cli: Cli) -> None:
        Path("taken.md").mkdir()
        answer = cli("evaluate", "fake.yaml", "--report", "taken.md", "--json")
        assert answer.code == 2
        assert "the report taken.md could not be written: Is a directory" in answer.err
        assert answer.json["winner"]["id"] == f"{LONG}@openvino"


class TestExitCodes:
    @pytest.mark.parametrize("key", ["latency_p50", "latency_p95"])
    def test_no_feasible_candidate_is_1_and_says_what_to_relax(self, cli: Cli, key: str) -> None:
        Path("strict.yaml").write_text(profile_text(requirements={key: "< 1 ms"}))
        answer = cli("evaluate", "strict.yaml")
        assert answer.code == 1
        assert "No candidate is feasible on " in answer.out
        assert f"6 rejected: {key.removeprefix('latency_')} ≥ 1 ms" in answer.out
        document = cli("rank", "strict.yaml", "--json").json
        assert document["winner"] is None
        assert f"for {SMALL} @ openvino: relax {key} from < 1 ms to < 1." in answer.out
        assert document["nearest_misses"][0]["relaxation"].startswith(f"relax {key} from")

    def test_a_device_that_is_not_here_is_2_and_makes_no_store(self, cli: Cli, no_cuda: None) -> None:
        answer = cli("evaluate", "cloud_api")
        assert answer.code == 2
        assert answer.out == ""
        assert "the device 'cuda' is not on this machine: no driver is here" in answer.err
        assert "--device cpu" in answer.err
        assert "selector rank PROFILE" in answer.err
        assert [path.name for path in Path().iterdir()] == ["fake.yaml"]

    def test_failed_candidates_beside_a_choice_are_3(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*@openvino=export_failed")
        answer = cli("evaluate", "fake.yaml", "--verbose")
        assert answer.code == 3
        assert f"  {LONG} @ eager\n" in answer.out
        assert "2 failed: export_failed" in answer.out
        assert "export_failed: planted fault" in answer.err
        assert "Traceback" in answer.err, "--verbose shows the log"
        assert "Traceback" not in cli("evaluate", "fake.yaml", "--force").err

    def test_ways_that_do_not_exist_here_are_no_failures(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("selector.journey.unavailable_ways", lambda environment: {"openvino": "not installed"})
        answer = cli("evaluate", "fake.yaml")
        assert answer.code == 0
        assert "2 unavailable: openvino: not installed" in answer.out

    def test_a_store_that_fails_is_4_and_keeps_what_it_has(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        added: list[str] = []
        add = Store.add

        def fill_the_disk(self: Store, measurement: Measurement, **options: Any) -> None:
            if added:
                raise StoreError("the store selector.db could not be written: the disk is full")
            add(self, measurement, **options)
            added.append(measurement.id)

        with monkeypatch.context() as patch:
            patch.setattr(Store, "add", fill_the_disk)
            answer = cli("evaluate", "fake.yaml", "--quiet")
        assert answer.code == 4
        assert answer.out == ""
        assert answer.err == "selector: the store selector.db could not be written: the disk is full\n"
        again = cli("evaluate", "fake.yaml")
        assert again.code == 0
        assert "2 in the store already, 2 to measure" in again.err

    def test_a_store_that_cannot_be_opened_is_4(self, cli: Cli) -> None:
        answer = cli("evaluate", "fake.yaml", "--store", "sqlite:///no/such/folder/selector.db")
        assert answer.code == 4
        assert "no/such/folder" in answer.err
        assert answer.out == ""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_stopping_is_130_and_the_same_command_goes_on(
        self, cli: Cli, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
    ) -> None:
        def stop_at_the_second(self: PlainProgress, planned: Planned, done: int, left: int) -> None:
            if done == 1:
                os.kill(os.getpid(), number)

        with monkeypatch.context() as patch:
            patch.setenv("SELECTOR_FAKE_FAULTS", "*@openvino=timed_out")
            patch.setattr(PlainProgress, "measures", stop_at_the_second, raising=False)
            answer = cli("evaluate", "fake.yaml")
        assert answer.code == 130
        assert "it was interrupted" in answer.out
        assert "2 not measured" in answer.out
        assert "stopping: the candidate at work is dropped" in answer.err
        again = cli("evaluate", "fake.yaml")
        assert again.code == 0
        assert "2 in the store already, 2 to measure" in again.err

    def test_an_interruption_at_once_is_130(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("selector.journey.decide", interrupt)
        answer = cli("evaluate", "fake.yaml", "--quiet")
        assert answer.code == 130
        assert answer.err == "selector: interrupted; what was measured is kept, the same command goes on\n"
