"""models, optimizations, devices, validate: what there is, and why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cli_calls import Cli
from support.fake_profiles import profile_text

from selector.catalog import COLUMNS, load_catalog, published_top1
from selector.devices import DEVICES
from selector.optimizations import OPTIMIZATIONS


class TestModels:
    def test_the_first_are_shown_and_all_are_counted(self, cli: Cli) -> None:
        answer = cli("models")
        assert answer.code == 0
        assert answer.out.splitlines()[0].split() == [
            "model",
            "family",
            "size",
            "parameters",
            "gmacs",
            "top-1",
            "licence",
        ]
        assert len(answer.out.splitlines()) == 41
        assert f"{len(load_catalog()):,} models; the first 40 shown, --all shows all" in answer.err
        everything = cli("models", "--all", "--quiet")
        assert len(everything.out.splitlines()) == len(load_catalog()) + 1
        assert everything.err == ""

    def test_filters_narrow_it(self, cli: Cli) -> None:
        found = cli(
            *("models", "--family", "convnext", "--max-parameters", "30 M", "--min-top1", "80 %"),
            *("--license", "apache-2.0", "--max-gmacs", "10", "--sort", "top1", "--json"),
        ).json
        assert len(found) > 3
        assert {one["family"] for one in found} == {"convnext"}
        assert {one["license"] for one in found} == {"apache-2.0"}
        assert all(one["parameters"] <= 30e6 and one["gmacs"] <= 10 for one in found)
        shares = [published_top1(load_catalog().facts(one["name"])) or 0.0 for one in found]
        assert all(share >= 0.8 for share in shares)
        assert shares in (sorted(shares), sorted(shares, reverse=True))
        assert len(found) < len(cli("models", "--family", "convnext", "--json").json)

    def test_words_are_looked_for(self, cli: Cli) -> None:
        answer = cli("models", "resnet18.a1_in1k")
        assert answer.out.splitlines()[1].split()[:2] == ["resnet18.a1_in1k", "resnet"]

    @pytest.mark.parametrize("column", [*COLUMNS, "size", "top-1", "licence"])
    def test_every_column_sorts_either_way(self, cli: Cli, column: str) -> None:
        value = COLUMNS[{"size": "image_size", "top-1": "top1", "licence": "license"}.get(column, column)].value
        for direction, down in (("--ascending", False), ("--descending", True)):
            found = cli("models", "--family", "convnext", "--sort", column, direction, "--json").json
            values = [value(load_catalog().facts(one["name"])) for one in found]
            known = [one for one in values if one is not None]
            assert values[: len(known)] == known
            assert known == sorted(known, reverse=down)
            assert len(set(map(str, known))) > 1 or column == "family"

    def test_limits_from_both_sides(self, cli: Cli) -> None:
        found = cli(
            *("models", "--min-size", "256", "--max-size", "288px", "--min-parameters", "5 M", "--min-gmacs", "1"),
            *("--min-activations", "10 M", "--max-activations", "30 M", "--min-top5", "95 %", "--json"),
        ).json
        assert len(found) > 5
        for one in found:
            assert 256 <= max(one["image_size"]) <= 288
            assert one["parameters"] >= 5e6
            assert one["gmacs"] >= 1
            assert 10e6 <= one["activations"] <= 30e6
            assert any(figure["top5"] >= 0.95 for figure in one["published"])

    def test_what_is_asked_for_gets_a_column(self, cli: Cli) -> None:
        assert "activations" not in cli("models", "resnet18.*").out
        heading = cli("models", "resnet18.*", "--sort", "activations").out.splitlines()[0]
        assert "activations" in heading
        heading = cli(
            "models", "--min-top5", "90 %", "--pretraining", "in22k", "--tag", "*_ft_in1k"
        ).out.splitlines()[0]
        assert {"top-5", "pretraining"} <= set(heading.split())

    def test_families_are_counted(self, cli: Cli) -> None:
        assert cli("models", "--families", "--json").json == load_catalog().families()
        assert "convnext" in cli("models", "--families").out

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--family", "convnxt"], "did you mean 'convnext'"),
            (["--license", "apache-2"], "did you mean 'apache-2.0'"),
            (["--sort", "topp1"], "did you mean 'top1'"),
            (["--max-parameters", "many"], "--max-parameters: "),
            (["--min-top1", "85"], "--min-top1: "),
            (["--max-gmacs", "few"], "--max-gmacs"),
            (["--tag", "fb_in22k_ft_in1kk"], "did you mean 'fb_in22k_ft_in1k'"),
            (["--pretraining", "in22"], "did you mean 'in22k'"),
            (["--dataset", "imagenet-1"], "did you mean 'imagenet-1k'"),
            (["--min-size", "big"], "--min-size must be a number of pixels"),
            (["--min-activations", "many"], "--min-activations: "),
        ],
    )
    def test_wrong_filters_are_2(self, cli: Cli, arguments: list[str], said: str) -> None:
        answer = cli("models", *arguments)
        assert answer.code == 2
        assert said in answer.err
        assert answer.out == ""


class TestOptimizations:
    def test_every_way_is_listed_with_what_it_is(self, cli: Cli) -> None:
        answer = cli("optimizations", "--device", "fake")
        assert answer.code == 0
        rows = answer.out.splitlines()[3:]
        assert {row.split()[0] for row in rows} == set(OPTIMIZATIONS.names())
        assert all("runs here" in row for row in rows)

    def test_what_cannot_run_says_why(self, cli: Cli) -> None:
        found = {one["name"]: one for one in cli("optimizations", "--device", "cpu", "--json").json}
        assert set(found) == set(OPTIMIZATIONS.names())
        assert found["eager"]["available"]
        assert found["eager"]["reason"] is None
        for one in found.values():
            assert one["available"] == (one["reason"] is None)
            assert set(one["devices"]) <= {"cpu", "cuda"}

    def test_another_device_is_2(self, cli: Cli) -> None:
        assert cli("optimizations", "--device", "tpu").code == 2


class TestDevices:
    def test_what_is_here_and_what_is_not(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(DEVICES.get("cuda"), "detect", classmethod(lambda kind: []))
        monkeypatch.setattr(DEVICES.get("cuda"), "why_absent", classmethod(lambda kind: "no driver is here"))
        answer = cli("devices")
        assert answer.code == 0
        assert [line.split()[0] for line in answer.out.splitlines()] == ["device", "cpu", "fake", "cuda"]
        assert "not here: no driver is here" in answer.out
        document = cli("devices", "--json").json
        assert [one["target"] for one in document["devices"]] == ["cpu", "fake"]
        assert document["absent"] == {"cuda": "no driver is here"}


class TestValidate:
    @pytest.mark.parametrize("profile", ["quickstart", "cloud_api", "profiles/quickstart.yaml"])
    def test_the_bundled_profiles_are_valid(self, cli: Cli, profile: str) -> None:
        answer = cli("validate", profile)
        assert answer.code == 0
        assert ": valid. " in answer.out

    def test_what_it_selects_is_counted(self, cli: Cli) -> None:
        assert cli("validate", "fake.yaml").out == "fake.yaml: valid. 3 models × 2 ways = 6 candidates\n"
        document = cli("validate", "fake.yaml", "--json").json
        assert (document["models"], document["optimizations"]) == (3, 2)
        assert document["profile"]["requirements"]
        assert cli("validate", "fake.yaml", "--quiet").out == ""

    def test_all_errors_stand_with_file_line_and_column(self, cli: Cli) -> None:
        Path("wrong.yaml").write_text(
            "name: wrong\n"
            "workload: {task: image-classification, batch_sise: 3}\n"
            "requirements:\n"
            '  latency_95: "< 50 ms"\n'
            '  accuracy_top1: "> 85 apples"\n'
            "candidates: {models: [resnet18]}\n"
        )
        for command in ("validate", "evaluate", "rank"):
            answer = cli(command, "wrong.yaml")
            assert answer.code == 2
            assert answer.out == ""
            assert "wrong.yaml:2:40: unknown key 'batch_sise' in workload, did you mean 'batch_size'?" in answer.err
            assert "wrong.yaml:4:3: unknown metric 'latency_95', did you mean 'latency_p95'?" in answer.err
            assert "wrong.yaml:5:18: accuracy_top1: unknown unit 'apples'" in answer.err
            assert '  4 |   latency_95: "< 50 ms"\n    |   ^\n' in answer.err
        assert [path.name for path in Path().glob("*.db")] == []

    @pytest.mark.parametrize(
        ("candidates", "said"),
        [
            ({"models": ["resnet18.nope"]}, "unknown model 'resnet18.nope'"),
            ({"families": ["convnxt"]}, "did you mean 'convnext'"),
            ({"models": ["resnet18"], "optimizations": ["egaer"]}, "did you mean 'eager'"),
        ],
    )
    def test_names_are_checked_too(self, cli: Cli, candidates: dict[str, list[str]], said: str) -> None:
        Path("names.yaml").write_text(profile_text(candidates=candidates))
        answer = cli("validate", "names.yaml")
        assert answer.code == 2
        assert said in answer.err

    def test_keys_of_later_versions_are_refused_as_such(self, cli: Cli) -> None:
        Path("later.yaml").write_text(
            profile_text(workload={"task": "image-classification", "arrival_rate": "40 /s"})
        )
        answer = cli("validate", "later.yaml")
        assert answer.code == 2
        assert "not supported yet" in answer.err

    def test_no_such_profile(self, cli: Cli) -> None:
        answer = cli("validate", "quickstrat")
        assert answer.code == 2
        assert "did you mean 'quickstart'" in answer.err
