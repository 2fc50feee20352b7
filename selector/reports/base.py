"""What a report format is, and where formats are registered.

A format is one file of this package (or of an outside package, announced as entry point of the group
``selector.report``) with one decorated function from a decision to text::

    @report_format("md", suffix=".md", media_type="text/markdown", description="A decision record to read")
    def render_markdown(decision: Decision, context: Context) -> str:
        ...

It is pure: the same decision and context give the same text, byte for byte. A format that is no text returns bytes
and says so by ``binary=True``; one that needs further packages names them, so that a call without them is told what
to install before anything is measured.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selector.errors import UsageError
from selector.registry import Registry

if TYPE_CHECKING:
    from selector.decision import Decision


@dataclass(frozen=True)
class Context:
    """What a report says about the call, which the decision itself does not know.

    Attributes:
        profile: The profile as it was given to the command line, for the commands to type; "" where no file is known,
            as for a run in a store: commands then name the run, where they take one.
        device: What ``--device`` said instead of the profile, "" otherwise.
        environment: What ``--environment`` said, "" otherwise.
        store: URL of the store where it is not the default one; "" otherwise.
        measuring: Further words that ``selector evaluate`` was given and that change what it measures.
        log: The run's log file, "" where there is none.
        date: Day of the decision; None takes it from the run, else from the newest measurement.
    """

    profile: str = ""
    device: str = ""
    environment: str = ""
    store: str = ""
    measuring: tuple[str, ...] = ()
    log: str = ""
    date: dt.date | None = None


Renderer = Callable[["Decision", Context], str | bytes]


@dataclass(frozen=True)
class ReportFormat:
    """A registered format.

    Attributes:
        name: As written after ``--format``.
        suffix: Of the files that hold it, with the point.
        media_type: For downloads.
        description: One sentence.
        render: The function.
        binary: Whether it returns bytes, which are for files and not for a terminal.
        packages: Import names that must be installed, each with the extra that brings it.
    """

    name: str
    suffix: str
    media_type: str
    description: str
    render: Renderer
    binary: bool = False
    packages: tuple[tuple[str, str], ...] = ()

    def require_packages(self) -> None:
        """Makes sure that the format can be written here; imports nothing.

        Raises:
            UsageError: A package is missing.
        """
        missing = [(package, extra) for package, extra in self.packages if importlib.util.find_spec(package) is None]
        if missing:
            names, (_, extra) = ", ".join(package for package, _ in missing), missing[0]
            told = f"the package {names} is" if len(missing) == 1 else f"the packages {names} are"
            raise UsageError(
                f"for the report format {self.name!r} {told} not installed: pip install 'vision-selector[{extra}]'"
            )


FORMATS: Registry[ReportFormat] = Registry("report", "selector.reports")


def report_format(
    name: str,
    *,
    suffix: str,
    media_type: str,
    description: str,
    binary: bool = False,
    packages: tuple[tuple[str, str], ...] = (),
) -> Callable[[Renderer], Renderer]:
    """Registers the decorated function as report format `name`; `ReportFormat` says what the arguments mean."""

    def register(render: Renderer) -> Renderer:
        FORMATS.register(name, ReportFormat(name, suffix, media_type, description, render, binary, packages))
        return render

    return register
