"""A visit: every check is heard, whatever one of them meets; what is broken is told with its message."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.failing_ways import CLAIMS_TO_RUN, CannotBeAsked, ClaimsToRun, plant, uproot

from selector.artifacts import ArtifactCache
from selector.devices import DEVICES, resolve
from selector.doctor import CHECKS, Check, Finding, Report, Visit, check, document, examine, render_text
from selector.doctor.visiting import SYMPTOMS
from selector.engines.lock import device_lock
from selector.engines.run import Options
from selector.optimizations import OPTIMIZATIONS

QUICK_CHECKS = ("libraries", "devices", "compiler", "disk", "processor", "noise")


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    cache = ArtifactCache(tmp_path / "cache")
    return Visit(resolve("fake"), f"sqlite:///{tmp_path}/s.db", Options(cache=cache, offline=True), asked="fake")


def of(report: Report, name: str) -> dict[str, Finding]:
    """Findings of one check by subject."""
    (found,) = [found for one, found in report.checks if one.name == name]
    return {finding.subject: finding for finding in found}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("visit")
    options = Options(cache=ArtifactCache(folder / "cache"), offline=True)
    return examine(Visit(resolve("fake"), f"sqlite:///{folder}/s.db", options, asked="fake"))


def test_every_registered_check_is_heard_in_its_place(whole: Report) -> None:
    assert [one.name for one, _ in whole.checks] == [*QUICK_CHECKS, "ways"]
    assert all(found for _, found in whole.checks)
    assert sum(whole.totals.values()) == len(whole.findings)


def test_every_way_is_proven_and_timed_against_eager(whole: Report) -> None:
    found = of(whole, "ways")
    assert set(found) == set(OPTIMIZATIONS.names())
    assert {one.result for one in found.values()} == {"ok"}
    eager = found["eager"].figures["latency_p50"]
    assert "times_eager" not in found["eager"].figures
    for name, one in found.items():
        assert one.figures["relative_error"] <= one.figures["tolerance"]
        if name != "eager":
            assert one.figures["times_eager"] == pytest.approx(eager / one.figures["latency_p50"])
    assert found["openvino"].figures["times_eager"] > 1.2  # the fake device is so made


def test_nothing_is_left_behind_and_no_store_is_made(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert examine(replace(visit, ways=("eager",))).exit_code == 0
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "s.db").exists()
    assert not (tmp_path / "cache").exists()


def test_quick_leaves_the_ways_out(visit: Visit) -> None:
    report = examine(replace(visit, quick=True))
    assert {one.result for one in of(report, "ways").values()} == {"skipped"}
    assert report.next_command == "selector doctor --device fake"


@pytest.mark.parametrize("fault", ["build_failed", "wrong_output", "crashed", "fallback", "out_of_memory"])
def test_a_way_that_fails_is_told_and_the_others_are_proven(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("SELECTOR_FAKE_FAULTS", f"*@openvino={fault}")
    report = examine(replace(visit, ways=("eager", "openvino*")))
    found = of(report, "ways")
    assert found["openvino"].result == "fail"
    assert fault in found["openvino"].found
    assert found["eager"].result == found["openvino-bf16"].result == "ok"
    assert report.exit_code == 1
    assert "FAIL  openvino " in render_text(report)


@pytest.fixture
def cannot_be_asked() -> Iterator[None]:
    OPTIMIZATIONS.names()
    plant(CannotBeAsked)
    yield
    uproot(CannotBeAsked)


@pytest.mark.usefixtures("cannot_be_asked")
def test_a_way_that_cannot_be_asked_is_a_finding(visit: Visit) -> None:
    report = examine(replace(visit, device=resolve("cpu")))
    (only,) = of(report, "ways").values()
    assert (only.subject, only.result) == ("cannot-be-asked", "fail")
    assert "the planted driver is of another version" in only.found
    assert report.exit_code == 1


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A way that claims to run: here, and where candidates fork."""
    OPTIMIZATIONS.names()
    plant(ClaimsToRun)
    cpu = DEVICES.get("cpu")
    monkeypatch.setattr(cpu, "preload", (*cpu.preload, "support.failing_ways_server"))
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    )
    yield
    uproot(ClaimsToRun)


@pytest.mark.slow
@pytest.mark.usefixtures("planted")
def test_on_the_real_cpu_a_planted_way_fails_beside_eager(visit: Visit) -> None:
    report = examine(replace(visit, device=resolve("cpu"), ways=("eager", CLAIMS_TO_RUN)))
    found = of(report, "ways")
    assert found["eager"].result in ("ok", "warn")
    assert found["eager"].figures["relative_error"] <= 1e-3
    assert found[CLAIMS_TO_RUN].result == "fail"
    assert "the planted engine does not start" in found[CLAIMS_TO_RUN].found
    assert report.exit_code == 1


@pytest.fixture
def registered() -> Iterator[list[str]]:
    """Takes checks away that a test has registered, by the names put into this list."""
    CHECKS.names()
    names: list[str] = []
    yield names
    for name in names:
        CHECKS._entries.pop(name)


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=lambda kind: kind.__name__)
def test_a_check_that_raises_does_not_end_the_visit(
    visit: Visit, registered: list[str], monkeypatch: pytest.MonkeyPatch, symptom: type[Exception]
) -> None:
    def look(_: Visit) -> Iterator[Finding]:
        yield Finding("before", "ok", "was seen")
        raise symptom("it hurts here")

    kept = [entry for entry in CHECKS._entries if entry == "processor"]
    monkeypatch.setattr(CHECKS, "_entries", {name: CHECKS.get(name) for name in kept})
    check("hurts", "What hurts", 1)(look)
    report = examine(visit)
    assert [finding.result for finding in of(report, "hurts").values()] == ["ok", "fail"]
    assert "it hurts here" in of(report, "hurts")["hurts"].found
    assert [one.name for one, _ in report.checks] == ["hurts", "processor"]
    assert report.exit_code == 1


def test_a_busy_device_is_not_waited_for_for_ever(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selector.doctor.ways._PATIENCE_SECONDS", 0.2)
    cpu = resolve("cpu")
    began = time.monotonic()
    with device_lock(
        "cpu", cpu.environment(None, ()).device_id, tmp_path, waiting=lambda: None, stopping=lambda: False
    ):
        found = of(examine(replace(visit, device=cpu, ways=("eager",))), "ways")
    (only,) = found.values()
    assert only.result == "skipped"
    assert "another run" in only.found
    assert time.monotonic() - began < 100


def test_the_documents_agree_with_the_text(whole: Report) -> None:
    made = json.loads(json.dumps(document(whole)))
    assert made["totals"] == whole.totals
    assert [one["name"] for one in made["checks"]] == [one.name for one, _ in whole.checks]
    text = render_text(whole)
    for finding in whole.findings:
        assert finding.subject in text
    assert max(map(len, text.splitlines())) <= 118 or "/" in text
    assert f"{whole.totals['ok']} in order" in text
    assert text.endswith(f"  {whole.next_command}\n")


def test_results_decide_the_code_and_the_next_command() -> None:
    def made(*results: str, quick: bool = False) -> Report:
        found = tuple(Finding("x", result, "y") for result in results)  # type: ignore[arg-type]
        return Report("a cpu", "cpu", "auto", ((Check("c", "C", 1, lambda _: ()), found),), quick=quick)

    assert made("ok", "warn", "skipped").exit_code == 0
    assert made("ok", "fail").exit_code == 1
    assert made("ok").next_command == "selector evaluate quickstart"
    assert made("ok", quick=True).next_command == "selector doctor"
    assert made("fail").next_command == "selector optimizations"


def test_the_package_imports_no_runtime() -> None:
    code = "import sys, selector.doctor as d; d.CHECKS.names(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert {"torch", "timm", "onnxruntime", "openvino"} & set(done.stdout.split()) == set()
