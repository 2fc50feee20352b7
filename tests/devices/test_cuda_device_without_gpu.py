"""What the CUDA device reads from NVML, with a stand-in for the driver; tests/gpu asks a real one."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pytest

from selector.devices.cuda import Cuda


class NvmlError(Exception):
    """As the bindings raise it."""


class Driver:
    """The functions of NVML that the device calls, for two GPUs."""

    NVMLError = NvmlError

    def __init__(self) -> None:
        self.running = 0
        self.refused: set[str] = set()
        self.processes: list[SimpleNamespace] = []

    def __getattr__(self, name):
        answers = {
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetName": lambda handle: "NVIDIA L4",
            "nvmlDeviceGetUUID": lambda handle: f"GPU-{handle}",
            "nvmlSystemGetDriverVersion": lambda: "570.86",
            "nvmlDeviceGetCudaComputeCapability": lambda handle: (8, 9),
            "nvmlDeviceGetEnforcedPowerLimit": lambda handle: 72_000,
            "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=24 * 2**30),
            "nvmlDeviceGetTotalEnergyConsumption": lambda handle: 2_500,
            "nvmlDeviceGetComputeRunningProcesses": lambda handle: self.processes,
        }

        def asked(*arguments):
            assert self.running > 0, f"{name} was called outside nvmlInit and nvmlShutdown"
            if name in self.refused:
                raise NvmlError("Not Supported")
            return answers[name](*arguments)

        return asked

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's name
        if "nvmlInit" in self.refused:
            raise NvmlError("NVML Shared Library Not Found")
        self.running += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.running -= 1


@pytest.fixture
def driver(monkeypatch):
    stand_in = Driver()
    monkeypatch.setitem(sys.modules, "pynvml", stand_in)
    yield stand_in
    assert stand_in.running == 0, "every nvmlInit has its nvmlShutdown"


def test_every_gpu_is_found(driver):
    found = Cuda.detect()
    assert [device.target for device in found] == ["cuda:0", "cuda:1"]
    assert [device.torch_device for device in found] == ["cuda:0", "cuda:1"]


def test_without_a_driver_there_is_none(driver):
    driver.refused.add("nvmlInit")
    assert Cuda.detect() == []


def test_the_environment_is_what_the_driver_says(driver):
    environment = Cuda(1).environment(3, ())
    assert environment.device_name == "NVIDIA L4"
    assert environment.device_id == "GPU-1"
    assert environment.driver == "570.86"
    assert environment.power_limit == 72.0
    assert environment.memory_total == 24 * 2**30
    assert environment.capabilities == ("sm_89",)
    assert environment.threads == 3
    assert Cuda(0).environment(3, ()).id != environment.id


def test_a_gpu_without_power_reading_has_none(driver):
    driver.refused.add("nvmlDeviceGetEnforcedPowerLimit")
    assert Cuda(0).environment(None, ()).power_limit is None


def test_energy_is_in_joules_or_not_observed(driver):
    assert Cuda(0).energy() == 2.5
    driver.refused.add("nvmlDeviceGetTotalEnergyConsumption")
    assert Cuda(0).energy() is None


@pytest.fixture
def torch_cuda(monkeypatch):
    """torch's allocator as a stand-in: 100 bytes allocated, 200 reserved at most."""
    calls: list[tuple[str, int]] = []
    allocator = SimpleNamespace(
        max_memory_reserved=lambda index: 200,
        max_memory_allocated=lambda index: 100,
        reset_peak_memory_stats=lambda index: calls.append(("reset", index)),
        synchronize=lambda index: calls.append(("synchronize", index)),
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=allocator))
    return calls


def test_memory_starts_anew_on_its_own_gpu(driver, torch_cuda):
    device = Cuda(1)
    device.start_memory()
    device.synchronize()
    assert torch_cuda == [("reset", 1), ("synchronize", 1)]


def test_memory_is_what_the_allocator_reserved(driver, torch_cuda):
    driver.processes = [SimpleNamespace(pid=os.getpid() + 1, usedGpuMemory=999)]
    assert Cuda(0).read_memory() == {"peak": 200, "allocated": 100, "reserved": 200}
