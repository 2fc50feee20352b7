"""The CPU: what is read from /proc and the control group, on this machine and on described ones."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from selector.devices import cpu
from selector.devices.cpu import Cpu

XEON = """processor\t: 0
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R) Platinum  8481C
stepping\t: 8
physical id\t: 0
core id\t\t: {core}
flags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16 rdrand
"""
ARM = """processor\t: {core}
BogoMIPS\t: 100.00
Features\t: fp asimd asimdhp bf16 i8mm
CPU implementer\t: 0x41
CPU part\t: 0xd4f
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Describes another machine to the module."""
    files = {name: tmp_path / name for name in ("cpuinfo", "cpu.max")}
    monkeypatch.setattr(cpu, "_CPUINFO", files["cpuinfo"])
    monkeypatch.setattr(cpu, "_CGROUP_QUOTA", files["cpu.max"])
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    _forget()

    def describe(cpuinfo: str, quota: str | None = None) -> Cpu:
        files["cpuinfo"].write_text(cpuinfo)
        if quota is not None:
            files["cpu.max"].write_text(quota)
        _forget()
        return Cpu()

    yield describe
    _forget()


def _forget() -> None:
    cpu._processor.cache_clear()
    cpu._physical_cores.cache_clear()


def _xeon(cores: list[int]) -> str:
    return "\n".join(XEON.format(core=core) for core in cores)


def test_threads_of_one_core_count_once(machine):
    device = machine(_xeon([0, 0, 1, 1, 2, 2, 3, 3]))
    assert device.default_threads == 4
    assert device.name == "Intel(R) Xeon(R) Platinum 8481C (4 cores)"


@pytest.mark.parametrize(
    ("quota", "threads"), [("max 100000", 4), ("250000 100000", 2), ("50000 100000", 1), ("1600000 100000", 4)]
)
def test_the_quota_of_the_container_counts(machine, quota, threads):
    assert machine(_xeon([0, 1, 2, 3]), quota).default_threads == threads


def test_cores_that_the_process_may_not_use_do_not_count(machine, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5})
    device = machine(_xeon([0, 1, 2, 3]))
    assert device.default_threads == 1
    assert device.name.endswith("(1 core)")


def test_capabilities_are_those_that_decide_something(machine):
    environment = machine(_xeon([0, 1])).environment(None, ())
    assert environment.capabilities == ("amx_bf16", "avx2", "avx512_bf16", "avx512f")
    assert environment.power_limit is None


def test_an_arm_processor_is_described_too(machine):
    device = machine("\n".join(ARM.format(core=core) for core in range(8)))
    environment = device.environment(None, ())
    assert environment.capabilities == ("asimd", "asimdhp", "bf16", "i8mm")
    assert device.default_threads == 8, "without core ids every processor counts"
    assert device.name


def test_another_processor_or_share_of_it_is_another_device(machine):
    texts = (
        _xeon([0, 1]),
        _xeon([0, 1, 2]),
        _xeon([0, 1]).replace("stepping\t: 8", "stepping\t: 9"),
        _xeon([0, 1]).replace(" amx_bf16", ""),
    )
    ids = [machine(text).environment(None, ()).device_id for text in texts]
    assert len(set(ids)) == 4
    assert machine(_xeon([0, 1])).environment(None, ()).device_id == ids[0]


def test_the_identity_does_not_depend_on_the_threads_asked_for():
    assert Cpu().environment(1, ()).device_id == Cpu().environment(None, ()).device_id


def test_a_patch_of_the_kernel_is_not_another_driver(monkeypatch):
    monkeypatch.setattr("platform.release", lambda: "6.18.3-generic")
    assert Cpu().environment(None, ()).driver == "Linux 6.18"


def test_the_peak_is_what_was_held_at_most_since_the_start():
    """In a process of its own: the resident size of this one is nobody's."""
    program = """
from selector.devices.cpu import Cpu
MIB = 2**20
device = Cpu()
held = bytearray(64 * MIB)                # before the start: not the model's
held[::4096] = b"x" * len(held[::4096])
device.start_memory()
empty = device.read_memory()["peak"]
block = bytearray(100 * MIB)
block[::4096] = b"x" * len(block[::4096])
full = device.read_memory()
del block
after = device.read_memory()["peak"]
device.start_memory()
again = device.read_memory()["peak"]
assert empty < 8 * MIB, empty
assert 95 * MIB < full["peak"] < 116 * MIB, full
assert full["resident"] - full["empty_process"] == full["peak"], full
assert after > 95 * MIB, after            # a high-water mark stays
assert again < 8 * MIB, again             # and is reset by the next start
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=120)
