"""Runs the checks. Whatever one of them meets, the others are heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from selector.doctor.base import CHECKS, Check, Finding, Visit
from selector.doctor.report import Report
from selector.errors import SelectorError

SYMPTOMS = (
    SelectorError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
)
"""What broken drivers, libraries and plugins raise: here these are findings, not ends of the program."""


def examine(visit: Visit, tell: Callable[[str], None] = lambda _: None) -> Report:
    """Runs every registered check.

    Args:
        visit: Where, and how thoroughly.
        tell: Is given the title of each check as it begins.
    """
    found = []
    for one in sorted((entry for _, entry in CHECKS), key=lambda entry: (entry.place, entry.name)):
        tell(one.title)
        found.append((one, tuple(_heard(one, visit))))
    return Report(visit.device.name, visit.device.target, visit.asked, tuple(found), quick=visit.quick)


def _heard(one: Check, visit: Visit) -> Iterator[Finding]:
    try:
        yield from one.look(visit)
    except SYMPTOMS as error:
        yield Finding(
            one.name,
            "fail",
            f"looking at it raised {symptom(error)}",
            "run `selector doctor --debug` and look at what it names",
        )


def symptom(error: BaseException) -> str:
    """An exception in one line."""
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
