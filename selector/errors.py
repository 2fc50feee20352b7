"""Everything that selector raises on purpose.

::

    SelectorError                  a message for the user, and the exit code that goes with it
    ├── UsageError        exit 2   the profile, the call or the device asked for is wrong
    │   ├── ProfileError           problems in a profile, each with file, line and column
    │   ├── UnknownNameError       a name that no registry holds; offers near ones
    │   ├── DeviceError            the device asked for is not here
    │   ├── LabelledImageError     an image of the labelled set cannot be decoded
    │   └── NotSupportedError      meant by the format, not served by this version
    ├── StoreError        exit 4   the store cannot be opened, read or written
    │   └── StoreAddressError  2   there is no store where the call says one is
    ├── OutputError       exit 4   standard output takes no more
    ├── DiskFullError     exit 4   no space left for the cache or temporary files
    ├── PluginError       exit 4   a registered extension cannot be imported
    └── CandidateError    (row)    one candidate failed; becomes an outcome, never ends a run
        ├── UnavailableError
        ├── ExportFailedError
        ├── BuildFailedError
        ├── WrongOutputError
        ├── FallbackError
        └── OutOfMemoryError

A message says what is wrong and what to change. They are caught in two places only: `CandidateError` (and
whatever a candidate's libraries raise) where the profiler turns a failing candidate into an outcome, the rest
where the command line ends the command.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LISTED = 300
"""Characters up to which all names are listed where one was not found."""
_QUOTED = 60
_LONGEST_PATTERN = 200
_LONGEST_PATH = 1_000
_WORD = re.compile("[A-Za-z0-9-]+")


class SelectorError(Exception):
    """The root: `str(error)` is the message for the user, `exit_code` what the command ends with."""

    exit_code = 4


class UsageError(SelectorError):
    """The profile, the call or the device asked for is wrong."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a profile.

    Attributes:
        message: What is wrong, without position.
        line: 1-based line in the file, or None when it has no place of its own.
        column: 1-based column.
        source_line: The line as written, for display.
        suggestion: What to write instead, as a clause ("did you mean 'latency_p95'?"), or "".
    """

    message: str
    line: int | None = None
    column: int | None = None
    source_line: str = ""
    suggestion: str = ""


class ProfileError(UsageError):
    """One or more problems in a requirement profile, all reported at once.

    The text has one block per problem: ``file:line:column: message, suggestion`` and, below, the line itself
    with a caret.
    """

    def __init__(self, path: str, problems: Sequence[Problem]) -> None:
        self.path = path
        self.problems = tuple(problems)
        super().__init__("\n".join(self._render(problem) for problem in self.problems))

    def _render(self, problem: Problem) -> str:
        place = self.path if len(self.path) <= _LONGEST_PATH else f"{self.path[:_QUOTED]}…"
        if problem.line is not None:
            place += f":{problem.line}:{problem.column or 1}"
        text = f"{place}: {problem.message}"
        if problem.suggestion:
            text += f", {problem.suggestion}"
        if problem.source_line.strip() and problem.line is not None:
            number = str(problem.line)
            shown, caret = _excerpt(problem.source_line, (problem.column or 1) - 1)
            text += f"\n  {number} | {shown}\n  {' ' * len(number)} | {caret}^"
        return text


def _excerpt(line: str, column: int, width: int = 100) -> tuple[str, str]:
    """The part of a long line around `column`, and the blanks that put a caret below it."""
    start = max(0, column - width // 2) if len(line) > width else 0
    return line[start : start + width], " " * (column - start)


class UnknownNameError(UsageError):
    """A name that is not registered; the message offers near ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = sorted(known)
        self.suggestion = suggest(name, self.known) or suggest_pattern(name, self.known)
        super().__init__(f"unknown {kind} {excerpt(name)}{self._hint()}")

    def _hint(self) -> str:
        """The near name, or what is known; of many only some, with their number."""
        if self.suggestion:
            return f", {self.suggestion}"
        listed = ", ".join(self.known) or "none"
        if len(self.known) <= 2 or len(listed) <= _LISTED:
            return f". Known: {listed}"
        return f"; there are {len(self.known):,}, such as {', '.join(self.known[:3])}"


class DeviceError(UsageError):
    """The device asked for is not on this machine; the message says what can be done instead."""


class LabelledImageError(UsageError):
    """An image of the labelled set cannot be decoded: to count it as wrong would be a silently lower accuracy."""


class NotSupportedError(UsageError):
    """The format has it, this version does not serve it yet."""


class StoreError(SelectorError):
    """The store cannot be opened, read or written. What was committed before is kept."""


class DiskFullError(SelectorError):
    """No space left for what measuring writes. It says nothing of the candidate at work, so the run ends."""


class StoreAddressError(StoreError):
    """The call names what is no store, or one that is not there: the address has to change."""

    exit_code = 2


class OutputError(SelectorError):
    """The result cannot be printed."""


class PluginError(SelectorError):
    """A registered extension cannot be imported, or claims a name that is taken."""


class CandidateError(SelectorError):
    """One candidate failed. `outcome` is the name of the outcome it becomes."""

    outcome = "crashed"


class UnavailableError(CandidateError):
    """The model cannot do what the workload asks of it, however it is run."""

    outcome = "unavailable"


class ExportFailedError(CandidateError):
    """The model could not be turned into the graph that the runtime reads."""

    outcome = "export_failed"


class BuildFailedError(CandidateError):
    """The runtime could not build or load what it runs."""

    outcome = "build_failed"


class WrongOutputError(CandidateError):
    """The prepared model does not compute what the fp32 eager model computes."""

    outcome = "wrong_output"


class FallbackError(CandidateError):
    """Something else ran than what was asked for: another provider or another precision."""

    outcome = "fallback"


class OutOfMemoryError(CandidateError):
    """The device or the machine had not enough memory for this candidate."""

    outcome = "out_of_memory"


def excerpt(text: str) -> str:
    """A text in quotes for a message, on one line, cut where it is long."""
    return repr(text) if len(text) <= _QUOTED else f"{text[:_QUOTED]!r}…"


def suggest(name: str, known: Iterable[str]) -> str:
    """The hint ``did you mean 'x'?`` for the nearest known name, or "" when nothing is near.

    Args:
        name: What was written.
        known: What could have been written.
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""


def suggest_pattern(pattern: str, known: Iterable[str]) -> str:
    """The hint for a glob, or the beginning of a name, in which one word is a slip; "" where that does not help.

    "*@openvin" becomes "*@openvino" when such names are known.

    Args:
        pattern: What was written.
        known: The names over which it was meant.
    """
    names = list(known)
    if len(pattern) > _LONGEST_PATTERN:
        return ""
    vocabulary = sorted({word for name in names for word in _WORD.findall(name)})
    for found in _WORD.finditer(pattern):
        for near in difflib.get_close_matches(found[0], vocabulary, n=3, cutoff=0.7):
            corrected = pattern[: found.start()] + near + pattern[found.end() :]
            if fnmatch.filter(names, corrected) or any(name.startswith(corrected) for name in names):
                return f"did you mean {corrected!r}?"
    return ""
