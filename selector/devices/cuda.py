"""NVIDIA GPUs.

Detection and the environment come from NVML alone, so that reading needs no torch. Not executed on hardware by
the project's own test machine, which has no GPU: detection, `environment`, memory, energy and `synchronize` are
covered by `pytest -m gpu` on a machine that has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from selector.devices.base import DEVICES, Device, library_versions
from selector.devices.cpu import Cpu
from selector.types import DeviceKind, Environment


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
        import os

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

    def _query(self, function: str) -> Any:
        with _nvml() as nvml:
            return getattr(nvml, function)(nvml.nvmlDeviceGetHandleByIndex(self.index))


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
