"""Where a model runs: one file per kind of device, behind a registry.

`resolve` turns what a profile asks for into a device, or says what can be done instead.
"""

from __future__ import annotations

from selector.devices.base import DEVICES, Device, Runner
from selector.errors import DeviceError, suggest

__all__ = ["DEVICES", "Device", "Runner", "available", "resolve"]


def available() -> list[Device]:
    """Every device of this machine, accelerators first; the CPU follows, and the fake one is last."""
    found = [device for _, kind in DEVICES for device in kind.detect()]
    return sorted(found, key=lambda device: {"cpu": 1, "fake": 2}.get(device.kind, 0))


def resolve(target: str) -> Device:
    """The device that `target` names.

    Args:
        target: "auto" (the best real device here), "cpu", "cuda", "cuda:1" or "fake".

    Raises:
        DeviceError: It is not here, or there is no such kind.
    """
    if target == "auto":
        return available()[0]
    kind, colon, index = target.partition(":")
    if kind not in DEVICES:
        near = suggest(kind, ["auto", *DEVICES.names()])
        hint = near or f"say one of auto, {', '.join(DEVICES.names())}"
        raise DeviceError(f"unknown device {target!r}, {hint}")
    found = DEVICES.get(kind).detect()
    if not found:
        raise DeviceError(
            f"the device {target!r} is not on this machine: {DEVICES.get(kind).why_absent()}. Run this on a "
            f"machine that has one, or decide for this machine instead with --device {available()[0].target}; stored "
            "evidence of such a machine can be ranked anywhere with `selector rank PROFILE --store URL`"
        )
    number = int(index) if index.isdecimal() else 0
    if number >= len(found) or (colon and not index.isdecimal()):
        raise DeviceError(f"{target!r} is not here: this machine has {', '.join(one.target for one in found)}")
    return found[number]
