"""Ways that fail as a broken plugin's would. Importing this registers them: in a test's process, and, named in a
device's `preload`, in the process from which candidates fork."""

from __future__ import annotations

from typing import NoReturn

from selector.devices import Runner
from selector.optimizations import OPTIMIZATIONS, Bench, Optimization

CLAIMS_TO_RUN = "claims-to-run"


class ClaimsToRun(Optimization):
    """Says that it is available, and cannot load."""

    name = CLAIMS_TO_RUN
    description = "planted by a test"

    def load(self, bench: Bench) -> Runner:
        raise RuntimeError("the planted engine does not start")


class CannotBeAsked(ClaimsToRun):
    """Cannot even say whether it is available."""

    name = "cannot-be-asked"

    def unavailable(self, environment: object) -> NoReturn:
        raise RuntimeError("the planted driver is of another version")


def plant(way: type[Optimization]) -> None:
    """Registers one, once."""
    if way.name not in OPTIMIZATIONS.names():
        OPTIMIZATIONS.register(way.name, way())


def uproot(way: type[Optimization]) -> None:
    """Takes it away again."""
    OPTIMIZATIONS._entries.pop(way.name, None)
