"""From a YAML file to a `RequirementProfile`, or to everything that is wrong with it at once."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from selector.errors import Problem, ProfileError
from selector.requirements.document import Document
from selector.requirements.fields import near
from selector.requirements.profile import RequirementProfile
from selector.requirements.reader import MAX_PROBLEMS, Reader
from selector.resources import folder

MAX_BYTES = 2**20
"""Size of the largest profile that is read."""
MAX_NAMES = 20
"""Names that do not exist and are told at once: looking for a near one among thousands takes its time."""


Finding = tuple[tuple[str | int, ...], str, str]
"""Where in the document something is wrong, what, and what to write instead ("" when there is nothing to offer)."""

Check = Callable[[RequirementProfile], Iterable[Finding]]


def load_profile(path: str | Path, check: Check | None = None) -> RequirementProfile:
    """The profile in a file, or a bundled one by its name ("quickstart", "profiles/quickstart.yaml").

    Args:
        path: The file, or the name.
        check: Finds what is wrong beyond the format, such as names that do not exist.

    Raises:
        ProfileError: There is no such file, it cannot be read, or the profile is wrong.
    """
    return parse_profile(_text_of(str(path)), str(path), check)


def read_profile(content: bytes, name_for_errors: str = "profile", check: Check | None = None) -> RequirementProfile:
    """The profile in the bytes of a file, which may come from anywhere. Pure.

    Args:
        content: YAML in UTF-8; more than `MAX_BYTES` are refused unread.
        name_for_errors: Stands for the file in messages.
        check: As for `load_profile`.

    Raises:
        ProfileError: Everything that is wrong, as `load_profile` says it of a file.
    """
    if len(content) > MAX_BYTES:
        raise ProfileError(name_for_errors, [_too_large()])
    return parse_profile(_decode(content, name_for_errors), name_for_errors, check)


def bundled_profiles() -> list[str]:
    """Names of the profiles that come with the program."""
    return sorted(entry.stem for entry in folder("profiles").glob("*.yaml"))


def parse_profile(text: str, name_for_errors: str = "profile", check: Check | None = None) -> RequirementProfile:
    """The profile in `text`. Pure.

    Args:
        text: YAML.
        name_for_errors: Stands for the file in messages.
        check: As for `load_profile`; asked when the format is right.

    Raises:
        ProfileError: Everything that is wrong, in the order of the text.
    """
    if len(text) > MAX_BYTES:
        raise ProfileError(name_for_errors, [_too_large()])
    document = Document(text)
    if not document.readable:
        raise ProfileError(name_for_errors, document.problems)
    reader = Reader(document)
    if reader.profile is None:
        raise ProfileError(name_for_errors, _first([*document.problems, *reader.problems()], MAX_PROBLEMS))
    wrong = [
        document.problem(message, document.mark(place), suggestion)
        for place, message, suggestion in islice(check(reader.profile) if check is not None else (), MAX_NAMES + 1)
    ]
    if wrong:
        raise ProfileError(name_for_errors, _first(wrong, MAX_NAMES))
    return reader.profile


def _first(problems: Iterable[Problem], limit: int) -> list[Problem]:
    """Problems in the order of the text; of more than `limit` those, and that there are more."""
    found = sorted(problems, key=_place)
    more = [Problem("there are more problems; mend these first")] if len(found) > limit else []
    return [*found[:limit], *more]


def _place(problem: Problem) -> tuple[int, int]:
    return problem.line or 0, problem.column or 0


def _text_of(path: str) -> str:
    """The file's text, or that of the bundled profile which `path` names.

    Raises:
        ProfileError: As `load_profile`.
    """
    try:
        return _decode(_read(_existing(path) or _bundled(path)), path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ProfileError(path, [Problem(f"the profile cannot be read: {reason}")]) from None


def _existing(path: str) -> Path | None:
    return Path(path) if Path(path).exists() else None


def _bundled(path: str) -> Path:
    """The bundled profile called ``NAME``, ``NAME.yaml`` or ``profiles/NAME.yaml``."""
    names = bundled_profiles()
    name = path.removeprefix("./").removeprefix("profiles/").removesuffix(".yaml").removesuffix(".yml")
    if name in names:
        return folder("profiles") / f"{name}.yaml"
    hint = near(name, names) or f"ready-made ones are {', '.join(names)}"
    raise ProfileError(path, [Problem("there is no such profile", suggestion=hint)])


def _read(path: Path) -> bytes:
    if not stat.S_ISREG(path.stat().st_mode):
        raise ProfileError(str(path), [Problem("this is not a file")])
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ProfileError(str(path), [_too_large()])
    return content


def _decode(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        message = f"the byte 0x{content[error.start]:02x} is not UTF-8; is this a text file?"
        raise ProfileError(path, [Problem(message, line, column, suggestion="save it as UTF-8")]) from None


def _too_large() -> Problem:
    return Problem(f"the profile is larger than {MAX_BYTES // 2**20} MiB")
