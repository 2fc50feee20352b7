"""The cache of what is built: graphs, engines, weights, reference outputs, compiler caches.

Everything lies in one folder, keyed by content, written to a temporary name and renamed, so that a killed process
leaves nothing half-written and two processes cannot spoil each other's files.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from selector.owners import is_left, owner_token
from selector.types import content_hash

_TEMPORARY = ".being-written-"


def cache_folder() -> Path:
    """Where the cache is: ``SELECTOR_CACHE``, else ``selector`` in the user's cache folder."""
    configured = os.environ.get("SELECTOR_CACHE")
    if configured:
        return Path(configured)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "selector"


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
