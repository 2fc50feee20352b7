"""Single checks, on machines made up for them."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from selector.artifacts import ArtifactCache
from selector.devices import DEVICES, resolve
from selector.devices.fake import Fake
from selector.doctor import CHECKS, Finding, Visit
from selector.doctor.libraries import KNOWN_BAD, known_bad
from selector.doctor.noise import Listening, busiest, judge, listen
from selector.doctor.processor import governor, hyper_threads, quota, turbo
from selector.engines.run import Options
from selector.owners import owner_token
from selector.profiler.lookout import Lookout


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    return Visit(resolve("cpu"), f"sqlite:///{tmp_path}/s.db", Options(cache=ArtifactCache(tmp_path / "cache")))


def look(name: str, visit: Visit) -> dict[str, Finding]:
    return {finding.subject: finding for finding in CHECKS.get(name).look(visit)}


class TestCompiler:
    def compiler(self, folder: Path, script: str) -> str:
        path = folder / "g++"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    def test_one_that_works_is_named(self, visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CXX", self.compiler(tmp_path, "echo made up 12.2"))
        found = look("compiler", visit)["C++ compiler"]
        assert found.result == "ok"
        assert "made up 12.2" in found.found

    def test_none_is_a_warning_with_what_to_install(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CXX", raising=False)
        monkeypatch.setenv("PATH", "/nowhere")
        found = look("compiler", visit)["C++ compiler"]
        assert found.result == "warn"
        assert "apt install g++" in found.advice

    def test_one_that_cannot_compile_is_broken(
        self, visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CXX", self.compiler(tmp_path, "echo 'fatal error: omp.h: No such file' >&2; exit 1"))
        found = look("compiler", visit)["C++ compiler"]
        assert found.result == "fail"
        assert "omp.h" in found.found

    def test_a_wrong_cxx_is_told(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CXX", "no-such-compiler")
        found = look("compiler", visit)["C++ compiler"]
        assert found.result == "warn"
        assert "CXX=no-such-compiler" in found.found


class TestDisk:
    def test_folders_that_are_not_there_yet_are_fine(self, visit: Visit, tmp_path: Path) -> None:
        found = look("disk", visit)
        assert found["store"].result in ("ok", "warn")
        assert str(tmp_path / "cache") in found["cache"].found
        assert list(tmp_path.iterdir()) == []

    def test_little_space_is_a_warning(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda _: _Usage(free=2**20))
        found = look("disk", visit)
        assert {found[subject].result for subject in ("store", "cache", "temporary files")} == {"warn"}
        assert found["cache"].figures == {"free_bytes": 2**20}
        assert "SELECTOR_CACHE" in found["cache"].advice

    def test_a_folder_that_cannot_be_written_to_is_broken(
        self, visit: Visit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(**_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("tempfile.TemporaryFile", refuse)
        found = look("disk", visit)
        assert found["cache"].result == "fail"
        assert "Permission denied" in found["cache"].found

    def test_a_store_that_is_none_is_broken(self, visit: Visit, tmp_path: Path) -> None:
        (tmp_path / "s.db").write_text("not a database, " * 100)
        found = look("disk", visit)["store"]
        assert found.result == "fail"
        assert "s.db" in found.found

    def test_what_dead_runs_left_is_told_and_the_living_are_left_alone(
        self, visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        assert look("disk", visit)["left by dead runs"].result == "ok"
        dead = owner_token().rpartition("-")[0] + "-1"  # this process's id, started at another time
        for name in (f"selector-{owner_token()}-living", f"selector-{dead}-x", "selector-nameless", "selector-old"):
            (tmp_path / name).mkdir()
        (tmp_path / f"selector-{dead}-x" / "log").write_bytes(b"x" * 5000)
        long_ago = time.time() - 3 * 86_400
        os.utime(tmp_path / "selector-old", (long_ago, long_ago))
        found = look("disk", visit)["left by dead runs"]
        assert found.result == "warn"
        assert found.figures == {"entries": 2.0, "bytes": 5000.0}
        assert f"selector-{dead}-x" in found.advice
        assert "selector-old" in found.advice
        assert "living" not in found.found + found.advice
        assert len(list(tmp_path.iterdir())) == 4  # it only tells


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


class TestDevices:
    def test_those_that_are_not_here_say_why(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        cuda = DEVICES.get("cuda")
        monkeypatch.setattr(cuda, "detect", classmethod(lambda kind: []))
        monkeypatch.setattr(cuda, "why_absent", classmethod(lambda kind: "the cable is loose"))
        found = look("devices", visit)
        assert found["cuda"].result == "skipped"
        assert "the cable is loose" in found["cuda"].found
        assert found["cpu (looked at here)"].figures["threads"] >= 1


class TestLibraries:
    def test_here_all_is_as_declared(self, visit: Visit) -> None:
        found = look("libraries", visit)
        assert {one.result for one in found.values()} <= {"ok", "skipped", "warn"}
        assert "torch" in found["libraries"].found

    @pytest.mark.parametrize("bad", KNOWN_BAD, ids=lambda bad: bad.packages[0][0])
    def test_each_known_bad_combination_is_recognized(self, bad: object) -> None:
        versions = {"<10.12": "10.3.0", ">=2.14": "2.14.1", "<0.18": "0.17.0", "": "1.0"}
        installed = {name: versions[wanted] for name, wanted in bad.packages}  # type: ignore[attr-defined]
        (found,) = known_bad(installed)
        assert found.result == "warn"
        assert bad.reason in found.found  # type: ignore[attr-defined]
        assert found.advice
        one_less = dict(list(installed.items())[1:])
        assert list(known_bad(one_less)) == []

    def test_good_versions_are_not_complained_of(self) -> None:
        assert (
            list(known_bad({"tensorrt": "11.0.0", "torch": "2.14.1", "torchao": "0.18.0", "onnxruntime": "1.31"}))
            == []
        )

    def test_missing_bytecode_is_a_warning(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        assert look("libraries", visit)["compiled imports"].result in ("ok", "warn")
        monkeypatch.setattr("importlib.util.cache_from_source", lambda _: "/nowhere/x.pyc")
        found = look("libraries", visit)["compiled imports"]
        assert found.result == "warn"
        assert "compileall" in found.advice


class TestProcessor:
    def write(self, folder: Path, **files: str) -> Path:
        for name, text in files.items():
            path = folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return folder

    def test_governor(self, tmp_path: Path) -> None:
        assert governor(tmp_path).result == "skipped"
        self.write(
            tmp_path, cpu0__cpufreq__scaling_governor="performance", cpu1__cpufreq__scaling_governor="performance"
        )
        assert governor(tmp_path).result == "ok"
        self.write(tmp_path, cpu1__cpufreq__scaling_governor="powersave")
        assert governor(tmp_path).result == "warn"
        assert "powersave" in governor(tmp_path).found

    @pytest.mark.parametrize(
        ("files", "result"),
        [
            ({}, "skipped"),
            ({"intel_pstate__no_turbo": "0"}, "warn"),
            ({"intel_pstate__no_turbo": "1"}, "ok"),
            ({"cpufreq__boost": "1"}, "warn"),
            ({"cpufreq__boost": "0"}, "ok"),
        ],
    )
    def test_turbo(self, tmp_path: Path, files: dict[str, str], result: str) -> None:
        assert turbo(self.write(tmp_path, **files)).result == result

    def test_hyper_threads(self, tmp_path: Path) -> None:
        assert hyper_threads(tmp_path).result == "skipped"
        assert "on" in hyper_threads(self.write(tmp_path, smt__active="1")).found
        assert "off" in hyper_threads(self.write(tmp_path, smt__active="0")).found

    @pytest.mark.parametrize(
        ("text", "result", "processors"),
        [("max 100000", "ok", None), ("200000 100000", "ok", 2.0), ("150000 100000", "warn", 1.5)],
    )
    def test_quota(self, tmp_path: Path, text: str, result: str, processors: float | None) -> None:
        (tmp_path / "cpu.max").write_text(text + "\n")
        (found,) = quota(tmp_path)
        assert found.result == result
        assert found.figures.get("processors") == processors

    def test_quota_of_the_first_version(self, tmp_path: Path) -> None:
        (tmp_path / "cpu").mkdir()
        (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("50000")
        (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
        (found,) = quota(tmp_path)
        assert found.figures == {"processors": 0.5}


QUIET = Listening(
    seconds=2.0,
    grown={
        "foreign_seconds": 0.02,
        "steal_seconds": 0.0,
        "throttled_seconds": 0.0,
        "run_queue_seconds": 0.01,
        "involuntary_switches": 3.0,
    },
    levels={"spin": 1.0, "spin_spread": 0.01},
)


class TestNoise:
    def judged(self, heard: Listening) -> dict[str, Finding]:
        return {finding.subject: finding for finding in judge(DEVICES.get("cpu")(0), heard)}

    def test_a_quiet_machine_is_fine(self) -> None:
        found = self.judged(QUIET)
        assert {"other programs", "steal", "even speed", "run queue"} <= set(found)
        assert {one.result for one in found.values()} == {"ok"}

    @pytest.mark.parametrize(
        ("reading", "seconds", "subject", "advice"),
        [
            ("foreign_seconds", 1.8, "other programs", "stop what does not need to run"),
            ("steal_seconds", 1.5, "steal", "another time"),
            ("throttled_seconds", 0.5, "quota reached", "device.threads"),
            ("run_queue_seconds", 0.4, "run queue", "stop what does not need to run"),
        ],
    )
    def test_each_disturbance_is_a_warning_of_its_own(
        self, reading: str, seconds: float, subject: str, advice: str
    ) -> None:
        found = self.judged(replace(QUIET, grown={**QUIET.grown, reading: seconds}))
        assert [name for name, one in found.items() if one.result == "warn"] == [subject]
        assert advice in found[subject].advice
        assert found[subject].figures["value"] == pytest.approx(seconds / 2.0, abs=0.02)  # a tick means nothing

    def test_who_disturbs_is_named(self) -> None:
        heard = replace(QUIET, grown={**QUIET.grown, "foreign_seconds": 1.8}, busiest=(("blender", 0.9),))
        assert "blender 0.9" in self.judged(heard)["other programs"].found

    @pytest.mark.parametrize(
        ("reading", "value", "subject"), [("spin_spread", 0.2, "even speed"), ("spin", 3.0, "usual speed")]
    )
    def test_uneven_or_slow_work_is_a_warning(self, reading: str, value: float, subject: str) -> None:
        found = self.judged(replace(QUIET, levels={**QUIET.levels, reading: value}))
        assert [name for name, one in found.items() if one.result == "warn"] == [subject]
        assert found[subject].figures["value"] == pytest.approx(value)

    def test_it_judges_as_a_measurement_does(self) -> None:
        """What a lookout calls disturbed is a warning here in the same words, and nothing else."""
        device = Fake()
        for load in (0.0, 0.08, 0.12, 0.9):
            device.load(load)
            lookout = Lookout(device, device.default_threads, device.spin())
            lookout.begin()
            device.advance(2.0)
            lookout.end()
            seen = lookout.conditions()
            grown = dict(lookout.growth)
            levels = {name: value for name, value in seen.readings.items() if name not in grown}
            warned = [one.found for one in judge(device, Listening(2.0, grown, levels)) if one.result == "warn"]
            assert tuple(warned) == seen.disturbed_by

    def test_programs_are_summed_by_name_greatest_first(self) -> None:
        before = {(1, "make"): 5.0, (2, "cc1"): 1.0, (3, "idle"): 7.0}
        after = {(1, "make"): 5.2, (2, "cc1"): 2.0, (4, "cc1"): 0.5, (3, "idle"): 7.0, (5, "new"): 3.0}
        assert busiest(before, after, 2.0) == (("cc1", 0.5), ("make", pytest.approx(0.1)))

    def test_it_really_listens(self) -> None:
        device = DEVICES.get("cpu")(0)
        heard = listen(device, 0.3)
        assert heard.seconds >= 0.3
        assert 0.2 < heard.levels["spin"] < 50
        assert {signal.reading for signal in device.signals(1)} - {"spin"} <= {*heard.grown, *heard.levels}
