"""NVIDIA GPUs.

Detection and the environment come from NVML alone, so that reading needs no torch. Not executed on hardware by
the project's own test machine, which has no GPU: detection, `environment`, memory, energy and `synchronize` are
covered by `pytest -m gpu` on a machine that has one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from selector.devices.base import DEVICES, Device, Signal, host_signals, library_versions
from selector.devices.cpu import Cpu
from selector.types import DeviceKind, Environment

_THROTTLED = 0.1
"""Share of the looks at which a clock may be held down."""
_FOREIGN_USE = 0.02
"""Share of the multiprocessors' time that other processes may use."""


class Cuda(Device):
    """One CUDA GPU, by its NVML index (which follows the PCI bus order)."""

    kind: ClassVar[DeviceKind] = "cuda"
    preload: ClassVar[tuple[str, ...]] = Cpu.preload

    @classmethod
    def detect(cls) -> list[Device]:
        """Every GPU that NVML reports; none where its library or driver is missing."""
        with _nvml() as nvml:
            return [] if nvml is None else [cls(index) for index in range(nvml.nvmlDeviceGetCount())]

    @classmethod
    def why_absent(cls) -> str:
        """See `Device`."""
        return "the NVIDIA driver (libnvidia-ml) reports no GPU"

    @property
    def name(self) -> str:
        """The product name."""
        return str(self._query("nvmlDeviceGetName"))

    @property
    def target(self) -> str:
        """``cuda:INDEX``."""
        return f"cuda:{self.index}"

    @property
    def torch_device(self) -> str:
        """``cuda:INDEX``; the engine sets CUDA_DEVICE_ORDER=PCI_BUS_ID so that it means the same GPU as NVML."""
        return f"cuda:{self.index}"

    @property
    def default_threads(self) -> int:
        """Physical cores of the host."""
        return Cpu().default_threads

    def environment(self, threads: int | None, libraries: tuple[str, ...]) -> Environment:
        """See `Device`. Capabilities hold the compute capability as "sm_90"."""
        with _nvml() as nvml:
            handle = nvml.nvmlDeviceGetHandleByIndex(self.index)
            major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
            return Environment(
                device_kind=self.kind,
                device_name=str(nvml.nvmlDeviceGetName(handle)),
                device_id=str(nvml.nvmlDeviceGetUUID(handle)),
                driver=str(nvml.nvmlSystemGetDriverVersion()),
                power_limit=_power_limit(nvml, handle),
                memory_total=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
                threads=threads or self.default_threads,
                capabilities=(f"sm_{major}{minor}",),
                versions=library_versions(libraries),
            )

    def synchronize(self) -> None:
        """Waits for all streams of this GPU."""
        import torch

        torch.cuda.synchronize(self.index)

    def start_memory(self) -> None:
        """Resets the allocator's high-water marks."""
        import torch

        torch.cuda.reset_peak_memory_stats(self.index)

    def read_memory(self) -> Mapping[str, int]:
        """Allocated and reserved by torch, and what NVML counts for this process (runtimes beside torch)."""
        import torch

        reserved = torch.cuda.max_memory_reserved(self.index)
        readings = {"allocated": torch.cuda.max_memory_allocated(self.index), "reserved": reserved}
        with _nvml() as nvml:
            handle = nvml.nvmlDeviceGetHandleByIndex(self.index)
            processes = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
            used = [process.usedGpuMemory for process in processes if process.pid == os.getpid()]
        if used and used[0]:
            readings["process"] = int(used[0])
        return {"peak": readings.get("process", reserved), **readings}

    def energy(self) -> float | None:
        """NVML's total energy counter (Volta and newer), in joules."""
        with _nvml() as nvml:
            handle = nvml.nvmlDeviceGetHandleByIndex(self.index)
            try:
                return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000
            except nvml.NVMLError:
                return None

    def levels(self) -> Mapping[str, float]:
        """Clocks in MHz, whether heat or power holds them down (1 or 0), and how far others use the GPU."""
        with _nvml() as nvml:
            handle = nvml.nvmlDeviceGetHandleByIndex(self.index)
            readings = {"sm_clock": float(nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM))}
            with suppress(nvml.NVMLError):
                readings["temperature"] = float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
            with suppress(nvml.NVMLError):
                reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
                readings["throttled"] = float(bool(reasons & _slowdowns(nvml)))
            with suppress(nvml.NVMLError):
                readings["foreign_use"] = _foreign_use(nvml, handle)
        return readings

    def signals(self, threads: int) -> tuple[Signal, ...]:  # noqa: ARG002 - one thread drives a GPU
        """Those of the host for the one thread that drives the GPU, throttling, and other processes on it."""
        return (
            *host_signals(1, self.default_threads),
            Signal(
                "throttled",
                _THROTTLED,
                lambda value: f"heat or power held the clock down ({100 * value:.0f} %)",
            ),
            Signal("foreign_use", _FOREIGN_USE, lambda value: f"other processes used {100 * value:.0f} % of the GPU"),
        )

    def _query(self, function: str) -> Any:
        with _nvml() as nvml:
            return getattr(nvml, function)(nvml.nvmlDeviceGetHandleByIndex(self.index))


def _slowdowns(nvml: Any) -> int:
    """The reasons for a lower clock that disturb: heat and power; an idle or a set clock does not."""
    return int(
        nvml.nvmlClocksThrottleReasonHwSlowdown
        | nvml.nvmlClocksThrottleReasonSwThermalSlowdown
        | nvml.nvmlClocksThrottleReasonHwThermalSlowdown
        | nvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown
    )


def _foreign_use(nvml: Any, handle: Any) -> float:
    """Share of the last second for which other processes' kernels ran.

    In a container NVML may name processes by the host's numbers; where this process is not among them, none can be
    told apart from it and nothing is held against anybody.
    """
    own = os.getpid()
    here = {process.pid for process in nvml.nvmlDeviceGetComputeRunningProcesses(handle)}
    if own not in here or len(here) == 1:
        return 0.0
    samples = nvml.nvmlDeviceGetProcessUtilization(handle, 0)
    latest = max((sample.timeStamp for sample in samples), default=0)
    recent = [sample for sample in samples if latest - sample.timeStamp < 1_000_000]
    return float(sum(sample.smUtil for sample in recent if sample.pid != own)) / 100


def _power_limit(nvml: Any, handle: Any) -> float | None:
    """Watts, or None where the GPU does not tell."""
    try:
        return float(nvml.nvmlDeviceGetEnforcedPowerLimit(handle)) / 1000
    except nvml.NVMLError:
        return None


@contextmanager
def _nvml() -> Iterator[Any]:
    """The NVML bindings, initialized; None where the driver is missing."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


DEVICES.register("cuda", Cuda)
