"""Where selector writes: may it, is there space, and what have dead runs left?"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from selector.doctor.base import Finding, Visit, check
from selector.errors import StoreError
from selector.owners import is_left
from selector.quantities import format_quantity
from selector.store import Store
from selector.store.opening import parse_address

_GIB = 2**30
_CACHE_SPACE, _STORE_SPACE, _TEMPORARY_SPACE = 5 * _GIB, _GIB // 2, _GIB
"""Bytes below which space is short: weights and graphs of some dozen models; a store of many runs; logs."""
_PREFIX = "selector-"
_OLD_SECONDS = 86_400.0
"""Age from which on a temporary folder without an owner's name counts as left."""


@check("disk", "Disk", 40)
def disk(visit: Visit) -> Iterator[Finding]:
    """The folders of the store, the cache and temporary files."""
    yield from _store(visit.store)
    cache = visit.options.cache.folder
    held = _size(cache)
    yield _space(
        "cache",
        cache,
        _CACHE_SPACE,
        f"holds {format_quantity(held, 'memory')}",
        "free some, or name another folder in SELECTOR_CACHE; what is in the cache can be deleted at any time",
    )
    temporary = Path(tempfile.gettempdir())
    yield _space("temporary files", temporary, _TEMPORARY_SPACE, "", "free some, or name another folder in TMPDIR")
    yield from _left(temporary)


def _store(url: str) -> Iterator[Finding]:
    address = parse_address(url)
    if address.path is None:
        yield Finding("store", "skipped", f"{address.name} is no file of this machine")
    elif address.path.exists():
        try:
            with Store(url, read_only=True) as store:
                runs = len(store.runs())
        except StoreError as error:
            yield Finding("store", "fail", str(error), "name another one with --store sqlite:///FILE")
            return
        size = format_quantity(address.path.stat().st_size, "memory")
        held = f"{address.path} holds {runs} run{'s' if runs != 1 else ''} in {size}"
        yield _space("store", address.path.parent, _STORE_SPACE, held, "free some, or move it")
    else:
        yield _space("store", address.path.parent, _STORE_SPACE, f"{address.path.name} is not there yet", "free some")


def _space(subject: str, folder: Path, wanted: int, held: str, advice: str) -> Finding:
    """Whether `folder` (or what will hold it) can be written to and has space."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    about = f"{folder}{f', {held}' if held else ''}"
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return Finding(
            subject, "fail", f"{about}: cannot be written to ({error.strerror})", f"mend its permissions, or {advice}"
        )
    free = shutil.disk_usage(there).free
    figures = {"free_bytes": float(free)}
    shown = f"{about}; {format_quantity(free, 'memory')} free"
    if free < wanted:
        return Finding(
            subject, "warn", f"{shown}, less than {format_quantity(wanted, 'memory')}", advice, figures=figures
        )
    return Finding(subject, "ok", shown, figures=figures)


def _left(folder: Path) -> Iterator[Finding]:
    """What runs that were killed could not remove."""
    left = [entry for entry in sorted(folder.glob(f"{_PREFIX}*")) if _is_ours(entry) and _is_dead(entry)]
    if not left:
        yield Finding("left by dead runs", "ok", f"nothing in {folder}")
        return
    size = sum(map(_size, left))
    figures = {"entries": float(len(left)), "bytes": float(size)}
    yield Finding(
        "left by dead runs",
        "warn",
        f"{len(left)} in {folder} with {format_quantity(size, 'memory')}: {_names(left)}",
        f"rm -r {' '.join(map(str, left[:8]))}{' …' if len(left) > 8 else ''}",
        figures=figures,
    )


def _names(paths: Iterable[Path]) -> str:
    names = [path.name for path in paths]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _is_ours(path: Path) -> bool:
    try:
        return path.lstat().st_uid == os.getuid()
    except OSError:
        return False


def _is_dead(path: Path) -> bool:
    """An owner in the name decides; without one, age."""
    if is_left(path):
        return True
    nameless = path.name.count("-") < 2
    try:
        return nameless and time.time() - path.lstat().st_mtime > _OLD_SECONDS
    except OSError:
        return False


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; what vanishes meanwhile counts nothing."""
    total = 0
    for entry in (path, *path.rglob("*")):
        try:
            total += 0 if entry.is_dir() else entry.lstat().st_size
        except OSError:
            continue
    return total
