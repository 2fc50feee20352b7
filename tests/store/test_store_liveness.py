"""A run that was killed does not go on: who reads the store sees it as interrupted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from store_samples import plan
from support.fake_profiles import fake_profile

from selector.store import Store
from selector.store.liveness import Liveness

SCRIPT = """
import os, signal, sys
from pathlib import Path
from selector.store.liveness import Liveness
Liveness(Path(sys.argv[1])).begin("another", 99)
print("began", flush=True)
sys.stdin.read(1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'selector.db'}"


class TestRuns:
    def test_a_run_goes_on_until_it_ends_and_leaves_no_file(self, tmp_path: Path) -> None:
        with Store(address(tmp_path)) as store, Store(address(tmp_path), read_only=True) as reader:
            run_id = store.begin_run(fake_profile(), plan(), [], "exhaustive")
            assert (store.run(run_id).status, reader.run(run_id).status) == ("running", "running")
            store.finish_run(run_id, "finished")
            assert reader.run(run_id).status == "finished"
            assert not (tmp_path / "selector.db-runs").exists()

    def test_a_run_whose_process_is_gone_was_interrupted(self, tmp_path: Path) -> None:
        """Forked, so that it ends without noting anything: neither `finish_run` nor `close` is called."""
        child = os.fork()
        if child == 0:
            Store(address(tmp_path)).begin_run(fake_profile(), plan(), [], "exhaustive")
            os._exit(0)
        os.waitpid(child, 0)
        with Store(address(tmp_path), read_only=True) as reader:
            assert [one.status for one in reader.runs()] == ["interrupted"]

    def test_one_that_ends_does_not_end_another(self, tmp_path: Path) -> None:
        with Store(address(tmp_path)) as first, Store(address(tmp_path)) as second:
            ended = first.begin_run(fake_profile(), plan(), [], "exhaustive")
            other = second.begin_run(fake_profile(), plan(), [], "exhaustive")
            first.finish_run(ended, "finished")
            assert first.run(other).status == "running"


def test_the_lock_goes_with_a_killed_process(tmp_path: Path) -> None:
    store = tmp_path / "selector.db"
    alive = Liveness(store)
    command = [sys.executable, "-c", SCRIPT, str(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        assert (alive.is_over(99), alive.is_over(98)) == (False, True)
        process.communicate("go")
    assert alive.is_over(99)
    assert (tmp_path / "selector.db-runs").exists()
    alive.begin("mine", 100)
    alive.end("mine")
    assert not (tmp_path / "selector.db-runs").exists()


def test_of_other_databases_nothing_is_known() -> None:
    alive = Liveness(None)
    alive.begin("run", 1)
    assert not alive.is_over(1)
