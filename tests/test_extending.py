"""The package of docs/extending.md, installed as it stands there, adds to selector without a change to it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "extending.md"
COMMAND = "import sys; from selector.cli import main; sys.exit(main())"
PROFILE = """
name: outside
description: A way, a metric and a report format of another package.
workload: {task: image-classification, image_size: 64}
device: {target: auto}
requirements: {latency_spread: "< 10 s"}
objective: {minimize: latency_spread}
candidates:
  models: [test_efficientnet.r160_in1k]
  optimizations: [captured, eager]
evaluation: {candidate_time: 0.5 s}
"""


def files() -> dict[str, str]:
    """Path to content of the package that the page shows."""
    text = PAGE.read_text(encoding="utf-8")
    return dict(re.findall(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)```", text, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A working folder; `site` in it holds the installed package."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    folder = tmp_path_factory.mktemp("outside")
    for name, content in files().items():
        path = folder / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    # Its build backend comes with torch; nothing is asked of an index.
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--offline"]
    subprocess.run(
        [*command, "--python", sys.executable, "--target", str(folder / "site"), str(folder / "package")],
        check=True,
        timeout=300,
    )
    (folder / "outside.yaml").write_text(PROFILE)
    return folder


def selector(folder: Path, *arguments: str) -> str:
    """What the command prints where the package is installed; run elsewhere than in the checkout."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "site")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_page_shows_a_whole_package() -> None:
    assert set(files()) == {
        "pyproject.toml",
        "selector_captured/way.py",
        "selector_captured/spread.py",
        "selector_captured/lines.py",
    }


def test_the_way_is_listed(folder: Path) -> None:
    ways = {one["name"]: one for one in json.loads(selector(folder, "optimizations", "--device", "cpu", "--json"))}
    assert ways["captured"]["available"] is True
    assert ways["captured"]["description"] == "the graph of torch.export"
    assert "eager" in ways


def test_nothing_of_it_is_there_without_the_package(folder: Path) -> None:
    program = "from selector.optimizations import OPTIMIZATIONS; print('captured' in OPTIMIZATIONS)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=folder)
    assert done.stdout.strip() == "False"


def test_a_decision_by_the_metric_is_written_in_the_format(folder: Path) -> None:
    """On the simulated device, where timing is exact; the store is read again by another command."""
    here = ["outside.yaml", "--device", "fake"]
    printed = json.loads(selector(folder, "evaluate", *here, "--json", "--report", "first.lines"))
    ranked = [one["id"] for one in printed["ranked"]]
    assert sorted(ranked) == [f"test_efficientnet.r160_in1k@{way}" for way in ("captured", "eager")]
    spread = printed["winner"]["metrics"]["latency_spread"]
    assert spread["unit"] == "s"
    assert 0 < spread["value"] < 10
    assert printed["winner"]["requirements"]["latency_spread"]["verdict"] == "holds"
    lines = (folder / "first.lines").read_text()
    assert lines.splitlines() == [f"{place} {name}" for place, name in enumerate(ranked, 1)]
    again = json.loads(selector(folder, "rank", *here, "--json"))
    assert [one["id"] for one in again["ranked"]] == ranked
    selector(folder, "report", *here, "--format", "lines,md", "--output", "reports")
    assert (folder / "reports" / "outside.lines").read_text() == lines
    assert "latency_spread" in (folder / "reports" / "outside.md").read_text()


MEASURE = """
import json, sys
from pathlib import Path
from support.real_models import EFFICIENTNET, workbench
from selector.devices import resolve

if __name__ == "__main__":
    with workbench(resolve("cpu"), Path(sys.argv[1])) as bench:
        measurement = bench.measure(bench.planned(EFFICIENTNET, "captured")).measurement
    agreement = measurement.observation and measurement.observation.agreement.relative_error
    print(json.dumps([measurement.outcome.value, measurement.message, agreement]))
"""


@pytest.mark.slow
def test_the_way_is_measured_and_computes_the_model(folder: Path) -> None:
    """Really captured, in a candidate's own process, and compared with fp32 eager before it is timed."""
    program = folder / "measure.py"
    program.write_text(MEASURE)
    path = os.pathsep.join((str(folder / "site"), str(Path(__file__).parent)))
    done = subprocess.run(
        [sys.executable, str(program), str(folder / "cache")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcome, message, error = json.loads(done.stdout.splitlines()[-1])
    assert outcome in ("ok", "unstable"), message
    assert error < 1e-4
