"""The cache of what is built: graphs, engines, weights, reference outputs, compiler caches.

Everything lies in one folder, keyed by content, written to a temporary name and renamed, so that a killed process
leaves nothing half-written and two processes cannot spoil each other's files.

The cache is bounded: what was longest not used goes first, and nothing goes that a living run has used. Whoever reads
an artifact touches it; a run holds a lease, and what was touched since the oldest living lease began stays.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from selector.errors import DiskFullError, UsageError, excerpt
from selector.owners import is_left, owner_token
from selector.quantities import parse_quantity
from selector.types import content_hash

_TEMPORARY = ".being-written-"
_LEASES = ".leases"
_WHOLE = frozenset({"inductor"})
"""Kinds that are one artifact: a compiler's own cache, whose files refer to each other."""
DEFAULT_LIMIT = 20 * 2**30
"""Bytes that the cache may hold after a run, where ``SELECTOR_CACHE_LIMIT`` says nothing else."""


@dataclass(frozen=True)
class Artifact:
    """What lies in the cache under one key.

    Attributes:
        kind: "onnx", "weights", "quantized", …
        key: Its content hash.
        bytes: Size of its files together.
        used: When one of them was last written or read, in seconds since 1970.
        files: Where they are; folders for what is one as a whole.
    """

    kind: str
    key: str
    bytes: int
    used: float
    files: tuple[Path, ...]


def cache_folder() -> Path:
    """Where the cache is: ``SELECTOR_CACHE``, else ``selector`` in the user's cache folder."""
    configured = os.environ.get("SELECTOR_CACHE")
    if configured:
        return Path(configured)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "selector"


def cache_limit() -> int:
    """Bytes that the cache may hold: ``SELECTOR_CACHE_LIMIT``, e.g. "8 GiB", else `DEFAULT_LIMIT`.

    Raises:
        UsageError: The variable is no amount of memory.
    """
    configured = os.environ.get("SELECTOR_CACHE_LIMIT")
    return int(bound(configured, "memory", "8 GiB", "SELECTOR_CACHE_LIMIT")) if configured else DEFAULT_LIMIT


def bound(text: str, kind: Literal["memory", "time"], example: str, name: str) -> float:
    """What the cache is bounded by, in base units.

    Args:
        text: As written.
        kind: What it counts.
        example: For messages.
        name: Of what it was written for.

    Raises:
        UsageError: It is no such quantity, or less than nothing: nobody means that everything be removed by it.
    """
    value = parse_quantity(text, kind, example)
    if value < 0:
        raise UsageError(f"{name} cannot be less than zero, as {excerpt(text)} is; write for instance {example!r}")
    return value


class ArtifactCache:
    """Files by kind and content key.

    Args:
        folder: Root of the cache; made when first written to.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or cache_folder()).absolute()

    def path(self, kind: str, key: Any, suffix: str) -> Path:
        """Where the artifact of `kind` with the content `key` (plain data) is or will be."""
        return self.folder / kind / f"{content_hash(key)}{suffix}"

    @contextmanager
    def writing(self, path: Path) -> Iterator[Path]:
        """A temporary path beside `path`; what was written there becomes `path` at the end, or vanishes.

        It is on the disk before it gets its name, so that a power cut leaves the old state or the new one.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{_TEMPORARY}{owner_token()}-{uuid.uuid4().hex}{path.suffix}")
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def remove_left(self) -> None:
        """Removes the temporary files of processes that were killed while they wrote."""
        for temporary in self.folder.glob(f"*/{_TEMPORARY}*"):
            if is_left(temporary):
                with suppress(OSError):
                    temporary.unlink()

    def read_json(self, path: Path) -> Any | None:
        """What `write_json` wrote, or None when it is not there, or is no longer what was written."""
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError):
            return None

    def write_json(self, path: Path, value: Any) -> None:
        """Writes plain data atomically."""
        with self.writing(path) as temporary:
            temporary.write_text(json.dumps(value, indent=1, sort_keys=True))

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Says of a cache that cannot be written to what to change, for whoever writes before a candidate is at work.

        Raises:
            UsageError: The folder cannot be made or written to.
            DiskFullError: There is no space left for it.
        """
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFullError(
                    f"the cache {self.folder} has no space left ({error.strerror}). Free some there, or name another "
                    "folder with SELECTOR_CACHE, then give the same command again"
                ) from error
            raise UsageError(
                f"the cache {self.folder} cannot be written to ({error.strerror}). Name another folder with the "
                "environment variable SELECTOR_CACHE"
            ) from error

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """What is touched from here on stays until this process ends or leaves the context.

        Raises:
            UsageError, DiskFullError: See `telling`.
        """
        lease = self.folder / _LEASES / f"{owner_token()}-{uuid.uuid4().hex}"
        with self.telling():
            lease.parent.mkdir(parents=True, exist_ok=True)
            lease.touch()
        try:
            yield
        finally:
            lease.unlink(missing_ok=True)

    def touch(self, files: Iterable[Path]) -> None:
        """Notes that files are used now."""
        for file in files:
            with suppress(OSError):
                os.utime(file)

    def artifacts(self) -> list[Artifact]:
        """Everything that the cache holds, longest unused first. Files that are being written are no artifacts."""
        found: dict[tuple[str, str], list[Path]] = {}
        for folder in self.folder.glob("[!.]*"):
            if folder.name in _WHOLE:
                found[folder.name, folder.name] = [folder]
            elif folder.is_dir():
                for file in folder.glob("[!.]*"):
                    found.setdefault((folder.name, file.name.partition(".")[0].partition("-")[0]), []).append(file)
        known = (_artifact(kind, key, files) for (kind, key), files in found.items())
        return sorted((one for one in known if one is not None), key=lambda one: one.used)

    def prune(self, max_size: int | None = None, older_than: float | None = None) -> list[Artifact]:
        """Removes what was longest not used, but nothing that a living run has used.

        Args:
            max_size: Bytes that may be left; None for any.
            older_than: Seconds without use after which an artifact goes whatever the size; None for none.

        Returns:
            What was removed.
        """
        since = self._oldest_lease()
        everything = self.artifacts()
        left = sum(one.bytes for one in everything)
        now = time.time()
        removed = []
        for one in everything:
            too_old = older_than is not None and now - one.used > older_than
            if not too_old and (max_size is None or left <= max_size):
                continue
            if since is not None and (one.used >= since or one.kind in _WHOLE):
                continue
            _remove(one)
            left -= one.bytes
            removed.append(one)
        return removed

    def _oldest_lease(self) -> float | None:
        """When the oldest run that still lives began, None when none does."""
        began = []
        for lease in self.folder.glob(f"{_LEASES}/*"):
            with suppress(OSError):
                if is_left(lease):
                    lease.unlink()
                else:
                    began.append(lease.stat().st_mtime)
        return min(began, default=None)


def _artifact(kind: str, key: str, files: list[Path]) -> Artifact | None:
    """The artifact of these files, None when another process has removed them meanwhile."""
    size, used = 0, 0.0
    for top in files:
        for file in top.rglob("*") if top.is_dir() else (top,):
            with suppress(OSError):
                known = file.lstat()
                size += 0 if file.is_dir() else known.st_size
                used = max(used, known.st_mtime)
    return Artifact(kind, key, size, used, tuple(sorted(files))) if used else None


def _remove(artifact: Artifact) -> None:
    """Records go first: without its record an artifact is made again."""
    for file in sorted(artifact.files, key=lambda path: path.suffix != ".json"):
        if file.is_dir():
            shutil.rmtree(file, ignore_errors=True)
        else:
            with suppress(OSError):
                file.unlink()
