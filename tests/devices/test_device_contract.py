"""What every registered device keeps, and how a target becomes one."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import subprocess
import sys
import time
from typing import get_args

import numpy as np
import pytest
from support.evidence import make_candidate, make_facts

from selector.devices import DEVICES, Device, available, resolve
from selector.devices.cpu import Cpu
from selector.devices.cuda import Cuda
from selector.devices.fake import Fake
from selector.errors import DeviceError
from selector.optimizations import all_libraries
from selector.types import DeviceKind, Environment

HERE = [device for _, kind in DEVICES for device in kind.detect()]

every_kind = pytest.mark.parametrize("kind", DEVICES.names())
every_device = pytest.mark.parametrize("device", HERE, ids=[device.target for device in HERE])


def test_the_kinds_of_the_contract_are_there():
    assert set(DEVICES.names()) == set(get_args(DeviceKind))


@every_kind
def test_a_kind_says_who_it_is(kind):
    entry = DEVICES.get(kind)
    assert entry.kind == kind
    assert re.fullmatch("[a-z][a-z0-9]*", kind), "a target is KIND or KIND:INDEX"
    assert entry.__doc__
    reason = entry.why_absent()
    assert reason
    assert not reason.endswith("."), "a clause, which stands inside a sentence"


@every_kind
def test_detecting_twice_finds_the_same(kind):
    found = [(device.index, device.name) for device in DEVICES.get(kind).detect()]
    assert found == [(device.index, device.name) for device in DEVICES.get(kind).detect()]
    assert [index for index, _ in found] == list(range(len(found)))


@every_device
def test_a_device_is_found_again_by_its_target(device):
    again = resolve(device.target)
    assert (again.kind, again.index, again.name) == (device.kind, device.index, device.name)
    assert device.name
    assert device.torch_device.partition(":")[0] in ("cpu", "cuda")


@every_device
def test_an_environment_is_whole_and_repeats(device):
    environment = device.environment(None, all_libraries())
    assert environment.device_kind == device.kind
    assert environment.device_name == device.name
    assert environment.device_id
    assert environment.driver
    assert environment.memory_total > 2**28
    assert environment.threads == device.default_threads >= 1
    assert list(environment.capabilities) == sorted(set(environment.capabilities))
    assert list(environment.versions) == sorted(set(environment.versions))
    assert {"torch", "timm"} <= dict(environment.versions).keys()
    assert type(device)(device.index).environment(None, all_libraries()).id == environment.id
    json.dumps(dataclasses.asdict(environment), allow_nan=False)


@every_device
def test_threads_are_those_asked_for_and_part_of_the_environment(device):
    one, three = device.environment(1, ()), device.environment(3, ())
    assert (one.threads, three.threads) == (1, 3)
    assert one.id != three.id


@every_device
def test_versions_are_of_what_is_installed(device):
    versions = dict(device.environment(1, ("numpy", "numpy", "no-such-distribution")).versions)
    assert versions == {"numpy": np.__version__}


@every_device
def test_what_is_imported_beforehand_exists(device):
    # onnxruntime and openvino are extras; multiprocessing skips what is missing.
    missing = {module for module in device.preload if importlib.util.find_spec(module.partition(".")[0]) is None}
    assert missing <= {"onnxruntime", "openvino"}


@every_device
def test_clock_and_counters_never_run_backwards(device):
    before = device.clock(), device.counters(), device.energy()
    after = device.clock(), device.counters(), device.energy()
    assert after[0] >= before[0]
    assert after[1].keys() == before[1].keys()
    slack = {signal.reading: signal.slack for signal in device.signals(1)}
    assert all(after[1][name] >= count - slack.get(name, 0.0) for name, count in before[1].items())
    assert (before[2] is None) == (after[2] is None)
    assert before[2] is None or after[2] >= before[2] >= 0


@every_device
def test_every_signal_has_its_reading(device):
    readings = {"spin", *device.counters(), *device.levels()}
    signals = device.signals(device.default_threads)
    assert signals
    # Levels that a GPU's driver does not tell are missing, and then hold nothing against anybody.
    optional = {"throttled", "foreign_use"} if device.kind == "cuda" else set()
    for signal in signals:
        assert signal.reading in readings | optional
        assert signal.limit > 0
        assert signal.says(2 * signal.limit)


@every_device
def test_fixed_work_takes_time(device):
    assert 0 < device.spin() < 10


@pytest.mark.parametrize("device", [Cpu(), Fake()], ids=["cpu", "fake"])
def test_memory_has_a_peak(device):
    device.start_memory()
    readings = device.read_memory()
    assert readings["peak"] >= 0
    assert all(isinstance(count, int) for count in readings.values())


@every_device
def test_only_the_fake_device_simulates(device):
    facts = make_facts()
    candidate = make_candidate(facts)
    simulates = device.simulate(candidate, facts) is not None, device.built(candidate) is not None
    assert simulates == (device.kind == "fake",) * 2


def test_detecting_imports_no_runtime():
    """Reading commands ask for devices and their environments; torch alone takes seconds to import."""
    program = """
import sys
from selector.devices import available, resolve
from selector.optimizations import all_libraries, unavailable_ways
for device in [*available(), resolve("auto"), resolve("fake")]:
    unavailable_ways(device.environment(None, all_libraries()))
heavy = {"torch", "timm", "onnx", "onnxruntime", "openvino", "scipy", "pandas", "streamlit"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=120)


# --- targets


def test_the_best_real_device_comes_first_and_the_fake_one_last():
    kinds = [device.kind for device in available()]
    assert kinds == sorted(kinds, key=("cuda", "cpu", "fake").index)
    assert kinds[-2:] == ["cpu", "fake"]
    assert resolve("auto").kind == kinds[0] != "fake"


def test_a_gpu_is_preferred(monkeypatch):
    monkeypatch.setattr(Cuda, "detect", classmethod(lambda cls: [cls(0), cls(1)]))
    assert resolve("auto").target == "cuda:0"
    assert resolve("cuda").target == "cuda:0"
    assert resolve("cuda:1").target == "cuda:1"
    assert resolve("cuda:1").torch_device == "cuda:1"
    with pytest.raises(DeviceError, match="'cuda:2' is not here: this machine has cuda:0, cuda:1"):
        resolve("cuda:2")


@pytest.mark.parametrize("target", ["cpu", "cpu:0", "fake", "fake:0"])
def test_a_target_names_a_device(target):
    assert resolve(target).target == target.partition(":")[0]


@pytest.mark.parametrize("target", ["cpu:1", "cpu:", "cpu:one", "cpu:-1", "cpu:²", "fake:0x0", "cpu:0:0"])
def test_an_index_that_is_none_is_an_error(target):
    with pytest.raises(DeviceError, match="is not here: this machine has"):
        resolve(target)


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("cdua", "did you mean 'cuda'"),
        ("autto", "did you mean 'auto'"),
        ("tpu", "auto, cpu, cuda, fake|did you mean"),
    ],
)
def test_an_unknown_device_gets_a_hint(target, hint):
    with pytest.raises(DeviceError, match=f"unknown device '{target}'.*({hint})") as caught:
        resolve(target)
    assert caught.value.exit_code == 2


def test_a_gpu_that_is_not_here_says_what_can_be_done(monkeypatch):
    monkeypatch.setattr(Cuda, "detect", classmethod(lambda cls: []))
    for target in ("cuda", "cuda:1"):
        with pytest.raises(DeviceError) as caught:
            resolve(target)
        message = str(caught.value)
        assert f"'{target}' is not on this machine" in message
        assert Cuda.why_absent() in message
        assert "--device cpu" in message
        assert "selector rank" in message


def test_a_new_kind_needs_nothing_but_its_class(monkeypatch):
    class Npu(Device):
        """The least that a device has."""

        kind = "npu"  # type: ignore[assignment]
        name = "An accelerator"
        default_threads = 1

        @classmethod
        def detect(cls):
            return [cls()]

        def environment(self, threads, libraries):
            return Environment("fake", self.name, "npu-0", "1", None, 2**30, threads or 1, (), ())

        def start_memory(self):
            pass

        def read_memory(self):
            return {"peak": 1}

    monkeypatch.setattr(DEVICES, "_entries", {**dict(DEVICES), "npu": Npu})
    device = resolve("npu")
    assert (device.target, device.torch_device, device.energy()) == ("npu", "cpu", None)
    assert "npu" in [one.kind for one in available()][:-2], "before the CPU"
    assert device.clock() <= time.perf_counter()
    device.synchronize()
