import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from store_samples import measurement

import selector.store
from selector.store import Store
from selector.store.codec import from_document, to_document
from selector.store.schema import METADATA, SCHEMA_VERSION, VERSION_TABLE
from selector.types import Certificate, Examination, Measurement, RunOff

KEPT = sorted((Path(__file__).parent / "versions").glob("*.db"))
MIGRATIONS = Path(selector.store.__file__).parent / "migrations"


def test_a_store_of_every_version_is_kept():
    assert [path.stem for path in KEPT] == [f"v{number}" for number in range(1, int(SCHEMA_VERSION) + 1)]


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.stem)
def test_a_kept_store_opens_migrates_and_reads_back(kept, tmp_path):
    path = tmp_path / "selector.db"
    shutil.copy(kept, path)
    content = json.loads(kept.with_suffix(".json").read_text())
    with Store(f"sqlite:///{path}") as store:
        run = store.run(content["run"]["id"])
        expected = [from_document(Measurement, document) for document in content["measurements"]]
        assert store.measurements(run.id, with_samples=True) == expected
        latest = store.latest(content["latest"], with_samples=True)
        assert content["latest"] == {
            identity: {"id": one.id, "latencies": to_document(one.observation and one.observation.latencies)}
            for identity, one in latest.items()
        }
        assert dict(run.profile_document) == content["run"]["profile"]
        assert run.profile.name == content["run"]["profile"]["name"]
        assert run.excluded == tuple(map(tuple, content["run"]["excluded"]))
        assert run.certificate == from_document(Certificate, content["run"]["certificate"])
        assert to_document(run.started) == content["run"]["started"]
        met = from_document(RunOff, content["run_off"]) if "run_off" in content else None
        found = store.run_offs(latest, run.environment, with_samples=True)
        assert found == ([] if met is None else [met])
        answers = [from_document(Examination, content[key]) for key in ("examination",) if key in content]
        assert store.examinations(["answers"]) == {made.identity: made for made in answers}
        one = measurement(0.1)
        store.add(one, new_series=True)
        assert store.latest([one.identity])[one.identity].id == one.id
    with sqlite3.connect(path) as database:
        assert database.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall() == [(SCHEMA_VERSION,)]
    database.close()


def test_the_constant_is_the_newest_script():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_VERSION]


def test_scripts_make_what_the_tables_say():
    with Store("sqlite://") as store, store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_reading_a_store_imports_nothing_heavy(tmp_path):
    url = f"sqlite:///{tmp_path / 'selector.db'}"
    one = measurement(0.1)
    with Store(url) as store:
        store.add(one)
    code = (
        "import sys; from selector.store import Store\n"
        f"with Store({url!r}) as store: assert store.latest([{one.identity!r}]) and store.runs() == []\n"
        "heavy = {'alembic', 'numpy', 'scipy', 'pydantic', 'torch', 'timm', 'pandas', 'sqlalchemy.orm'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert ran.stdout == "[]\n"
    assert ran.stderr == ""


def test_an_interrupted_making_leaves_a_file_that_opens(tmp_path, monkeypatch):
    from alembic import command

    path = tmp_path / "selector.db"
    upgrade = command.upgrade

    def interrupted(*arguments):
        upgrade(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "upgrade", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Store(f"sqlite:///{path}")
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    database.close()
    monkeypatch.undo()
    with Store(f"sqlite:///{path}") as store:
        assert store.revision() == 0
