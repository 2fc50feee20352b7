import os
import shutil
import sqlite3
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from store_samples import measurement

from selector.errors import StoreError
from selector.store import Store
from selector.store.schema import SCHEMA_VERSION


@pytest.fixture
def path(tmp_path):
    return tmp_path / "selector.db"


@pytest.fixture
def filled(path):
    with Store(f"sqlite:///{path}") as store:
        store.add(measurement(0.1))
    return path


@pytest.fixture
def common_folder():
    """A folder that other users may enter (pytest's own may not be)."""
    made = Path(tempfile.mkdtemp(prefix="selector-test-"))
    made.chmod(0o777)
    yield made
    made.chmod(0o777)
    shutil.rmtree(made)


@contextmanager
def without_privileges():
    """Root may write anything; so be nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def refused(url, **options):
    with pytest.raises(StoreError) as caught:
        Store(url, **options)
    return str(caught.value)


def test_the_folder_must_be_there(tmp_path):
    assert "does not exist" in refused(f"sqlite:///{tmp_path}/missing/selector.db")
    assert not (tmp_path / "missing").exists()


def test_a_folder_is_not_a_store(tmp_path):
    assert f"Write sqlite:///{tmp_path}/selector.db" in refused(f"sqlite:///{tmp_path}")


def test_a_pipe_is_not_waited_for(path):
    os.mkfifo(path)
    for read_only in (False, True):
        assert "is not a file" in refused(f"sqlite:///{path}", read_only=read_only)


def test_a_file_that_is_no_database(path):
    path.write_bytes(b"this is a text, not a database\n" * 200)
    assert "not a database" in refused(f"sqlite:///{path}")
    assert "not a database" in refused(f"sqlite:///{path}", read_only=True)
    assert path.read_bytes() == b"this is a text, not a database\n" * 200


def test_a_database_of_another_program_is_left_alone(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE songs (title TEXT)")
    database.close()
    before = path.read_bytes()
    assert "not a store: it holds the tables songs" in refused(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(path):
    path.touch()
    assert "is empty" in refused(f"sqlite:///{path}", read_only=True)
    with Store(f"sqlite:///{path}") as store:
        assert store.revision() == 0


def test_reading_only_needs_a_store(path):
    assert "there is no store" in refused(f"sqlite:///{path}", read_only=True)
    assert not path.exists()


def test_reading_only_changes_nothing(filled):
    with Store(f"sqlite:///{filled}", read_only=True) as store:
        assert store.revision() == 1
        with pytest.raises(StoreError, match="opened for reading only"):
            store.add(measurement(0.1))
        with pytest.raises(sa.exc.OperationalError, match="readonly"), store._engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM measurements")


def test_a_store_of_a_newer_selector(filled):
    set_version(filled, "0999")
    for read_only in (False, True):
        message = refused(f"sqlite:///{filled}", read_only=read_only)
        assert "made by a newer selector (schema 0999" in message
        assert "Update selector" in message


def test_an_older_store_is_not_updated_when_reading_only(filled):
    set_version(filled, "0000")
    assert "Open it once for writing" in refused(f"sqlite:///{filled}", read_only=True)


def test_a_version_that_never_was(filled):
    set_version(filled, "0000")
    assert "cannot be brought up to date" in refused(f"sqlite:///{filled}")


def test_a_store_without_version_is_damaged(filled):
    with sqlite3.connect(filled) as database:
        database.execute("DELETE FROM selector_version")
    database.close()
    assert "schema has no version" in refused(f"sqlite:///{filled}")


def test_a_damaged_file(filled):
    data = bytearray(filled.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    filled.write_bytes(data)
    assert "is damaged" in refused(f"sqlite:///{filled}")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("selector.db", "Write sqlite:///selector.db"),
        ("", "Write sqlite:///selector.db"),
        ("nonsense://x/y", "'nonsense' is not a kind of database"),
        ("mysql+missing://u@h/d", "is not a kind of database"),
        ("oracle+cx_oracle://u:secret@h/d", "needs a driver that is not installed (No module named 'cx_Oracle')"),
        ("postgresql+psycopg://u@h:port/d", "is not the address of a store"),
        ("sqlite+aiosqlite:///x.db", "has parts that an SQLite store does not take"),
        ("sqlite:///x.db?mode=ro", "has parts that an SQLite store does not take"),
        ("sqlite:///what?.db", "has parts that an SQLite store does not take"),
        ("sqlite://x.db", "three slashes"),
        ("sqlite:///a\0b.db", "cannot be the name of a file"),
    ],
)
def test_addresses_that_are_none(url, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = refused(url)
    assert says in message
    assert "secret" not in message
    assert list(tmp_path.iterdir()) == []


def test_names_with_special_characters(tmp_path):
    for name in ("100% &mode=ro.db", "#1;--.db", "größe 漢字.db", os.fsdecode(b"bytes-\xff.db")):
        with Store(f"sqlite:///{tmp_path / name}") as store:
            store.add(measurement(0.1))
        assert (tmp_path / name).is_file()
    assert len(list(tmp_path.iterdir())) == 4


def test_a_relative_address_stays_where_it_was(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with Store() as store:
        monkeypatch.chdir(tmp_path / "elsewhere")
        store._engine.dispose()  # the next connection is a new one
        store.add(measurement(0.1))
        assert store.name == "selector.db"
    assert (tmp_path / "selector.db").is_file()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_nothing_is_left_beside_a_closed_store(filled):
    assert list(filled.parent.iterdir()) == [filled]
    with sqlite3.connect(filled) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_a_closed_store(filled):
    store = Store(f"sqlite:///{filled}")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="is closed"):
        store.revision()


def test_a_full_disk(filled):
    def no_more_pages(database, _record):
        database.execute(f"PRAGMA max_page_count = {filled.stat().st_size // 4096 + 3}")

    one = measurement(0.1)
    with Store(f"sqlite:///{filled}") as store:
        sa.event.listen(store._engine, "connect", no_more_pages)
        store._engine.dispose()
        store.add(one, new_series=True)
        before = store.revision()
        with pytest.raises(StoreError, match=r"disk that holds the store .* is full"):
            store.add(measurement(0.1, log="x" * 100_000))
        assert store.revision() == before
        assert store.latest([one.identity], with_samples=True)[one.identity] == one


@pytest.mark.parametrize("folder_too", [False, True])
def test_a_read_only_file_or_folder(common_folder, folder_too):
    path = common_folder / "selector.db"
    one = measurement(0.1)
    with Store(f"sqlite:///{path}") as store:
        store.add(one)
    path.chmod(0o444)
    if folder_too:
        common_folder.chmod(0o555)
    with without_privileges():
        with pytest.raises(StoreError, match=r"read-only|cannot be opened"), Store(f"sqlite:///{path}") as store:
            store.add(measurement(0.1))
        with Store(f"sqlite:///{path}", read_only=True) as store:
            assert store.latest([one.identity], with_samples=True) == {one.identity: one}
    if folder_too:
        assert list(common_folder.iterdir()) == [path]


def test_an_unwritable_folder(common_folder):
    common_folder.chmod(0o555)
    with without_privileges():
        assert "folder may be written" in refused(f"sqlite:///{common_folder}/selector.db")


def test_a_file_that_may_not_be_read(common_folder):
    path = common_folder / "selector.db"
    Store(f"sqlite:///{path}").close()
    path.chmod(0)
    with without_privileges():
        assert "cannot be opened" in refused(f"sqlite:///{path}", read_only=True)


def set_version(path, version):
    assert version != SCHEMA_VERSION
    with sqlite3.connect(path) as database:
        database.execute("UPDATE selector_version SET version_num = ?", [version])
    database.close()
