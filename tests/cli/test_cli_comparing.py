"""compare: two candidates, runs, devices or stores on the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.cli_calls import Cli
from support.fake_profiles import LONG, SHORT, profile_text

from selector.store import Store

EAGER, OPENVINO = f"{LONG}@eager", f"{LONG}@openvino"


@pytest.fixture
def run_id(evaluated: None) -> str:
    """The run in the store."""
    with Store("sqlite:///selector.db", read_only=True) as store:
        return store.run("latest").id


@pytest.fixture
def second(run_id: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> str:
    """Another run, in which one way is slower, by another profile."""
    monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*@openvino=slower")
    Path("other.yaml").write_text(profile_text(requirements={"latency_p95": "< 40 ms", "accuracy_top1": "> 70 %"}))
    assert cli("evaluate", "other.yaml", "--force", "--quiet").code == 0
    with Store("sqlite:///selector.db", read_only=True) as store:
        assert store.run("latest").id != run_id
        return store.run("latest").id


class TestCandidates:
    @pytest.mark.usefixtures("evaluated")
    def test_of_the_newest_run(self, cli: Cli, run_id: str) -> None:
        answer = cli("compare", OPENVINO, EAGER)
        assert answer.code == 0
        assert f"run {run_id}" in answer.out
        assert f"  A  {OPENVINO}: the choice" in answer.out
        assert "A is better" in answer.out
        assert "(Bonferroni)" in answer.out
        assert "    optimization: openvino → eager" in answer.out
        assert "parameters" not in answer.out
        assert "parameters" in cli("compare", OPENVINO, EAGER, "--all").out

    @pytest.mark.usefixtures("evaluated")
    def test_of_a_profile_or_of_a_named_run(self, cli: Cli, run_id: str) -> None:
        assert "what the store holds" in cli("compare", OPENVINO, EAGER, "--profile", "fake.yaml").out
        assert f"run {run_id}" in cli("compare", OPENVINO, EAGER, "--profile", run_id[:-2]).out

    @pytest.mark.usefixtures("evaluated")
    def test_json(self, cli: Cli) -> None:
        document = cli("compare", OPENVINO, EAGER, "--json").json
        assert (document["schema_version"], document["kind"]) == ("1.0", "candidate")
        assert (document["first"]["id"], document["second"]["id"]) == (OPENVINO, EAGER)
        (p50,) = [one for one in document["differences"] if one["metric"] == "latency_p50"]
        assert p50["unit"] == "s"
        assert p50["ratio"]["low"] > 2
        assert (p50["beyond_noise"], p50["better"], p50["basis"]) == (True, "first", "intervals")

    @pytest.mark.usefixtures("evaluated")
    def test_two_tags_share_their_measurement(self, cli: Cli) -> None:
        out = cli("compare", f"{SHORT}@eager", f"{LONG}@eager", "--all").out
        assert "one measurement" in out
        assert "B is better" in out  # the published accuracy
        assert "within noise" not in out

    @pytest.mark.usefixtures("evaluated")
    def test_enough_of_a_name(self, cli: Cli) -> None:
        assert cli("compare", LONG + "@o", "mobilenetv4_conv_small.e1200*@openvino").code == 0

    @pytest.mark.usefixtures("evaluated")
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["nothing", "such"], "'nothing' is nothing that can be compared. Looked for: a store"),
            ([EAGER, "nothing"], "'nothing' is nothing that can be compared"),
            ([EAGER, f"{LONG}@openvinx"], "did you mean"),
            ([EAGER, "latest"], "compare two of one kind"),
            (["mobilenetv4@eager", EAGER], "means 2 candidates"),
            ([EAGER, OPENVINO, "--environment", "ab"], "--environment cannot be given with a run"),
            ([EAGER, OPENVINO, "--device", "fake"], "name one with --profile"),
            ([EAGER, OPENVINO, "--profile", "no-such-run"], "unknown run"),
            ([EAGER, ""], "'' is nothing that can be compared"),
            (["fake", "cpu"], "add --profile PROFILE"),
            (["fake", "cpu", "--profile", "fake.yaml"], "no measurements of the device 'cpu'"),
            (["fake", "latest", "--profile", "fake.yaml"], "compare two of one kind"),
            (["latest", "20999999-none"], "'20999999-none' is nothing that can be compared"),
            (["none.db", "selector.db"], "there is no store none.db"),
            (["selector.db", "latest"], "'selector.db' is a store and 'latest' is a run"),
            (["latest", "latest", "--profile", "latest"], "are compared by a profile"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_wrong_calls(self, cli: Cli, arguments: list[str], said: str) -> None:
        answer = cli("compare", *arguments)
        assert answer.code == 2, answer.out
        assert answer.out == ""
        assert said in answer.err
        assert not Path("none.db").exists()

    def test_without_a_store(self, cli: Cli) -> None:
        answer = cli("compare", EAGER, OPENVINO)
        assert answer.code == 2
        assert "there is no store selector.db" in answer.err


class TestRuns:
    def test_what_differs(self, cli: Cli, run_id: str, second: str) -> None:
        answer = cli("compare", run_id, second)
        assert answer.code == 0
        assert f"both choose {OPENVINO}" in answer.out
        assert "+3" in answer.out
        assert "A is better" in answer.out
        assert "requirements.latency_p95: < 50 ms → < 40 ms" in answer.out
        assert f"{SHORT}@eager" not in answer.out

    def test_all(self, cli: Cli, run_id: str, second: str) -> None:
        out = cli("compare", run_id, second, "--all").out
        assert f"{SHORT}@eager" in out
        assert "within noise" in out

    def test_json_and_its_mirror(self, cli: Cli, run_id: str, second: str) -> None:
        there, back = cli("compare", run_id, second, "--json").json, cli("compare", second, run_id, "--json").json
        assert there["kind"] == "run"
        assert there["first"] == back["second"]
        assert {one["id"] for one in there["candidates"]} == {one["id"] for one in back["candidates"]}
        (changed,) = [one for one in there["candidates"] if one["id"] == OPENVINO]
        keys = {one["metric"]: one["better"] for one in changed["differences"]}
        assert keys["latency_p50"] == "first"
        assert there["profile_differences"][0] == {
            "name": "requirements.latency_p95",
            "first": "< 50 ms",
            "second": "< 40 ms",
        }

    def test_both_by_one_profile(self, cli: Cli, run_id: str, second: str) -> None:
        out = cli("compare", run_id, second, "--profile", "other.yaml", "--all").out
        assert "the profile is the same" in out

    def test_a_run_with_itself(self, cli: Cli, run_id: str) -> None:
        out = cli("compare", run_id, "latest").out
        assert "every candidate stands where it stood" in out
        assert "differs beyond the noise" in out
        assert "Bonferroni" not in out


class TestPlacesAndStores:
    def test_two_environments(self, cli: Cli, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        assert run_id
        monkeypatch.setattr("selector.devices.fake.library_versions", lambda _: (("torch", "99.0"),))
        monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*@eager=slower")
        assert cli("evaluate", "fake.yaml", "--quiet").code == 0
        with Store("sqlite:///selector.db", read_only=True) as store:
            new, old = store.environments()
        answer = cli("compare", old.id[:8], new.id[:8], "--profile", "fake.yaml")
        assert answer.code == 0
        assert "    versions.torch: " in answer.out
        assert "→ 99.0" in answer.out
        assert f"{LONG}@eager" in answer.out
        assert "+3" in answer.out
        mixed = cli("compare", "fake", old.id, "--profile", "fake.yaml", "--json").json
        assert mixed["kind"] == "device"
        assert mixed["first"]["environment"] == new.id

    def test_two_stores(self, cli: Cli, run_id: str) -> None:
        assert run_id
        shutil.copy("selector.db", "old.db")
        for arguments in (("selector.db", "old.db"), ("sqlite:///old.db", "selector.db", "--profile", "fake.yaml")):
            answer = cli("compare", *arguments)
            assert answer.code == 0, answer.err
            assert "store old.db" in answer.out
            assert "every candidate stands where it stood" in answer.out

    def test_a_store_without_runs(self, cli: Cli, run_id: str) -> None:
        assert run_id
        Store("sqlite:///empty.db").close()
        answer = cli("compare", "empty.db", "selector.db")
        assert answer.code == 2
        assert "the store empty.db has no run to compare" in answer.err


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a|b", "`id`", "[red]x[/]", "名前 🦙", "../../x"])
def test_hostile_names_of_profiles_stay_text(cli: Cli, name: str) -> None:
    Path("hostile.yaml").write_text(profile_text(name=name), encoding="utf-8")
    answer = cli("compare", OPENVINO, EAGER, "--profile", "hostile.yaml")
    assert answer.out.startswith(f"{name} on fake device")
    assert cli("compare", OPENVINO, EAGER, "--profile", "hostile.yaml", "--json").json["profile"] == name
    assert f": {name} on fake device" in cli("compare", "fake", "fake", "--profile", "hostile.yaml").out


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize(
    "name", ["a\nb\x1b[31m", "\u202egnp.exe", "-", "@", "@@", "*", "[", "%", "0" * 5000, "名前", "://"]
)
def test_hostile_arguments_are_2_and_harmless(cli: Cli, name: str) -> None:
    for first, second in ((name, EAGER), (EAGER, f"{name}@eager"), (name, name), ("latest", name)):
        answer = cli("compare", "--", first, second)
        assert (answer.code, answer.out) == (2, ""), (first, second)
        assert "internal error" not in answer.err
        assert "\x1b" not in answer.err
        assert "\u202e" not in answer.err
        assert len(answer.err) < 2000
