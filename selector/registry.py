"""A registry of named extensions: unique names, suggestions for wrong ones, loud import failures.

Every kind of extension (optimization, device, metric, report format, search strategy) has one `Registry`. The
project's own extensions are found by importing every module of a package; outside packages announce theirs as
entry points of the group ``selector.<kind>`` whose value is a module that registers when imported.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

from selector.errors import PluginError, UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to extensions of one kind.

    Args:
        kind: The word for it in messages, e.g. "optimization"; the entry point group is ``selector.<kind>``.
        package: The package whose modules register the project's own, or None when they are registered by the
            module that owns the registry.
    """

    def __init__(self, kind: str, package: str | None = None) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, T] = {}
        self._loaded = self._loading = False
        self._lock = threading.RLock()

    def register(self, name: str, entry: T) -> T:
        """Adds `entry` under `name`.

        Raises:
            PluginError: The name is taken.
        """
        if name in self._entries:
            raise PluginError(f"{self.kind} {name!r} is registered twice; rename one of them")
        self._entries[name] = entry
        return entry

    def get(self, name: str) -> T:
        """The entry called `name`.

        Raises:
            UnknownNameError: No such entry; the message offers near names.
        """
        self._load()
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownNameError(self.kind, name, self._entries) from None

    def names(self) -> list[str]:
        """All names, in order of registration."""
        self._load()
        return list(self._entries)

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def __iter__(self) -> Iterator[tuple[str, T]]:
        self._load()
        return iter(list(self._entries.items()))

    def __len__(self) -> int:
        self._load()
        return len(self._entries)

    def _load(self) -> None:
        """Imports what registers. After a failure it is tried, and fails, again: no part passes for the whole."""
        with self._lock:
            if self._loaded or self._loading:  # what is imported may ask the registry itself
                return
            self._loading = True
            try:
                self._import_all()
                self._loaded = True
            finally:
                self._loading = False

    def _import_all(self) -> None:
        if self._package is not None:
            package = importlib.import_module(self._package)
            for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
                importlib.import_module(f"{self._package}.{module.name}")
        for point in importlib.metadata.entry_points(group=f"selector.{self.kind}"):
            try:
                point.load()
            except (ImportError, AttributeError) as error:
                raise PluginError(
                    f"the {self.kind} plugin {point.name!r} ({point.value}) cannot be imported: "
                    f"{type(error).__name__}: {error}. Mend or uninstall the package that brings it"
                ) from error
