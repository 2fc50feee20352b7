"""check: the choice of a run, measured again on the fake device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.cli_calls import Cli
from support.fake_profiles import LONG, SHORT, profile_text

from selector.devices.fake import Fake
from selector.store import Store
from selector.types import Environment

CHOICE = f"{LONG}@openvino"


@pytest.fixture
def run_id(evaluated: None) -> str:
    """The run in the store."""
    with Store("sqlite:///selector.db", read_only=True) as store:
        return store.run("latest").id


def ranking(cli: Cli) -> str:
    return cli("rank", "fake.yaml").out


def plant(patch: pytest.MonkeyPatch, faults: str) -> None:
    patch.setenv("SELECTOR_FAKE_FAULTS", faults)


@pytest.fixture
def upgraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same device with another version of every library."""
    monkeypatch.setattr("selector.devices.fake.library_versions", lambda names: tuple((name, "99") for name in names))


def elsewhere(patch: pytest.MonkeyPatch, **changes: object) -> None:
    made = Fake.environment

    def environment(self: Fake, threads: int | None, libraries: tuple[str, ...]) -> Environment:
        return replace(made(self, threads, libraries), **changes)

    patch.setattr(Fake, "environment", environment)


class TestFindings:
    def test_no_worse_is_0_and_changes_no_ranking(self, cli: Cli, run_id: str) -> None:
        before = ranking(cli)
        answer = cli("check", "fake.yaml", "--baseline", "latest")
        assert answer.code == 0
        assert answer.out.startswith(f"no worse: {CHOICE}, the choice of run {run_id}, in 1 visit\n")
        assert "the environment is the same" in answer.out
        assert f"[1/1] {CHOICE}  p50" in answer.err
        assert ranking(cli) == before

    def test_worse_is_5(self, cli: Cli, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        plant(monkeypatch, "*=slower")
        before = ranking(cli)
        answer = cli("check", "fake.yaml", "--baseline", run_id, "--quiet", "--all")
        assert answer.code == 5
        assert answer.out.startswith(f"REGRESSION: {CHOICE}")
        assert "found worse in 3 visits: p95" in answer.out
        assert all(f"visit {number}" in answer.out for number in (1, 2, 3))
        assert answer.err == ""
        assert ranking(cli) == before

    def test_what_is_tolerated_is_0(self, cli: Cli, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        plant(monkeypatch, "*=slower")
        answer = cli("check", "fake.yaml", "--baseline", run_id, "--quiet", "--tolerance", "50 %")
        assert answer.code == 0
        assert "up to 50 % worse is tolerated" in answer.out

    @pytest.mark.parametrize("fault", ["out_of_memory", "build_failed", "crashed", "wrong_output"])
    def test_a_failure_is_5_with_its_outcome(
        self, cli: Cli, run_id: str, monkeypatch: pytest.MonkeyPatch, fault: str
    ) -> None:
        plant(monkeypatch, f"*={fault}")
        answer = cli("check", "fake.yaml", "--baseline", run_id, "--quiet")
        assert answer.code == 5
        assert f"visit 3: {fault}" in answer.out

    def test_a_way_that_is_gone_is_5(self, cli: Cli, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("selector.journey.unavailable_ways", lambda _: {"openvino": "openvino is not installed"})
        before = ranking(cli)
        answer = cli("check", "fake.yaml", "--baseline", run_id, "--quiet")
        assert answer.code == 5
        assert "is unavailable now" in answer.out
        assert "unavailable: openvino is not installed" in answer.out
        assert ranking(cli) == before

    def test_disturbed_all_the_time_is_1(self, cli: Cli, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        plant(monkeypatch, "*=unstable")
        before = ranking(cli)
        answer = cli("check", "fake.yaml", "--baseline", run_id, "--quiet")
        assert answer.code == 1
        assert answer.out.startswith("not proven: ")
        assert ranking(cli) == before

    def test_json(self, cli: Cli, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        plant(monkeypatch, "*=slower")
        answer = cli("check", "fake.yaml", "--baseline", run_id, "--json")
        document = answer.json
        assert (answer.code, document["exit_code"], document["finding"]) == (5, 5, "worse")
        assert (document["baseline"], document["candidate"]) == (run_id, CHOICE)
        assert [one["finding"] for one in document["visits"]] == ["worse"] * 3
        metrics = {one["metric"]: one for one in document["visits"][0]["metrics"]}
        assert metrics["latency_p95"]["loss"]["value"] == pytest.approx(1.3, rel=0.05)
        assert metrics["latency_p95"]["requirement"] == ["holds", "holds"]
        assert metrics["accuracy_top1"]["finding"] == "held"

    @pytest.mark.usefixtures("upgraded")
    def test_across_an_upgrade(self, cli: Cli, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Named, not in the way; and the ranking stays that of the environment that was evaluated."""
        before = ranking(cli)
        plant(monkeypatch, "*=slower")
        answer = cli("check", "fake.yaml", "--baseline", run_id, "--quiet", "--json")
        assert answer.code == 5
        named = {one["name"]: one["second"] for one in answer.json["environment_differences"]}
        assert named["versions.openvino"] == "99"
        assert ranking(cli) == before


class TestRuns:
    def test_it_is_a_run_that_can_be_looked_at_and_is_no_baseline(self, cli: Cli, run_id: str) -> None:
        document = cli("check", "fake.yaml", "--baseline", run_id, "--json").json
        made = document["run_id"]
        assert cli("report", "latest", "--json").json["run_id"] == run_id
        assert [one["id"] for one in cli("report", made, "--json").json["ranked"]] == [CHOICE]
        out = cli("compare", run_id, made).out
        assert f"run {made} (a check)" in out
        refused = cli("check", "fake.yaml", "--baseline", made)
        assert refused.code == 2
        assert "is a check and chose nothing itself" in refused.err

    def test_again_and_again(self, cli: Cli, run_id: str) -> None:
        assert [cli("check", "fake.yaml", "--baseline", "latest", "--quiet").code for _ in range(2)] == [0, 0]
        with Store("sqlite:///selector.db", read_only=True) as store:
            assert [run.is_check for run in store.runs()] == [True, True, False]
            assert {run.status for run in store.runs()} == {"finished"}

    def test_interrupted_it_keeps_the_store_and_can_be_given_again(
        self, cli: Cli, run_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from selector.engines.server import Stopped

        def stop(*_: object) -> None:
            raise Stopped

        with monkeypatch.context() as patch:
            patch.setattr("selector.engines.checkup.Checkup.run", stop)
            assert cli("check", "fake.yaml", "--baseline", run_id, "--quiet").code == 130
        with Store("sqlite:///selector.db", read_only=True) as store:
            assert store.runs()[0].status == "interrupted"
        assert cli("check", "fake.yaml", "--baseline", run_id, "--quiet").code == 0


class TestWrongCalls:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--baseline", "nope"], "unknown run 'nope'"),
            (["--baseline", "latest", "--tolerance", "much"], "--tolerance: "),
            (["--baseline", "latest", "--tolerance=-5 %"], "--tolerance must not be below zero"),
            (["--baseline", "latest", "--device", "cpu"], "was measured with device kind 'fake', this is 'cpu'"),
            ([], "--baseline"),
        ],
        ids=" ".join,
    )
    def test_options(self, cli: Cli, run_id: str, arguments: list[str], said: str) -> None:
        assert run_id
        answer = cli("check", "fake.yaml", *arguments)
        assert answer.code == 2
        assert said in answer.err
        assert answer.out == ""
        with Store("sqlite:///selector.db", read_only=True) as store:
            assert len(store.runs()) == 1

    @pytest.mark.parametrize(
        ("sections", "said"),
        [
            ({"workload": {"task": "image-classification", "batch_size": 8}}, "batch size 1 there and 8 here"),
            ({"candidates": {"models": [LONG], "optimizations": ["eager"]}}, "no longer considers"),
            ({"requirements": {"accuracy_top1": "> 99 %"}}, "rules " + CHOICE + " out unmeasured"),
            ({"device": {"target": "fake", "threads": 3}}, "write `threads: 1` below `device`"),
        ],
        ids=["workload", "candidates", "excluded", "threads"],
    )
    def test_another_profile(self, cli: Cli, run_id: str, sections: dict[str, object], said: str) -> None:
        Path("other.yaml").write_text(profile_text(**sections))
        answer = cli("check", "other.yaml", "--baseline", run_id)
        assert answer.code == 2
        assert said in answer.err

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"device_id": "fake-1"}, "check on the machine that measured it"),
            ({"protocol": 99}, "this version measures otherwise"),
        ],
        ids=["device", "protocol"],
    )
    def test_another_device(
        self, cli: Cli, run_id: str, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], said: str
    ) -> None:
        elsewhere(monkeypatch, **changes)
        answer = cli("check", "fake.yaml", "--baseline", run_id)
        assert answer.code == 2
        assert said in answer.err

    def test_a_run_without_a_choice(self, cli: Cli) -> None:
        Path("none.yaml").write_text(profile_text(requirements={"latency_p95": "< 1 us"}))
        assert cli("evaluate", "none.yaml", "--quiet").code == 1
        answer = cli("check", "none.yaml", "--baseline", "latest")
        assert answer.code == 2
        assert "made no choice" in answer.err

    def test_without_a_store(self, cli: Cli) -> None:
        answer = cli("check", "fake.yaml", "--baseline", "latest")
        assert answer.code == 2
        assert "there is no store" in answer.err
        assert not Path("selector.db").exists()


def test_sessions_that_differ_as_real_ones_do_raise_no_alarm(
    cli: Cli, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with a pace and a noise of its own; one that is slower by 30 % is found in every one of them."""
    for number in range(6):
        monkeypatch.setenv("SELECTOR_FAKE_SESSION", str(number))
        assert cli("check", "fake.yaml", "--baseline", run_id, "--quiet").code == 0
    plant(monkeypatch, f"{SHORT}*=slower,{LONG}*=slower")
    for number in range(3):
        monkeypatch.setenv("SELECTOR_FAKE_SESSION", f"slow {number}")
        assert cli("check", "fake.yaml", "--baseline", run_id, "--quiet").code == 5
