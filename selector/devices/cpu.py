"""The CPU of this machine (Linux)."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from selector.devices.base import DEVICES, Device, library_versions
from selector.types import DeviceKind, Environment, content_hash

_CPUINFO = Path("/proc/cpuinfo")
_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_CAPABILITIES = frozenset(
    (
        *("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16"),
        *("amx_tile", "amx_bf16", "amx_int8", "amx_fp16"),
        *("asimd", "asimdhp", "asimddp", "bf16", "i8mm", "sve"),
    )
)


class Cpu(Device):
    """All cores that this process may use."""

    kind: ClassVar[DeviceKind] = "cpu"
    preload: ClassVar[tuple[str, ...]] = (
        "torch",
        "torch._dynamo",
        "timm",
        "safetensors.torch",
        "onnxruntime",
        "openvino",
        "scipy.special",
    )

    def __init__(self, index: int = 0) -> None:
        super().__init__(index)
        self._empty = 0

    @classmethod
    def detect(cls) -> list[Device]:
        """There is always one."""
        return [cls()]

    @property
    def name(self) -> str:
        """The processor's name and the number of physical cores that may be used."""
        cores = self.default_threads
        return f"{_processor()['name']} ({cores} core{'s' if cores != 1 else ''})"

    @property
    def default_threads(self) -> int:
        """Physical cores, within what affinity and the control group's quota allow."""
        return max(1, min(_physical_cores(), len(os.sched_getaffinity(0)), _quota()))

    def environment(self, threads: int | None, libraries: tuple[str, ...]) -> Environment:
        """See `Device`. The driver's place is taken by the kernel's major and minor version."""
        facts = _processor()
        kernel = ".".join(platform.release().split(".")[:2])
        return Environment(
            device_kind=self.kind,
            device_name=self.name,
            device_id=content_hash([facts, self.default_threads])[:16],
            driver=f"{platform.system()} {kernel}",
            power_limit=None,
            memory_total=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            threads=threads or self.default_threads,
            capabilities=tuple(sorted(_CAPABILITIES & set(facts["flags"].split()))),
            versions=library_versions(libraries),
        )

    def start_memory(self) -> None:
        """Resets VmHWM (`ru_maxrss` would inherit the parent's peak) and notes the resident size."""
        _CLEAR_REFS.write_text("5")
        self._empty = _status_bytes("VmRSS")

    def read_memory(self) -> Mapping[str, int]:
        """Resident high-water mark less the empty process."""
        resident = _status_bytes("VmHWM")
        return {"peak": max(0, resident - self._empty), "resident": resident, "empty_process": self._empty}


def _status_bytes(key: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    return 0


@lru_cache
def _processor() -> dict[str, str]:
    """Name, stepping and flags, from /proc/cpuinfo where it tells, else from `platform`."""
    wanted = {"model name": "name", "cpu family": "family", "model": "model", "stepping": "stepping"}
    wanted |= {"flags": "flags", "Features": "flags", "CPU implementer": "family", "CPU part": "model"}
    facts = {"name": platform.processor() or platform.machine(), "flags": ""}
    for line in _CPUINFO.read_text().split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        if key.strip() in wanted:
            facts[wanted[key.strip()]] = " ".join(value.split())
    return facts


@lru_cache
def _physical_cores() -> int:
    """Distinct (socket, core) pairs; logical processors where the kernel does not tell."""
    cores = set()
    for block in _CPUINFO.read_text().split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        entry = {key.strip(): value.strip() for key, _, value in pairs}
        if "core id" in entry:
            cores.add((entry.get("physical id"), entry["core id"]))
    return len(cores) or os.cpu_count() or 1


def _quota() -> int:
    """Cores that the control group grants; all where it sets no limit."""
    if _CGROUP_QUOTA.is_file():
        limit, period = _CGROUP_QUOTA.read_text().split()
        if limit != "max":
            return max(1, math.floor(int(limit) / int(period)))
    return os.cpu_count() or 1


DEVICES.register("cpu", Cpu)
