"""What every registered way of running keeps: its name, its needs, and why it cannot run somewhere."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
from typing import get_args

import pytest
from support.evidence import make_environment, make_facts, make_profile

from selector.devices import DEVICES
from selector.optimizations import OPTIMIZATIONS, all_libraries, unavailable_ways
from selector.search import make_plan
from selector.types import Precision, speed_identity

CONTRACT = (
    *("eager", "channels_last", "amp-bf16", "amp-fp16", "channels_last+amp-bf16", "channels_last+amp-fp16"),
    *("compile", "amp-bf16+compile", "amp-fp16+compile", "onnxruntime", "openvino", "openvino-bf16"),
    *("openvino-fp16", "onnxruntime-int8", "openvino-int8", "openvino_nncf-int8"),
    *("half-bf16", "half-fp16", "tf32", "compile-reduce-overhead", "compile-max-autotune", "compile-freezing"),
    *("onnxruntime-cuda", "onnxruntime-tensorrt", "tensorrt", "tensorrt-fp16", "tensorrt-bf16"),
    "tensorrt-int8",
    *("sdpa-math", "sdpa-flash", "sdpa-efficient", "half-bf16+sdpa-flash", "half-fp16+sdpa-cudnn"),
)
EXTRAS = (
    *("triton", "onnx", "onnxscript", "onnxruntime", "openvino", "nncf"),
    *("onnxruntime-gpu", "tensorrt", "torchao"),
)
VARIANTS = (
    *("freezing", "max-autotune", "reduce-overhead"),  # of torch.compile
    *("math", "flash", "efficient", "cudnn"),  # of attention
    *("cuda", "tensorrt"),  # providers of ONNX Runtime
)
LAYOUT, PRECISION, ATTENTION, COMPILER = range(4)

CAPABLE_CPU = make_environment(capabilities=("amx_bf16", "avx2", "avx512_bf16", "avx512_fp16"))
PLAIN_CPU = make_environment(capabilities=("avx2",))
GPU_LIBRARIES = (("onnxruntime-gpu", "1.27.0"), ("tensorrt", "11.4.0.106"), ("torch", "2.9.0"), ("triton", "3.5.0"))
NEW_GPU = make_environment(device_kind="cuda", capabilities=("sm_90",), versions=GPU_LIBRARIES)
OLD_GPU = make_environment(device_kind="cuda", capabilities=("sm_52",))
FAKE = make_environment(device_kind="fake", capabilities=())
MACHINES = {"capable": CAPABLE_CPU, "plain": PLAIN_CPU, "new": NEW_GPU, "old": OLD_GPU}

every_way = pytest.mark.parametrize("way", [way for _, way in OPTIMIZATIONS], ids=OPTIMIZATIONS.names())


def _rank(part: str) -> int:
    if part == "channels_last":
        return LAYOUT
    if part.startswith(("amp-", "half-")):
        return PRECISION
    if part.startswith("sdpa-"):
        return ATTENTION
    assert part.startswith("compile"), f"{part!r} is no layout, precision, kernel or compiler; only those are joined"
    return COMPILER


def test_the_ways_of_the_contract_are_served():
    assert set(CONTRACT) <= set(OPTIMIZATIONS.names())


@every_way
def test_a_name_tells_layout_precision_and_compiler(way):
    assert OPTIMIZATIONS.get(way.name) is way
    parts = way.name.split("+")
    variants = "|".join(VARIANTS)
    assert all(re.fullmatch(rf"[a-z][a-z0-9_]*(-({variants}))?(-(fp16|bf16|int8))?", part) for part in parts)
    if len(parts) > 1:
        ranks = [_rank(part) for part in parts]
        assert ranks == sorted(set(ranks)), "in the order layout, precision, attention, compiler, each once"


@every_way
def test_the_precision_is_the_one_in_the_name(way):
    named = re.findall(r"-(fp16|bf16|int8)", way.name)
    assert way.precision in get_args(Precision)
    assert [way.precision] == (named or ["fp32"])


@every_way
def test_a_way_is_described_in_a_line(way):
    assert 5 < len(way.description) < 120
    assert "\n" not in way.description
    assert not way.description.endswith(".")
    assert way.precision == "fp32" or way.precision in way.description


def test_no_two_ways_are_described_alike():
    descriptions = [way.description for _, way in OPTIMIZATIONS]
    assert len(set(descriptions)) == len(descriptions)


@every_way
def test_its_libraries_are_distributions(way):
    assert len(set(way.libraries)) == len(way.libraries)
    assert {"timm", "torch"} <= set(way.libraries), "the model comes from timm"
    for library in way.libraries:
        assert library == library.lower()
        # triton comes with torch's builds for GPUs only; the extras may be left out.
        if library not in EXTRAS:
            assert importlib.metadata.version(library)


def test_all_libraries_are_everybodys_sorted():
    libraries = all_libraries()
    assert list(libraries) == sorted({library for _, way in OPTIMIZATIONS for library in way.libraries})


@every_way
def test_its_packages_come_with_an_extra_that_exists(way):
    extras = importlib.metadata.metadata("vision-selector").get_all("Provides-Extra") or []
    assert {extra for _, extra in way.packages} <= set(extras)
    required = "\n".join(importlib.metadata.requires("vision-selector") or [])
    for package, extra in way.packages:
        assert re.search(rf"^{package}\b.*extra == ['\"]{extra}['\"]", required, re.MULTILINE)


@every_way
def test_int8_ways_are_calibrated(way):
    assert way.calibrated is (way.precision == "int8")


@every_way
def test_it_runs_on_devices_that_exist(way):
    assert way.runs_on
    assert set(way.runs_on) <= set(DEVICES.names())


@every_way
def test_its_settings_are_named_once(way):
    assert all(isinstance(text, str) and text for pair in way.settings for text in pair)
    assert len({name for name, _ in way.settings}) == len(way.settings)


def test_candidates_of_all_ways_have_identities_of_their_own():
    catalog = _OneModel()
    plan = make_plan(make_profile(), catalog, CAPABLE_CPU, {})
    candidates = [planned.candidate for planned in plan.considered]
    assert len(candidates) == len(OPTIMIZATIONS)
    assert len({speed_identity(candidate, CAPABLE_CPU) for candidate in candidates}) == len(candidates)
    for candidate in candidates:
        assert list(candidate.libraries) == sorted(candidate.libraries)
        assert list(candidate.settings) == sorted(candidate.settings)


class _OneModel:
    """A catalog of one model."""

    def select(self, models, families, exclude):
        return [make_facts()]


# --- availability


@every_way
@pytest.mark.parametrize("machine", MACHINES)
def test_what_cannot_run_has_a_reason_that_helps(way, machine):
    reason = way.unavailable(MACHINES[machine])
    assert reason == way.unavailable(MACHINES[machine])
    if reason is not None:
        assert len(reason) > 20
        assert not reason.endswith("."), "a clause, which stands inside a sentence"
        assert re.search(r"runs on|has no|needs|not installed", reason)


@every_way
def test_everything_is_simulated_on_the_fake_device(way):
    assert way.unavailable(FAKE) is None


@every_way
def test_it_runs_only_where_it_says(way):
    for kind, environment in (("cpu", CAPABLE_CPU), ("cuda", NEW_GPU)):
        if kind not in way.runs_on:
            assert way.unavailable(environment) == f"runs on {' and '.join(way.runs_on)} devices only"


def test_a_capable_machine_runs_all_that_is_meant_for_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    on_cpu, on_gpu = unavailable_ways(CAPABLE_CPU), unavailable_ways(NEW_GPU)
    assert [name for name, way in OPTIMIZATIONS if "cpu" in way.runs_on and name in on_cpu] == []
    assert [name for name, way in OPTIMIZATIONS if "cuda" in way.runs_on and name in on_gpu] == []


def _has_a_floor_of_its_own(name: str) -> bool:
    """Needs a newer GPU than its precision does; see the tests of attention kernels and of TensorRT."""
    return name.endswith(("sdpa-flash", "sdpa-cudnn")) or "tensorrt" in name


@pytest.mark.parametrize(
    ("kind", "capability", "bf16", "fp16"),
    [
        ("cpu", "avx512f", False, False),
        ("cpu", "avx512_bf16", True, False),
        ("cpu", "amx_bf16", True, False),
        ("cpu", "bf16", True, False),
        ("cpu", "avx512_fp16", False, True),
        ("cpu", "amx_fp16", False, True),
        ("cpu", "asimdhp", False, True),
        ("cuda", "sm_52", False, False),
        ("cuda", "sm_53", False, True),
        ("cuda", "sm_75", False, True),
        ("cuda", "sm_80", True, True),
        ("cuda", "sm_120", True, True),
    ],
)
def test_half_precision_must_be_native(monkeypatch, kind, capability, bf16, fp16):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    environment = make_environment(device_kind=kind, capabilities=(capability,), versions=GPU_LIBRARIES)
    for name, way in OPTIMIZATIONS:
        if kind in way.runs_on and way.precision in ("bf16", "fp16"):
            can = {"bf16": bf16, "fp16": fp16}[way.precision]
            reason = way.unavailable(environment)
            if can and kind == "cuda" and _has_a_floor_of_its_own(name):
                assert reason is None or "compute capability" in reason
                continue
            assert (reason is None) is can, (name, reason)
            assert can or way.precision in reason


@pytest.mark.parametrize(
    "name", [name for name in CONTRACT if name.startswith(("onnxruntime", "openvino", "tensorrt"))]
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch, name):
    way = OPTIMIZATIONS.get(name)
    for package, extra in way.packages:
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda asked, gone=package: None if asked == gone else object()
        )
        reason = way.unavailable(CAPABLE_CPU if "cpu" in way.runs_on else NEW_GPU)
        assert reason == f"the package {package} is not installed: pip install 'vision-selector[{extra}]'"


@pytest.mark.parametrize("name", [name for name in CONTRACT if "compile" in name and "reduce-overhead" not in name])
def test_compiling_on_a_cpu_needs_a_compiler(monkeypatch, name):
    way = OPTIMIZATIONS.get(name)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda program: None)
    assert "g++" in way.unavailable(CAPABLE_CPU)
    monkeypatch.setattr(shutil, "which", lambda program: program if program == "clang++" else None)
    assert way.unavailable(CAPABLE_CPU) is None
    # Where CXX is set, torch uses that one and no other.
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "compiler" in way.unavailable(CAPABLE_CPU)


def test_asking_what_can_run_imports_no_runtime():
    program = """
import sys
from selector.devices import resolve
from selector.optimizations import OPTIMIZATIONS, all_libraries, unavailable_ways
environment = resolve("cpu").environment(None, all_libraries())
unavailable_ways(environment)
assert len(OPTIMIZATIONS) >= 12
heavy = {"torch", "timm", "onnx", "onnxscript", "onnxruntime", "openvino", "nncf", "PIL"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=120)
