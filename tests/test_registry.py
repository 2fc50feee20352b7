"""Registries: names, suggestions, what is found by itself, and failures that nobody can overlook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from selector.errors import PluginError, UnknownNameError
from selector.registry import Registry


def _package(folder: Path, name: str, **modules: str) -> Path:
    """A package whose modules register in `REGISTRY` of its base module."""
    package = folder / name
    package.mkdir()
    (package / "__init__.py").write_text("")
    for module, source in modules.items():
        (package / f"{module}.py").write_text(source)
    return package


def _distribution(folder: Path, name: str, group: str, value: str) -> None:
    """What an installed distribution with one entry point leaves in site-packages."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder from which modules and distributions are found."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for module in set(sys.modules) - before:
        del sys.modules[module]


def test_entries_keep_their_order():
    registry: Registry[int] = Registry("number")
    for name in ("three", "one", "two"):
        assert registry.register(name, len(name)) == len(name)
    assert registry.names() == ["three", "one", "two"]
    assert list(registry) == [("three", 5), ("one", 3), ("two", 3)]
    assert len(registry) == 3
    assert "one" in registry
    assert "four" not in registry
    assert 1 not in registry
    assert registry.get("two") == 3


def test_a_name_is_taken_once():
    registry: Registry[int] = Registry("number")
    registry.register("one", 1)
    with pytest.raises(PluginError, match="number 'one' is registered twice; rename"):
        registry.register("one", 2)
    assert registry.get("one") == 1


def test_a_wrong_name_gets_a_near_one():
    registry: Registry[int] = Registry("number")
    registry.register("latency_p95", 1)
    registry.register("throughput", 2)
    with pytest.raises(
        UnknownNameError, match=r"unknown number 'latency_p59', did you mean 'latency_p95'\?"
    ) as caught:
        registry.get("latency_p59")
    assert caught.value.exit_code == 2
    with pytest.raises(UnknownNameError, match="Known: latency_p95, throughput"):
        registry.get("xyz")


def test_modules_of_the_package_register_by_themselves(site):
    _package(
        site,
        "rooms_found",
        base="from selector.registry import Registry\nREGISTRY = Registry('room', 'rooms_found')\n",
        kitchen="from rooms_found.base import REGISTRY\nREGISTRY.register('kitchen', 1)\n",
        attic="from rooms_found.base import REGISTRY\nREGISTRY.register('attic', 2)\n",
    )
    from rooms_found.base import REGISTRY  # type: ignore[import-not-found]

    assert "rooms_found.kitchen" not in sys.modules, "nothing is imported before it is asked for"
    assert REGISTRY.names() == ["attic", "kitchen"]


def test_what_is_imported_may_ask_the_registry(site):
    _package(
        site,
        "rooms_asking",
        base="from selector.registry import Registry\nREGISTRY = Registry('room', 'rooms_asking')\n",
        attic="from rooms_asking.base import REGISTRY\nREGISTRY.register('attic', 2)\n",
        both="from rooms_asking.base import REGISTRY\nREGISTRY.register('both', REGISTRY.get('attic') + 1)\n",
    )
    from rooms_asking.base import REGISTRY  # type: ignore[import-not-found]

    assert dict(REGISTRY) == {"attic": 2, "both": 3}


def test_a_failed_import_is_never_taken_for_a_shorter_list(site):
    _package(
        site,
        "rooms_broken",
        base="from selector.registry import Registry\nREGISTRY = Registry('room', 'rooms_broken')\n",
        attic="from rooms_broken.base import REGISTRY\nREGISTRY.register('attic', 2)\n",
        cellar="import a_package_that_is_not_there\n",
        kitchen="from rooms_broken.base import REGISTRY\nREGISTRY.register('kitchen', 1)\n",
    )
    from rooms_broken.base import REGISTRY  # type: ignore[import-not-found]

    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="a_package_that_is_not_there"):
            REGISTRY.names()


def test_two_threads_both_get_the_whole_list(site):
    _package(
        site,
        "rooms_slow",
        base=(
            "import threading\nfrom selector.registry import Registry\n"
            "REGISTRY = Registry('room', 'rooms_slow')\nBEGUN, GO = threading.Event(), threading.Event()\n"
        ),
        first="from rooms_slow.base import REGISTRY\nREGISTRY.register('first', 1)\n",
        second=(
            "from rooms_slow.base import BEGUN, GO, REGISTRY\n"
            "BEGUN.set()\nassert GO.wait(60)\nREGISTRY.register('second', 2)\n"
        ),
    )
    from rooms_slow import base  # type: ignore[import-not-found]

    seen: list[list[str]] = []
    threads = [threading.Thread(target=lambda: seen.append(base.REGISTRY.names())) for _ in range(2)]
    threads[0].start()
    assert base.BEGUN.wait(60)
    threads[1].start()
    threads[1].join(0.2)  # time enough to come back with half of the list, if it does not wait
    base.GO.set()
    for thread in threads:
        thread.join(60)
    assert seen == [["first", "second"]] * 2


def test_an_entry_point_registers(site):
    (site / "stairs_plugin.py").write_text("import stairs_base\nstairs_base.REGISTRY.register('spiral', 1)\n")
    (site / "stairs_base.py").write_text("from selector.registry import Registry\nREGISTRY = Registry('stairs')\n")
    _distribution(site, "stairs-plugin", "selector.stairs", "stairs_plugin")
    import stairs_base  # type: ignore[import-not-found]

    assert stairs_base.REGISTRY.names() == ["spiral"]


@pytest.mark.parametrize(
    ("source", "value", "told"),
    [
        ("import a_package_that_is_not_there\n", "doors_plugin", "ModuleNotFoundError: No module named 'a_package_"),
        ("", "doors_plugin:Missing", "AttributeError"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_told_with_its_package(site, source, value, told):
    (site / "doors_plugin.py").write_text(source)
    _distribution(site, "doors-plugin", "selector.door", value)
    registry: Registry[int] = Registry("door")
    for _ in range(2):
        with pytest.raises(PluginError) as caught:
            registry.names()
        message = str(caught.value)
        assert "the door plugin 'doors-plugin'" in message
        assert value in message
        assert told in message
        assert "uninstall" in message
        assert caught.value.exit_code == 4


def test_an_extension_is_one_file_of_another_package(tmp_path):
    """A way, a metric and a device from outside are found by a fresh process that knows nothing of them."""
    (tmp_path / "outside.py").write_text(
        """
from selector.devices.fake import Fake
from selector.devices.base import DEVICES
from selector.metrics import MetricValue, metric
from selector.optimizations.base import register
from selector.optimizations.eager import EAGER
from selector.optimizations.pytorch import TorchWay

class Npu(Fake):
    kind = "npu"

DEVICES.register("npu", Npu)
register(TorchWay((), name="bettertransformer", description="Another way"))

@metric("answer", unit="1", kind="count", better="higher", description="The answer")
def answer(reading):
    return MetricValue(42.0)
"""
    )
    for kind in ("optimization", "metric", "device"):
        _distribution(tmp_path, f"outside-{kind}", f"selector.{kind}", "outside")
    asked = """
import json
from selector.devices import DEVICES, available, resolve
from selector.metrics import METRICS
from selector.optimizations import OPTIMIZATIONS
print(json.dumps([
    "bettertransformer" in OPTIMIZATIONS, "answer" in METRICS, DEVICES.names(), resolve("npu").kind,
    [device.kind for device in available()],
]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", asked],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    way, metric, devices, resolved, available = json.loads(done.stdout)
    assert way
    assert metric
    assert {"cpu", "cuda", "fake", "npu"} <= set(devices)
    assert resolved == "npu"
    # Accelerators come first, so that "auto" means the best real device; the fake one is last.
    assert available[-2:] == ["cpu", "fake"]
    assert "npu" in available[:-2]
