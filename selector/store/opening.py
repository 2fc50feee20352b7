"""From a store's address to an engine on a store of today's schema.

SQLite is run in WAL mode, so that a dashboard reads while an evaluation writes. Its transactions are begun here
and not by the driver: one that will write takes the lock at its beginning (``BEGIN IMMEDIATE``), where the busy
timeout works; taking it later fails at once when another process wrote in between.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from selector.errors import StoreAddressError, StoreError, excerpt
from selector.store.faults import translated
from selector.store.schema import METADATA, SCHEMA_VERSION, VERSION_TABLE

_WRITES = "selector_writes"
_LONGEST_NAME, _LONGEST_PATH = 255, 4_000
"""Bytes of a file's name and of its path that common file systems take."""
_MIGRATIONS = Path(__file__).resolve().parent / "migrations"


@dataclass(frozen=True)
class Address:
    """Where a store is.

    Attributes:
        url: As SQLAlchemy reads it.
        path: Of an SQLite file, absolute; None for other databases and in memory.
        name: For messages: the file, or the address without password.
    """

    url: sa.URL
    path: Path | None
    name: str

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite, in a file or in memory."""
        return self.url.get_backend_name() == "sqlite"


def parse_address(text: str) -> Address:
    """Reads a store's address.

    Args:
        text: A SQLAlchemy URL, e.g. ``sqlite:///selector.db`` or ``postgresql+psycopg://user@host/name``.

    Raises:
        StoreAddressError: It is none, or has options that the store would not heed.
    """
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise StoreAddressError(
            f"{excerpt(text)} is not the address of a store. Write sqlite:///{text[:60] or 'selector.db'} for a "
            "file, or another SQLAlchemy URL"
        ) from None
    if url.get_backend_name() != "sqlite":
        return Address(url, None, url.render_as_string(hide_password=True))
    if url.drivername not in ("sqlite", "sqlite+pysqlite") or "?" in text or url.host:
        raise StoreAddressError(
            f"the address {excerpt(text)} has parts that an SQLite store does not take. Write sqlite:///FILE with "
            "three slashes and a relative path, or four and an absolute one; a ? cannot stand in the name"
        )
    if url.database in (None, "", ":memory:"):
        return Address(url, None, "in memory")
    path = Path(str(url.database))
    try:
        lengths = len(os.fsencode(path.name)), len(os.fsencode(path))
    except UnicodeEncodeError:
        raise StoreAddressError(f"{excerpt(text)} cannot be the name of a file") from None
    if "\0" in str(path):
        raise StoreAddressError(f"{excerpt(text)} cannot be the name of a file")
    if lengths[0] > _LONGEST_NAME or lengths[1] > _LONGEST_PATH:
        raise StoreAddressError(f"{excerpt(text)} is too long to be the name of a file")
    return Address(url, path.absolute(), str(path))


def connect(address: Address, read_only: bool, timeout: float) -> sa.Engine:
    """An engine on a store whose schema is that of this program.

    A store that is not there is made, an older one brought up to date, unless `read_only`.

    Args:
        address: Where.
        read_only: Change nothing, not even an older schema.
        timeout: Seconds to wait for another process's lock.

    Raises:
        StoreError: It cannot be opened; the message says what to change.
    """
    if address.path is not None:
        _check_file(address.path, address.name, read_only)
    engine = _engine(address, read_only, timeout)
    try:
        with translated(address.name, timeout):
            _bring_up_to_date(engine, address, read_only, timeout)
    except BaseException:
        engine.dispose()
        raise
    return engine


def writing(connection: sa.Connection) -> sa.Connection:
    """The connection, so marked that its transactions take the write lock when they begin."""
    return connection.execution_options(**{_WRITES: True})


def _check_file(path: Path, name: str, read_only: bool) -> None:
    if not path.parent.is_dir():
        # Who reads has the address wrong; who writes may well want this one, and lacks the folder.
        raise (StoreAddressError if read_only else StoreError)(
            f"the folder {str(path.parent)!r} of the store {name} does not exist or cannot be entered. Create it, or "
            "name another store with --store sqlite:///FILE"
        )
    if path.is_dir():
        raise StoreAddressError(f"{name} is a folder, a store is a file. Write sqlite:///{path / 'selector.db'}")
    if path.exists() and not path.is_file():
        raise StoreAddressError(
            f"{name} is not a file, so it cannot be a store. Name another with --store sqlite:///FILE"
        )
    if read_only and not path.exists():
        raise StoreAddressError(
            f"there is no store {name}. Measure first with `selector evaluate PROFILE`, or name another store with "
            "--store sqlite:///FILE"
        )


def _engine(address: Address, read_only: bool, timeout: float) -> sa.Engine:
    try:
        if not address.is_sqlite:
            return sa.create_engine(address.url, pool_pre_ping=True)
        pool = sa.pool.QueuePool if address.path else sa.pool.StaticPool
        engine = sa.create_engine(
            address.url, creator=_sqlite_connector(address.path, read_only, timeout), poolclass=pool
        )
    except sa.exc.NoSuchModuleError:
        raise StoreAddressError(
            f"{address.url.drivername!r} is not a kind of database that SQLAlchemy knows here. Use "
            "sqlite:///FILE, postgresql+psycopg://USER@HOST/NAME, or install what serves this one"
        ) from None
    except ImportError as error:
        raise StoreAddressError(
            f"the store {address.name} needs a driver that is not installed ({error}). Install it with pip into the "
            "environment of selector, or name another in the address, e.g. postgresql+psycopg://"
        ) from error
    except (sa.exc.SQLAlchemyError, TypeError, ValueError) as error:
        raise StoreAddressError(f"{address.name} is not the address of a store ({error})") from error
    sa.event.listen(engine, "begin", _begin)
    return engine


def _sqlite_connector(path: Path | None, read_only: bool, timeout: float) -> Callable[[], sqlite3.Connection]:
    def open_database() -> sqlite3.Connection:
        where = ":memory:" if path is None else path.as_uri() + _mode(path, read_only)
        # isolation_level None: the driver begins no transactions of its own.
        database = sqlite3.connect(where, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA foreign_keys = ON")
        return database

    return open_database


def _mode(path: Path, read_only: bool) -> str:
    if not read_only:
        return "?mode=rwc"
    # Even a reader of a WAL store makes files beside it. Where it may not, and no log lies there, nobody is writing,
    # and the file is read as it is; somebody who has the right to write it, and begins to, would not be noticed.
    writable = os.access(path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
    if not writable and not path.with_name(path.name + "-wal").exists():
        return "?mode=ro&immutable=1"
    return "?mode=ro"


def _begin(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _bring_up_to_date(engine: sa.Engine, address: Address, read_only: bool, timeout: float) -> None:
    with engine.connect() as connection:
        version = _version(connection, address)
    if read_only:
        if version != SCHEMA_VERSION:
            raise (StoreAddressError if version is None else StoreError)(_cannot_read(address, version))
        return
    if address.path is not None:
        _use_wal(engine, timeout)
    if version != SCHEMA_VERSION:
        _migrate(engine, address)


def _cannot_read(address: Address, version: str | None) -> str:
    if version is None:
        return f"the store {address.name} is empty. Measure first with `selector evaluate PROFILE`"
    return (
        f"the store {address.name} was made by an older selector (schema {version}, this one reads "
        f"{SCHEMA_VERSION}) and is open for reading only. Open it once for writing to bring it up to date, "
        "e.g. with `selector evaluate`"
    )


def _version(connection: sa.Connection, address: Address) -> str | None:
    """The schema's version, None when there is no schema yet.

    Raises:
        StoreError: The database is somebody else's, or newer than this program.
    """
    inspector = sa.inspect(connection)
    if not inspector.has_table(VERSION_TABLE):
        found = set(inspector.get_table_names())
        # A file is meant for one program; a database server may be shared, unless tables would collide.
        foreign = found if address.is_sqlite else found & set(METADATA.tables)
        if foreign:
            raise StoreAddressError(
                f"{address.name} is a database, but not a store: it holds the tables "
                f"{', '.join(sorted(foreign)[:5])} of another program. Name another one with --store"
            )
        return None
    version = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
    if version is None:
        raise StoreError(f"the store {address.name} is damaged: its schema has no version. Put a copy of it back")
    if str(version) > SCHEMA_VERSION:
        raise StoreError(
            f"the store {address.name} was made by a newer selector (schema {version}, this one knows up to "
            f"{SCHEMA_VERSION}). Update selector, or name another store with --store"
        )
    return str(version)


def _use_wal(engine: sa.Engine, timeout: float) -> None:
    """Turns WAL mode on, once for the life of the file.

    Two processes that do so at the same moment do not wait for each other by themselves. Where the file system
    cannot do WAL (some network ones) SQLite stays with its rollback journal, slower and as safe.
    """
    deadline = time.monotonic() + timeout
    with engine.connect() as connection:
        database: Any = connection.connection.driver_connection
        while database.execute("PRAGMA journal_mode").fetchone()[0] == "delete":
            try:
                database.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return


def _migrate(engine: sa.Engine, address: Address) -> None:
    """Runs the migration scripts in one transaction, which other processes wait for."""
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with writing(engine.connect()) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7305177)")
        if _version(connection, address) == SCHEMA_VERSION:
            return  # another process was faster
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, SCHEMA_VERSION)
        except CommandError as error:
            raise StoreError(f"the store {address.name} cannot be brought up to date ({error})") from error
