"""rank, explain and report: what is said again from the store."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from support.cli_calls import Cli
from support.fake_profiles import LONG, SHORT, SMALL, profile_text

from selector.reports.json_report import schema
from selector.store import Store

READING = (("rank", "fake.yaml"), ("explain", "fake.yaml", f"{LONG}@eager"), ("report", "latest"))


@pytest.fixture
def run_id(evaluated: None) -> str:
    with Store("sqlite:///selector.db", read_only=True) as store:
        return store.run("latest").id


@pytest.mark.usefixtures("evaluated")
class TestRank:
    def test_it_decides_again(self, cli: Cli) -> None:
        answer = cli("rank", "fake.yaml")
        assert answer.code == 0
        assert f"\n  {LONG} @ openvino\n" in answer.out
        assert answer.err == ""

    def test_json_is_that_of_the_evaluation(self, cli: Cli) -> None:
        ranked = cli("rank", "fake.yaml", "--json").json
        jsonschema.validate(ranked, schema(), jsonschema.Draft202012Validator)
        run = cli("report", "latest", "--json").json
        for name in ("winner", "ranked", "rejected", "undecided", "profile", "environment"):
            assert ranked[name] == run[name]
        assert ranked["run_id"] is None

    def test_its_exit_code_is_the_decisions(self, cli: Cli) -> None:
        Path("strict.yaml").write_text(profile_text(requirements={"latency_p50": "< 1 ms"}))
        answer = cli("rank", "strict.yaml")
        assert answer.code == 1
        assert "relax latency_p50" in answer.out

    def test_the_front_over_any_metrics(self, cli: Cli) -> None:
        answer = cli("rank", "fake.yaml", "--front", "accuracy_top1, latency_p90")
        assert answer.code == 0
        first, _, heading, *rows = answer.out.splitlines()
        assert first.startswith("Of the feasible candidates ")
        assert heading.split("  ")[-1].strip() == "p90 ms (less is better)"
        assert any(f"{LONG}@openvino" in row for row in rows)
        front = cli("rank", "fake.yaml", "--front", "accuracy_top1,latency_p90", "--json").json["front"]
        assert len(front["members"]) == len(rows)
        feasible = cli("rank", "fake.yaml", "--json").json["ranked"]
        assert len(front["members"]) + front["dominated"] + front["unknown"] == len(feasible)
        assert front["members"][0]["metrics"]["latency_p90"]["unit"] == "s"
        assert "unknown metric 'speed'" in cli("rank", "fake.yaml", "--front", "speed").err

    def test_a_front_over_what_is_not_known_says_what_is_missing(self, cli: Cli) -> None:
        answer = cli("rank", "fake.yaml", "--front", "energy_per_image")
        assert answer.out.startswith("Of the feasible candidates 0 on the front, 0 dominated, ")
        assert " lack energy" in answer.out
        assert answer.out.count("\n") == 1

    def test_only_narrows_it(self, cli: Cli) -> None:
        document = cli("rank", "fake.yaml", "--json", "--only", "*@eager", "--skip", "*e1200*").json
        assert [one["id"] for one in document["ranked"]] == [f"{LONG}@eager"]

    def test_an_environment_can_be_chosen(self, cli: Cli) -> None:
        environment = cli("rank", "fake.yaml", "--json").json["environment"]["id"]
        assert cli("rank", "fake.yaml", "--environment", environment[:8]).code == 0
        wrong = cli("rank", "fake.yaml", "--environment", "zzz")
        assert wrong.code == 2
        assert "unknown environment 'zzz'" in wrong.err

    def test_another_device_has_no_measurements(self, cli: Cli) -> None:
        answer = cli("rank", "fake.yaml", "--device", "cuda")
        assert answer.code == 2
        assert "no measurements of the device 'cuda'" in answer.err
        assert "it has fake" in answer.err


@pytest.mark.usefixtures("evaluated")
class TestExplain:
    def test_why_it_won(self, cli: Cli) -> None:
        answer = cli("explain", "fake.yaml", f"{LONG}@openvino")
        assert answer.code == 0
        lines = answer.out.splitlines()
        assert lines[0] == f"{LONG}@openvino"
        assert lines[1].startswith("  the choice")
        assert "    holds      top-1 74.6 %, limit > 70 %, 4.6 points to spare" in lines
        assert any(line.startswith("    holds      p95 ") and line.endswith(" to spare") for line in lines)
        assert any(line.startswith("    latency_p95 ") and "ms to " in line and "samples" in line for line in lines)
        assert "    measured on random weights" in lines

    def test_why_it_was_excluded(self, cli: Cli) -> None:
        answer = cli("explain", "fake.yaml", f"{SMALL}@eager")
        assert answer.code == 0
        assert "  rejected before measuring" in answer.out
        assert "top-1 67.6 %, limit > 70 %, 2.4 points under" in answer.out
        assert any(line.split() == ["latency_p95", "–", "(not", "measured)"] for line in answer.out.splitlines())

    def test_enough_of_the_name_is_enough(self, cli: Cli) -> None:
        assert cli("explain", "fake.yaml", "mobilenetv4_conv_small.e1200*@eager").out.startswith(f"{SHORT}@eager\n")
        assert cli("explain", "fake.yaml", "mobilenetv3_small_100@openvino").out.startswith(f"{SMALL}@openvino\n")

    def test_too_little_of_it_is_2_and_lists_what_it_means(self, cli: Cli) -> None:
        answer = cli("explain", "fake.yaml", "mobilenetv4")
        assert answer.code == 2
        assert "means 4 candidates" in answer.err
        assert f"{SHORT}@openvino" in answer.err

    def test_a_wrong_name_is_2_and_offers_a_near_one(self, cli: Cli) -> None:
        answer = cli("explain", "fake.yaml", f"{LONG}@egaer")
        assert answer.code == 2
        assert f"did you mean '{LONG}@eager'" in answer.err

    @pytest.mark.parametrize(
        ("candidates", "reference", "said"),
        [
            ({"models": [LONG]}, f"{SHORT}@eager", f"candidates.models ({LONG}) selects other models"),
            ({"families": ["resnet"]}, f"{SHORT}@eager", "candidates.families (resnet) selects other models"),
            (
                {"models": [SMALL, LONG, SHORT], "exclude": ["*e1200*"]},
                f"{SHORT}@eager",
                "candidates.exclude takes it",
            ),
            ({"models": [LONG], "optimizations": ["openvino-*", "eager"]}, f"{LONG}@openvino", "(openvino-*, eager)"),
            ({"models": [LONG]}, "resnet18@eager", "its family is resnet"),
        ],
    )
    def test_what_the_profile_leaves_out_is_told_by_its_key(
        self, cli: Cli, candidates: dict[str, list[str]], reference: str, said: str
    ) -> None:
        Path("narrow.yaml").write_text(profile_text(candidates=candidates))
        answer = cli("explain", "narrow.yaml", reference)
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.splitlines()[1] == "  not considered"
        assert said in answer.out
        document = cli("explain", "narrow.yaml", reference, "--json").json
        assert document["status"] == "left_out"
        assert said in document["reasons"][0]
        assert answer.out.startswith(f"{document['id']}\n")

    def test_what_the_run_was_told_to_leave_out(self, cli: Cli) -> None:
        assert cli("evaluate", "fake.yaml", "--only", f"{LONG}@*", "--quiet").code == 0
        answer = cli("explain", "latest", f"{SHORT}@eager")
        assert answer.code == 0
        assert "the profile selects it, but the run considered others only" in answer.out

    @pytest.mark.parametrize("reference", ["resnet18.a1_in1q@eager", "resnet18.a1_in1k@eagr", "resnet19@eager"])
    def test_what_does_not_exist_stays_unknown(self, cli: Cli, reference: str) -> None:
        answer = cli("explain", "fake.yaml", reference)
        assert answer.code == 2
        assert f"unknown candidate '{reference}'" in answer.err

    def test_json_is_the_candidate_of_the_report(self, cli: Cli) -> None:
        explained = cli("explain", "fake.yaml", f"{SHORT}@eager", "--json").json
        assert [explained.pop(name) for name in ("status", "admitted_by")] == ["ranked", None]
        assert isinstance(explained.pop("dominated_by"), list)
        ranked = cli("rank", "fake.yaml", "--json").json["ranked"]
        assert explained == next(one for one in ranked if one["id"] == f"{SHORT}@eager")

    def test_a_failure_shows_its_log(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*@openvino=export_failed")
        assert cli("evaluate", "fake.yaml", "--force", "--quiet").code == 3
        answer = cli("explain", "fake.yaml", f"{LONG}@openvino")
        assert answer.code == 0
        assert "\n  failed\n" in answer.out
        assert "export_failed: planted fault" in answer.out
        assert "ExportFailedError: planted fault" in answer.out
        assert "Traceback" in cli("explain", "fake.yaml", f"{LONG}@openvino", "--verbose").out

    def test_what_was_never_measured(self, cli: Cli) -> None:
        Path("wider.yaml").write_text(profile_text(candidates={"models": [LONG], "optimizations": ["compile"]}))
        answer = cli("explain", "wider.yaml", f"{LONG}@compile")
        assert answer.code == 0
        assert "\n  not measured\n" in answer.out


class TestReport:
    def test_a_run_by_any_name(self, cli: Cli, run_id: str) -> None:
        texts = {cli("report", name).out for name in ("latest", run_id, run_id[:15])}
        assert len(texts) == 1
        assert texts.pop().startswith("# fake-profile on fake device")

    def test_a_profile_is_decided_anew(self, cli: Cli, run_id: str) -> None:
        answer = cli("report", "fake.yaml", "--format", "json")
        assert answer.code == 0
        assert answer.json["run_id"] is None
        assert cli("report", run_id, "--format", "json").json["run_id"] == run_id

    def test_several_formats_go_to_a_folder(self, cli: Cli, run_id: str) -> None:
        answer = cli("report", "latest", "--format", "md, json", "--output", "deep/reports")
        assert answer.code == 0
        assert answer.out == ""
        assert sorted(path.name for path in Path("deep/reports").iterdir()) == [
            "fake-profile.json",
            "fake-profile.md",
        ]
        assert "wrote deep/reports/fake-profile.md" in answer.err
        document = json.loads(Path("deep/reports/fake-profile.json").read_text(encoding="utf-8"))
        jsonschema.validate(document, schema(), jsonschema.Draft202012Validator)
        assert cli("report", "latest", "--output", "quiet", "--quiet").err == ""

    def test_several_formats_need_a_folder(self, cli: Cli, run_id: str) -> None:
        answer = cli("report", "latest", "--format", "md,json")
        assert answer.code == 2
        assert "--output DIR" in answer.err
        assert answer.out == ""

    @pytest.mark.parametrize(
        ("formats", "said"),
        [("docx", "unknown report"), ("jsno", "'json'"), ("", "no format")],
    )
    def test_a_wrong_format_is_2(self, cli: Cli, run_id: str, formats: str, said: str) -> None:
        answer = cli("report", "latest", "--format", formats, "--output", "out")
        assert answer.code == 2
        assert said in answer.err
        assert not Path("out").exists()

    def test_all_formats_are_written_beside_each_other(self, cli: Cli, run_id: str) -> None:
        assert cli("report", "latest", "--format", "md,html,pdf,json,csv", "--output", "all").code == 0
        files = {path.suffix: path.read_bytes() for path in Path("all").iterdir()}
        assert set(files) == {".md", ".html", ".pdf", ".json", ".csv"}
        assert files[".pdf"].startswith(b"%PDF-")
        assert files[".html"].startswith(b"<!DOCTYPE html>")
        assert all(run_id.encode() in text for suffix, text in files.items() if suffix != ".pdf")
        first = files[".csv"].decode().splitlines()
        assert first[0].startswith("id,status,rank,")
        assert first[1].startswith(f"{LONG}@openvino,ranked,1,")

    def test_csv_is_printed(self, cli: Cli, run_id: str) -> None:
        answer = cli("report", "latest", "--format", "csv")
        assert answer.code == 0
        assert answer.out.startswith("id,status,rank,model,")

    def test_what_is_no_text_is_not_printed(self, cli: Cli, run_id: str) -> None:
        answer = cli("report", "latest", "--format", "pdf")
        assert (answer.code, answer.out) == (2, "")
        assert "'pdf' is no text to print: add --output DIR" in answer.err

    def test_a_missing_package_is_told_with_what_to_install(
        self, cli: Cli, run_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("selector.reports.base.importlib.util.find_spec", lambda _: None)
        answer = cli("report", "latest", "--format", "html", "--output", "out")
        assert answer.code == 2
        assert (
            "the packages altair, vl_convert are not installed: pip install 'vision-selector[report]'" in answer.err
        )
        assert not Path("out").exists()

    def test_an_unknown_run_is_2(self, cli: Cli, run_id: str) -> None:
        answer = cli("report", "20200101-000000-aaaa")
        assert answer.code == 2
        assert "unknown run" in answer.err

    def test_the_same_run_gives_the_same_text(self, cli: Cli, run_id: str) -> None:
        assert cli("report", run_id).out == cli("report", run_id).out

    def test_a_folder_that_cannot_be_made_is_2(self, cli: Cli, run_id: str) -> None:
        Path("taken").write_text("a file")
        answer = cli("report", "latest", "--output", "taken/deeper")
        assert answer.code == 2
        assert "could not be written" in answer.err


class TestReadingAlone:
    @pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
    def test_without_a_store_it_says_what_to_do(self, cli: Cli, command: tuple[str, ...]) -> None:
        answer = cli(*command)
        assert answer.code != 0
        assert "there is no store selector.db" in answer.err
        assert "selector evaluate PROFILE" in answer.err
        assert answer.out == ""
        assert not Path("selector.db").exists()

    @pytest.mark.usefixtures("evaluated")
    @pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
    def test_the_store_is_not_changed(self, cli: Cli, command: tuple[str, ...]) -> None:
        before = Path("selector.db").read_bytes()
        assert cli(*command).code == 0
        assert Path("selector.db").read_bytes() == before

    @pytest.mark.usefixtures("evaluated")
    @pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
    def test_what_every_command_takes(self, cli: Cli, command: tuple[str, ...]) -> None:
        assert cli(*command, "--quiet", "--verbose", "--no-input", "--debug").code == 0
        assert cli(*command, "--store", "sqlite:///none.db").code != 0
