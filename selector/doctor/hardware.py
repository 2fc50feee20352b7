"""The devices of this machine, and why others are not here."""

from __future__ import annotations

from collections.abc import Iterator

from selector.devices import DEVICES, Device
from selector.doctor.base import Finding, Visit, check
from selector.optimizations import all_libraries
from selector.optimizations.pytorch import torch_cuda
from selector.quantities import format_quantity


@check("devices", "Devices", 20)
def devices(visit: Visit) -> Iterator[Finding]:
    """Every kind of device, found or not."""
    for name, kind in DEVICES:
        found = kind.detect()
        for device in found:
            yield from _present(device, chosen=device.target == visit.device.target)
        if not found:
            yield Finding(name, "skipped", f"not here: {kind.why_absent()}")


def _present(device: Device, *, chosen: bool) -> Iterator[Finding]:
    environment = device.environment(None, all_libraries())
    parts = [
        environment.device_name,
        format_quantity(environment.memory_total, "memory"),
        f"{environment.threads} thread{'s' if environment.threads != 1 else ''}",
        *environment.capabilities,
    ]
    figures = {"memory_total": float(environment.memory_total), "threads": float(environment.threads)}
    mark = " (looked at here)" if chosen else ""
    yield Finding(device.target + mark, "ok", ", ".join(parts), figures=figures)
    if device.kind == "cuda" and torch_cuda() is None:
        yield Finding(
            device.target,
            "fail",
            "a GPU is here, but this torch is built without CUDA",
            "install torch from the package index's default wheel, which has CUDA, instead of the +cpu one",
        )
