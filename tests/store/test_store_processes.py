"""Several processes on one store, and processes that die."""

import multiprocessing
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import store_samples
from store_samples import CANDIDATE, ENVIRONMENT, add_many, measurement

from selector.errors import StoreError
from selector.store import Store
from selector.types import speed_identity


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'selector.db'}"


def test_processes_that_make_and_fill_one_store_at_once(url):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=add_many, args=(url, 8)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    identity = speed_identity(CANDIDATE, ENVIRONMENT)
    with Store(url) as store:
        assert store.latest([identity])[identity].observation.summary.samples == 24
        assert store.revision() == 24
        assert len(store.environments()) == 1


def test_what_add_returned_for_survives_sigkill(url):
    script = Path(store_samples.__file__)
    printed = []
    for _ in range(3):
        child = subprocess.Popen([sys.executable, str(script), url], stdout=subprocess.PIPE, text=True)
        with child:
            printed += [child.stdout.readline().strip() for _ in range(20)]
            child.kill()
            # A line that was cut off stands for an `add` that had returned all the same, but names no id.
            printed += [line.strip() for line in child.stdout if line.endswith("\n")]
        assert child.returncode == -9
    assert len(set(printed)) == len(printed) >= 60
    with Store(url) as store:
        kept = {one.id for one in store.measurements("20261123-014501-3fa9")}
        assert set(printed) <= kept
        # At most one more for each killed process: committed, but not yet printed.
        assert len(kept) <= len(printed) + 2 * 3
        store.add(measurement(0.1))
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_locked_store_is_waited_for(url, tmp_path):
    with Store(url) as store:
        other = sqlite3.connect(tmp_path / "selector.db", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, other.execute, ["COMMIT"])
        release.start()
        began = time.monotonic()
        store.add(measurement(0.1))
        assert time.monotonic() - began > 0.2
        release.join()
        other.close()
        assert store.revision() == 1


def test_a_store_that_stays_locked(url, tmp_path):
    with Store(url, timeout=0.1) as store:
        other = sqlite3.connect(tmp_path / "selector.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"locked by another process \(waited 0.1 s\)"):
            store.add(measurement(0.1))
        assert store.revision() == 0  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        store.add(measurement(0.1))


def test_a_reader_sees_one_moment_while_another_writes(url):
    with Store(url) as writer, Store(url, read_only=True) as reader:
        one = measurement(0.1)
        with reader._reading() as connection:
            before = connection.exec_driver_sql("SELECT revision FROM state").scalar()
            writer.add(one)
            assert connection.exec_driver_sql("SELECT revision FROM state").scalar() == before
        assert reader.revision() == before + 1
        assert reader.latest([one.identity], with_samples=True) == {one.identity: one}
