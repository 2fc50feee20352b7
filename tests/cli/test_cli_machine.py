"""doctor and init: exit codes, what they print, what they write."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cli_calls import Cli

from selector.cli.asking import NONE, PRIORITIES, QUESTIONS, answered
from selector.doctor import CHECKS
from selector.errors import UsageError
from selector.requirements import bundled_profiles, load_profile, parse_profile
from selector.requirements.template import render_profile
from selector.search.names import unknown_names

COMMAND = (sys.executable, "-c", "from selector.cli import main; main()")
SECONDS = 120


class TestDoctor:
    def test_a_simulated_device_is_fine(self, cli: Cli) -> None:
        answer = cli("doctor", "--device", "fake", "--only", "eager", "--only", "openvino*")
        assert answer.code == 0
        assert "looking at: Noise" in answer.err
        lines = answer.out.splitlines()
        assert sum(line.startswith("  ok    openvino") for line in lines) == 5
        assert lines[-1] == "  selector evaluate quickstart --device fake"
        assert [path.name for path in Path().iterdir()] == ["fake.yaml"]

    def test_a_broken_way_is_1_and_named(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SELECTOR_FAKE_FAULTS", "*@openvino=build_failed")
        answer = cli("doctor", "--device", "fake", "--only", "openvino", "--json", "--quiet")
        assert answer.code == 1
        assert answer.err == ""
        document = answer.json
        (ways,) = [one for one in document["checks"] if one["name"] == "ways"]
        (finding,) = ways["findings"]
        assert finding["result"] == "fail"
        assert "planted fault: the engine could not be built" in finding["found"]
        assert document["totals"]["fail"] == document["exit_code"] == 1

    def test_quick_is_one_object_with_every_check(self, cli: Cli) -> None:
        document = cli("doctor", "--device", "fake", "--quick", "--json").json
        assert {one["name"] for one in document["checks"]} == set(CHECKS.names())
        assert document["device"]["target"] == "fake"
        assert document["schema_version"] == 1

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--device", "tpu"], "unknown device 'tpu'"),
            (["--device", "cuda:99"], "cuda"),
            (["--only", "egaer"], "did you mean 'eager'"),
            (["--store", "selector.db"], "sqlite:///selector.db"),
        ],
    )
    def test_a_wrong_call_is_2(self, cli: Cli, arguments: list[str], said: str) -> None:
        answer = cli("doctor", "--quick", *arguments)
        assert answer.code == 2
        assert said in answer.err
        assert answer.out == ""


class TestInit:
    @pytest.mark.parametrize("base", bundled_profiles())
    def test_without_questions_it_writes_what_the_base_says(self, cli: Cli, base: str) -> None:
        answer = cli("init", "mine.yaml", "--from", base, "--no-input")
        assert answer.code == 0
        assert "selector evaluate mine.yaml --dry-run" in answer.out
        assert cli("validate", "mine.yaml").code == 0
        written, meant = load_profile("mine.yaml"), load_profile(base)
        assert written.name == "mine"
        for part in ("workload", "device", "objective", "candidates", "licenses", "agreement", "evaluation"):
            assert getattr(written, part) == getattr(meant, part), part
        assert {one.key: one.limit for one in written.requirements} == {
            one.key: one.limit for one in meant.requirements
        }

    def test_nothing_is_written_over_unless_forced(self, cli: Cli) -> None:
        Path("mine.yaml").write_text("precious")
        refused = cli("init", "mine.yaml", "--no-input")
        assert refused.code == 2
        assert "--force" in refused.err
        assert Path("mine.yaml").read_text() == "precious"
        assert cli("init", "mine.yaml", "--no-input", "--force").code == 0
        assert load_profile("mine.yaml").name == "mine"
        assert sorted(path.name for path in Path().iterdir()) == ["fake.yaml", "mine.yaml"]

    def test_the_device_is_that_of_the_call(self, cli: Cli) -> None:
        assert cli("init", "mine.yaml", "--no-input", "--device", "cuda:1", "--json").json["path"] == "mine.yaml"
        assert load_profile("mine.yaml").device.target == "cuda:1"

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--device", "gpu"], "did you mean 'cuda'"),
            (["--from", "ballanced"], "did you mean 'balanced'"),
        ],
    )
    def test_a_wrong_call_is_2_and_writes_nothing(self, cli: Cli, arguments: list[str], said: str) -> None:
        answer = cli("init", "mine.yaml", "--no-input", *arguments)
        assert answer.code == 2
        assert said in answer.err
        assert not Path("mine.yaml").exists()

    def test_where_nothing_can_be_written_it_says_so(self, cli: Cli) -> None:
        Path("file").write_text("")
        answer = cli("init", "file/mine.yaml", "--no-input")
        assert answer.code == 2
        assert "file/mine.yaml could not be written" in answer.err

    def test_without_a_terminal_nothing_is_asked(self) -> None:
        done = subprocess.run(
            [*COMMAND, "init", "mine.yaml"], input="", capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0
        assert "brackets" not in done.stderr
        assert load_profile("mine.yaml").name == "mine"

    def test_a_written_profile_decides_on_the_fake_device(self, cli: Cli) -> None:
        cli("init", "mine.yaml", "--no-input", "--device", "fake")
        assert cli("evaluate", "mine.yaml", "--only", "*@openvino", "--quiet").code == 0

    def test_answers_are_asked_on_a_terminal_until_they_can_be(self) -> None:
        answers = [
            "edge cam",
            "cpu",
            "many",
            "4",
            "80",
            "80 ms",
            "80 %",
            "latency",
            "convnxt",
            "convnext mobilenetv3",
        ]
        out, err = on_a_terminal(["init", "mine.yaml"], answers)
        profile = load_profile("mine.yaml", unknown_names)
        assert (profile.name, profile.device.target, profile.workload.batch_size) == ("edge cam", "cpu", 4)
        assert {one.key: one.text for one in profile.requirements} == {
            "latency_p95": "< 80 ms",
            "accuracy_top1": ">= 80 %",
        }
        assert (profile.objective.direction, profile.objective.metric) == ("minimize", "latency_p50")
        assert profile.candidates.families == ("convnext", "mobilenetv3")
        assert profile.candidates.models == ()
        for complaint in ("must be a whole number", "has no unit", "did you mean 'convnext'"):
            assert complaint in err
        assert "wrote mine.yaml" in out


def on_a_terminal(arguments: list[str], answers: list[str]) -> tuple[str, str]:
    """Runs a command whose input and errors are a terminal; each answer is typed when a question stands there.

    Returns:
        Standard output, and what the terminal showed.
    """
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TERM": "dumb"},
    ) as process:
        os.close(theirs)
        shown, fresh, deadline = "", "", time.monotonic() + SECONDS
        left = list(answers)
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    piece = os.read(ours, 4096).decode(errors="replace")
                except OSError:
                    break  # the other end is closed
                if not piece:
                    break
                shown, fresh = shown + piece, fresh + piece
            elif fresh.rstrip(" ").endswith(":") and left:
                fresh = ""
                os.write(ours, f"{left.pop(0)}\n".encode())
            elif process.poll() is not None:
                break
        assert process.stdout is not None
        out = process.stdout.read()
        process.wait(timeout=10)
    os.close(ours)
    assert process.returncode == 0, shown
    assert left == [], shown
    return out, shown


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    base=st.sampled_from(bundled_profiles()),
    name=st.text(min_size=1, max_size=30),
    device=st.sampled_from(["auto", "cpu", "cuda", "cuda:3", "fake", "tpu", ""]),
    batch=st.sampled_from(["1", "8", "0", "-1", "x", "1e3", "64"]),
    latency=st.sampled_from([NONE, "50 ms", "< 2 s", "<= 1 min", "50", "> 3 ms", "0 ms", "fast"]),
    accuracy=st.sampled_from([NONE, "80 %", "> 75 %", "0.8", "80", "101 %", "< 70 %"]),
    priority=st.sampled_from([*PRIORITIES, "accuracy_top5", "latency_p99", "beauty"]),
    families=st.sampled_from(["convnext", "swin, vit", "vision_transformer", "nonsense", "*", " "]),
)
def test_whatever_is_answered_what_is_written_can_be_read(
    base: str, name: str, device: str, batch: str, latency: str, accuracy: str, priority: str, families: str
) -> None:
    """An answer is either refused with a message or leads to a profile that `validate` takes."""
    profile = load_profile(base)
    for question, answer in zip(QUESTIONS, (name, device, batch, latency, accuracy, priority, families), strict=True):
        if not question.fits(profile):
            continue
        try:
            profile = answered(question, profile, answer)
        except UsageError:
            continue
        read = parse_profile(render_profile(profile), "init.yaml", unknown_names)
        assert {one.key: one.limit for one in read.requirements} == {
            one.key: one.limit for one in profile.requirements
        }
        assert read.candidates == profile.candidates
        assert read.objective == profile.objective
