"""The CUDA device and the ways that run on it, on a machine that has one: `pytest -m gpu`.

torch with CUDA runs in processes of its own, as it does for candidates.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.real_models import CONVNEXT, EFFICIENTNET, VIT, Workbench, workbench

from selector.artifacts import ArtifactCache
from selector.devices import available, resolve
from selector.devices.cuda import Cuda
from selector.doctor import Visit, examine
from selector.engines.run import Options
from selector.optimizations import OPTIMIZATIONS, all_libraries, unavailable_ways
from selector.optimizations.pytorch import TorchWay
from selector.profiler.statistics import decode
from selector.types import Measurement, Outcome, Planned

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def device() -> Cuda:
    found = Cuda.detect()
    if not found:
        pytest.skip(f"no CUDA GPU: {Cuda.why_absent()}")
    first = found[0]
    assert isinstance(first, Cuda)
    return first


def _run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def torch_sees_it(device) -> None:
    if _run("import torch; print(torch.cuda.is_available())") != "True":
        pytest.skip("this torch was built without CUDA, or cannot use the driver")


@pytest.fixture(scope="module")
def bench(device, torch_sees_it, tmp_path_factory) -> Iterator[Workbench]:
    with workbench(device, tmp_path_factory.mktemp("artifacts")) as opened:
        yield opened


# --- the device


def test_the_gpu_is_what_auto_means(device):
    assert available()[0].kind == "cuda"
    assert resolve("auto").target == resolve("cuda").target == resolve("cuda:0").target == "cuda:0"
    assert resolve("auto").name == device.name


def test_the_environment_is_the_drivers(device):
    environment = device.environment(None, all_libraries())
    assert environment.device_name == device.name != ""
    assert re.match("(GPU|MIG)-", environment.device_id)
    assert re.fullmatch(r"\d+(\.\d+)+", environment.driver)
    assert environment.memory_total > 2**30
    assert environment.power_limit is None or 5 < environment.power_limit < 5000
    assert re.fullmatch(r"sm_\d{2,3}", environment.capabilities[0])
    assert device.environment(None, all_libraries()).id == environment.id


def test_ways_for_the_cpu_are_not_offered(device):
    reasons = unavailable_ways(device.environment(None, all_libraries()))
    for name, way in OPTIMIZATIONS:
        if "cuda" not in way.runs_on:
            assert "runs on cpu devices only" in reasons[name]
    assert "eager" not in reasons


def test_torch_means_the_same_gpu(device, torch_sees_it):
    name = _run(
        "import os; os.environ['CUDA_DEVICE_ORDER'] = 'PCI_BUS_ID'\n"
        f"import torch; print(torch.cuda.get_device_name('{device.torch_device}'))"
    )
    assert name == device.name


def test_synchronizing_waits_for_the_work(torch_sees_it):
    _run(
        """
import torch
from selector.devices import resolve
device = resolve("cuda")
matrix = torch.rand(4096, 4096, device=device.torch_device)
torch.cuda.synchronize()
for _ in range(20):
    matrix = torch.nn.functional.normalize(matrix @ matrix)
done = torch.cuda.Event()
done.record()
device.synchronize()
assert done.query()
"""
    )


def test_memory_is_a_high_water_mark_that_starts_anew(torch_sees_it):
    _run(
        """
import torch
from selector.devices import resolve
MIB = 2**20
device = resolve("cuda")
torch.zeros(1, device=device.torch_device)
device.start_memory()
empty = device.read_memory()["allocated"]
block = torch.zeros(256 * MIB, dtype=torch.uint8, device=device.torch_device)
full = device.read_memory()
del block
torch.cuda.empty_cache()
after = device.read_memory()
device.start_memory()
again = device.read_memory()
assert empty < MIB, empty
assert 256 * MIB <= full["allocated"] <= full["reserved"], full
assert full["peak"] >= 256 * MIB, full
assert after["reserved"] >= 256 * MIB, after
assert again["reserved"] < 256 * MIB, again
"""
    )


def test_energy_grows_with_work(device, torch_sees_it):
    if device.energy() is None:
        pytest.skip("this GPU has no energy counter")
    joules = float(
        _run(
            """
import time, torch
from selector.devices import resolve
device = resolve("cuda")
matrix = torch.rand(4096, 4096, device=device.torch_device)
before, end = device.energy(), time.monotonic() + 1
while time.monotonic() < end:
    matrix = torch.nn.functional.normalize(matrix @ matrix)
    device.synchronize()
print(device.energy() - before)
"""
        )
    )
    # A second of work: no GPU is busy on less than a watt or on more than ten kilowatts.
    assert 1 < joules < 1e5


# --- ways of running


def _check(bench: Workbench, device: Cuda, planned: Planned) -> Measurement:
    measurement: Measurement = bench.measure(planned).measurement
    assert measurement.outcome is Outcome.OK, f"{measurement.message}\n{measurement.log}"
    observation = measurement.observation
    assert observation is not None
    assert observation.agreement is not None
    assert observation.agreement.relative_error <= observation.agreement.tolerance
    assert (decode(observation.latencies) > 0).all()
    assert observation.summary.samples > 0
    assert observation.first_call > 0
    # All weights lie on the GPU: in torch's memory, or in that of another runtime, which only the driver counts.
    weights = (planned.facts.parameters or 0) * {"fp32": 4, "int8": 1}.get(planned.candidate.precision, 2)
    if isinstance(OPTIMIZATIONS.get(planned.candidate.optimization), TorchWay):
        assert observation.memory["allocated"] >= weights
    assert observation.memory["peak"] >= weights
    assert observation.memory["peak"] >= observation.memory["reserved"] or "process" in observation.memory
    assert (observation.energy_joules is None) == (device.energy() is None)
    assert observation.energy_joules is None or observation.energy_joules >= 0
    return measurement


@pytest.mark.parametrize("model", [VIT, CONVNEXT, EFFICIENTNET])
def test_every_way_that_does_not_compile(bench, device, model):
    ways = bench.ways(model, compiling=False)
    assert {"eager", "channels_last"} <= {planned.candidate.optimization for planned in ways}
    for planned in ways:
        if planned.candidate.optimization == "tf32":
            continue  # below
        measurement = _check(bench, device, planned)
        if planned.candidate.precision != "fp32":
            error = measurement.observation.agreement.relative_error
            assert error > 1e-5, "half precision leaves traces; none means that fp32 ran"


def test_every_way_for_a_gpu_is_tried_or_says_what_it_needs(bench):
    for planned in bench.plan(VIT).considered:
        if "cuda" in OPTIMIZATIONS.get(planned.candidate.optimization).runs_on and planned.unavailable:
            print(f"{planned.candidate.optimization}: {planned.unavailable}")
            assert re.search("not installed|needs", planned.unavailable)


def test_tf32_is_less_exact_than_fp32_and_told_when_it_is_too_inexact(bench, device):
    planned = bench.planned(CONVNEXT, "tf32")
    if planned.unavailable:
        pytest.skip(planned.unavailable)
    exact = _check(bench, device, bench.planned(CONVNEXT, "eager")).observation.agreement.relative_error
    measurement = bench.measure(planned).measurement
    if measurement.outcome is Outcome.WRONG_OUTPUT:
        assert "0.001 is allowed" in measurement.message
    else:
        assert measurement.outcome is Outcome.OK, measurement.message
        assert measurement.observation.agreement.relative_error > 5 * exact


def test_a_tensorrt_engine_of_another_precision_is_a_fallback(bench, device):
    """fp32's engine in the place of fp16's: it agrees with eager better than it should."""
    engines = {}
    for way in ("tensorrt", "tensorrt-fp16"):
        planned = bench.planned(EFFICIENTNET, way, batch_size=2)
        if planned.unavailable:
            pytest.skip(planned.unavailable)
        before = set(bench.cache.folder.glob("tensorrt/*.engine"))
        _check(bench, device, planned)
        (engines[way],) = set(bench.cache.folder.glob("tensorrt/*.engine")) - before
    assert list(bench.cache.folder.glob("tensorrt-timings/*.timings"))
    engines["tensorrt-fp16"].write_bytes(engines["tensorrt"].read_bytes())
    measurement = bench.measure(bench.planned(EFFICIENTNET, "tensorrt-fp16", batch_size=2)).measurement
    assert measurement.outcome is Outcome.FALLBACK, measurement.message
    assert "asked TensorRT for fp16" in measurement.message
    engines["tensorrt-fp16"].unlink()


@pytest.mark.slow
def test_doctor_proves_every_way_here(device, torch_sees_it, tmp_path):
    options = Options(cache=ArtifactCache(tmp_path / "cache"), offline=True)
    report = examine(Visit(device, f"sqlite:///{tmp_path}/s.db", options, asked="cuda"))
    (found,) = [found for one, found in report.checks if one.name == "ways"]
    assert {finding.subject for finding in found} == set(OPTIMIZATIONS.names())
    broken = {one.subject: one.found for one in found if one.result == "fail" and one.subject != "tf32"}
    assert not broken
    proven = {one.subject for one in found if one.result in ("ok", "warn")}
    assert {"eager", "half-fp16", "sdpa-math", "compile", "compile-reduce-overhead"} <= proven


@pytest.mark.slow
def test_compiling(bench, device):
    for planned in bench.ways(VIT, compiling=True):
        first = _check(bench, device, planned)
        assert first.observation.build_seconds > 0
        assert _check(bench, device, planned).observation.built_from_cache is True


def test_a_larger_batch_holds_more_memory(bench, device):
    one = _check(bench, device, bench.planned(VIT, "eager"))
    many = _check(bench, device, bench.planned(VIT, "eager", batch_size=64))
    assert many.observation.memory["allocated"] > one.observation.memory["allocated"]
    assert many.observation.summary.mean.value < 64 * one.observation.summary.mean.value
