"""What SQLAlchemy and its drivers raise, said in words for the user.

Whatever fails inside `translated` leaves it as a `StoreError` that says what to change.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from selector.errors import StoreAddressError, StoreError

# The primary result code is the lower byte of the extended one; see https://sqlite.org/rescode.html.
_SQLITE = {
    sqlite3.SQLITE_BUSY: (
        "the store {place} is locked by another process (waited {timeout:g} s). Wait for the other selector run to "
        "end, or stop it, then give the same command again; what was measured is kept"
    ),
    sqlite3.SQLITE_READONLY: (
        "the store {place} cannot be written: the file or its folder is read-only. Make both writable, or name "
        "another store with --store sqlite:///FILE"
    ),
    sqlite3.SQLITE_FULL: (
        "the disk that holds the store {place} is full. Free some space, then give the same command again; what "
        "was measured before is kept"
    ),
    sqlite3.SQLITE_IOERR: (
        "the store {place} could not be read or written ({detail}). Look whether its disk is full, failing or "
        "disconnected; what was committed before is kept"
    ),
    sqlite3.SQLITE_CORRUPT: (
        "the store {place} is damaged ({detail}). Put a copy of it back, or move the file away to begin anew; "
        "`sqlite3 FILE .recover` may save its rows"
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "the store {place} cannot be opened ({detail}). Look whether its folder may be written: a store in use "
        "keeps two more files beside it"
    ),
    sqlite3.SQLITE_NOTADB: (
        "{place} is not a store: the file is not a database. Name another one with --store sqlite:///FILE"
    ),
}
_SQLITE[sqlite3.SQLITE_LOCKED] = _SQLITE[sqlite3.SQLITE_BUSY]
_SQLITE[sqlite3.SQLITE_PERM] = _SQLITE[sqlite3.SQLITE_READONLY]


@contextmanager
def translated(place: str, timeout: float = 0.0) -> Iterator[None]:
    """Turns what a database raises within the block into `StoreError`.

    Args:
        place: The store as messages name it (no passwords).
        timeout: Seconds that were waited for a lock.

    Raises:
        StoreAddressError: The file is no database.
        StoreError: The database or its driver failed.
    """
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error, UnicodeError, OverflowError) as error:
        kind = StoreAddressError if _code(error) == sqlite3.SQLITE_NOTADB else StoreError
        raise kind(_explain(place, timeout, error)) from error


def _code(error: Exception) -> int | None:
    """SQLite's primary result code, None where there is none."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error
    code = getattr(cause, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF


def _explain(place: str, timeout: float, error: Exception) -> str:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error
    detail = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    code = _code(error)
    if code in _SQLITE:
        return _SQLITE[code].format(place=place, timeout=timeout, detail=detail)
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return (
            f"the store {place} does not answer as it should ({detail}). Look whether it is there, reachable and "
            "yours to use, or name another with --store"
        )
    return f"the store {place} refused ({detail})"


@contextmanager
def readable(place: str, what: str) -> Iterator[None]:
    """Turns what reading a document raises within the block into `StoreError`.

    Args:
        place: The store as messages name it.
        what: The row, e.g. "measurement 3fa9".

    Raises:
        StoreError: The document is damaged, or of a kind that this version does not know.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"{what} in the store {place} cannot be read: {error}. It was damaged, or written by a newer selector; "
            "update selector, or put a copy of the store back"
        ) from error
