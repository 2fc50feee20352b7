"""What the shell offers after Tab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.fake_profiles import LONG, SHORT, SMALL

from selector.catalog import COLUMNS, load_catalog
from selector.cli import completion
from selector.devices import DEVICES
from selector.metrics import METRICS
from selector.optimizations import OPTIMIZATIONS
from selector.reports.base import FORMATS
from selector.requirements import bundled_profiles
from selector.store import Store

COMMAND = (sys.executable, "-c", "from selector.cli import main; main()")
HEAVY = {"torch", "timm", "onnxruntime", "openvino", "scipy", "numpy"}


def line(**parameters: Any) -> Any:
    """What stands on the line before the word that is completed."""
    return SimpleNamespace(params=parameters)


@pytest.mark.parametrize(
    ("completer", "names"),
    [
        (completion.models, load_catalog().names()),
        (completion.families, load_catalog().families()),
        (completion.columns, COLUMNS),
        (completion.ways, OPTIMIZATIONS.names()),
        (completion.metrics, METRICS.names()),
        (completion.devices, ["auto", *DEVICES.names()]),
        (completion.formats, FORMATS.names()),
        (completion.bundled, bundled_profiles()),
    ],
    ids=["models", "families", "columns", "ways", "metrics", "devices", "formats", "bundled"],
)
def test_names_that_begin_as_the_word_does(completer: Any, names: Any) -> None:
    assert completer(line(), "") == list(names)
    start = max(names, key=len)[:3]
    assert completer(line(), start) == [name for name in names if name.startswith(start)]
    assert completer(line(), "no such beginning") == []


def test_profiles_are_ready_made_ones_and_files() -> None:
    Path("edges").mkdir()
    Path("edges/one.yml").write_text("")
    Path("edges/notes.txt").write_text("")
    Path(".hidden.yaml").write_text("")
    assert completion.profiles(line(), "edge") == ["edge_device", "edges/"]
    assert completion.profiles(line(), "edges/") == ["edges/one.yml"]
    assert completion.profiles(line(), "f") == ["fake.yaml"]
    assert completion.profiles(line(), "nowhere/f") == []


def test_candidates_are_those_of_the_profile() -> None:
    offered = completion.candidates(line(profile="fake.yaml"), "")
    assert offered == [f"{model}@{way}" for model in (SMALL, SHORT, LONG) for way in ("eager", "openvino")]
    assert completion.candidates(line(profile="fake.yaml"), f"{SMALL}@o") == [f"{SMALL}@openvino"]
    everywhere = completion.candidates(line(profile="no such"), "resnet18.a1")
    assert f"resnet18.a1_in1k@{OPTIMIZATIONS.names()[0]}" in everywhere


@pytest.mark.usefixtures("evaluated")
def test_runs_are_those_of_the_store() -> None:
    with Store("sqlite:///selector.db", read_only=True) as store:
        (run,) = store.runs()
    before = {path.name: path.stat().st_mtime_ns for path in Path().glob("selector.db")}
    assert completion.runs(line(), "") == ["latest", run.id]
    assert completion.runs(line(), run.id[:6]) == [run.id]
    assert run.id in completion.profiles_and_runs(line(store="sqlite:///selector.db"), "")
    assert {path.name: path.stat().st_mtime_ns for path in Path().glob("selector.db")} == before


@pytest.mark.usefixtures("evaluated")
def test_what_can_be_compared() -> None:
    with Store("sqlite:///selector.db", read_only=True) as store:
        (run,) = store.runs()
    offered = completion.comparable(line(profile="fake.yaml"), "")
    assert offered[:2] == ["latest", run.id]
    assert {"fake", "cpu", "selector.db", f"{SMALL}@eager"} < set(offered)
    assert "fake.yaml" not in offered
    assert completion.comparable(line(profile="fake.yaml"), f"{SMALL}@") == [f"{SMALL}@eager", f"{SMALL}@openvino"]


@pytest.mark.parametrize("store", ["sqlite:///none.db", "nonsense", "sqlite:///fake.yaml", "sqlite:////no/where.db"])
def test_a_store_that_cannot_be_read_offers_nothing_and_is_not_made(store: str) -> None:
    assert completion.runs(line(store=store), "") == []
    assert not Path("none.db").exists()


def bash(*words: str, last: int | None = None) -> list[str]:
    """What bash gets for a line, by the protocol of its completion script."""
    variables = {
        **os.environ,
        completion.VARIABLE: "complete_bash",
        "COMP_WORDS": "\n".join(["selector", *words]),
        "COMP_CWORD": str(len(words) if last is None else last),
    }
    done = subprocess.run([*COMMAND], capture_output=True, text=True, timeout=60, env=variables, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split()


class TestBash:
    def test_commands_and_options(self) -> None:
        assert {"doctor", "devices"} < set(bash("d"))
        assert "--min-activations" in bash("models", "--min-a")

    def test_models_profiles_and_ways(self) -> None:
        assert bash("models", "resnet18.a1") == ["resnet18.a1_in1k"]
        assert bash("validate", "speed") == ["speed_first"]
        assert bash("doctor", "--only", "openvino-") == ["openvino-bf16", "openvino-fp16", "openvino-int8"]
        assert bash("models", "--family", "swinv2_") == ["swinv2_cr"]
        assert bash("models", "--sort", "act") == ["activations"]

    def test_candidates_of_the_profile_on_the_line(self) -> None:
        assert bash("explain", "fake.yaml", SMALL) == [f"{SMALL}@eager", f"{SMALL}@openvino"]

    def test_a_candidate_that_bash_breaks_at_the_sign(self) -> None:
        """COMP_WORDBREAKS has "@": bash completes what stands behind it alone."""
        assert bash("explain", "fake.yaml", SMALL, "@", "op") == sorted(
            name for name in OPTIMIZATIONS.names() if name.startswith("openvino")
        )
        assert set(bash("explain", "fake.yaml", SMALL, "@", last=4)) == set(OPTIMIZATIONS.names())

    @pytest.mark.usefixtures("evaluated")
    def test_runs_of_the_store(self) -> None:
        assert bash("report", "lat") == ["latest"]

    @pytest.mark.usefixtures("evaluated")
    def test_arguments_of_compare_and_check(self) -> None:
        assert bash("compare", "lat") == ["latest"]
        assert bash("compare", "latest", "selector.d") == ["selector.db"]
        assert bash("compare", "a", "b", "--profile", "fake.y") == ["fake.yaml"]
        assert bash("check", "fake.yaml", "--baseline", "lat") == ["latest"]
        assert bash("check", "speed") == ["speed_first"]

    def test_the_script_can_be_had(self) -> None:
        variables = {**os.environ, completion.VARIABLE: "source_bash"}
        done = subprocess.run([*COMMAND], capture_output=True, text=True, timeout=60, env=variables, check=True)
        assert "complete -o default -F _selector_completion selector" in done.stdout


def test_completing_imports_no_runtime_and_no_numerics() -> None:
    code = (
        "import json, sys; from types import SimpleNamespace as line; from selector.cli import completion as c\n"
        "made = [c.models, c.families, c.tags, c.licenses, c.datasets, c.columns, c.ways, c.metrics, c.devices,\n"
        "        c.strategies, c.formats, c.profiles, c.runs, c.candidates, c.comparable]\n"
        "for one in made: one(line(params={'profile': 'fake.yaml'}), '')\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert set(json.loads(done.stdout)) & HEAVY == set()
