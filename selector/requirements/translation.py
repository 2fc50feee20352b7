"""pydantic's findings in the project's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from selector.errors import Problem
from selector.requirements import served
from selector.requirements.fields import near, quoted

Path = tuple[str | int, ...]

_KINDS = {
    "string_type": "must be a text",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must hold keys and values",
    "model_type": "must hold keys and values",
    "model_attributes_type": "must hold keys and values",
}


@dataclass(frozen=True)
class Finding:
    """Something wrong at a path of the profile.

    Attributes:
        path: Keys and list positions from the top.
        message: What is wrong.
        suggestion: What to write instead, or "".
        at_key: Whether the key itself is wrong, not its value.
    """

    path: Path
    message: str
    suggestion: str = ""
    at_key: bool = False

    def problem(self) -> Problem:
        """Without a place, for data that came from no file."""
        return Problem(self.message, suggestion=self.suggestion)


def findings(error: ValidationError, path: Path = (), keys: Mapping[str, Any] | None = None) -> Iterator[Finding]:
    """What pydantic found, in the project's words, one finding at a time (suggestions take time).

    Args:
        error: What pydantic raised.
        path: Where in the profile the validated data stands.
        keys: The keys that the validated section knows.
    """
    for entry in error.errors(include_url=False, include_input=False):
        yield _finding(entry["type"], (*path, *entry["loc"]), entry.get("ctx", {}), keys or {})


def _finding(kind: str, path: Path, context: Mapping[str, Any], keys: Mapping[str, Any]) -> Finding:
    if path and path[-1] == "[key]":
        path = path[:-1]
        return unknown_key(path, served.PRECISIONS)
    if kind == "extra_forbidden":
        return unknown_key(path, keys)
    if kind == "missing":
        return missing_key(path)
    name = dotted(path)
    if kind == "refusal":
        prefix = f"{name}: " if name else ""
        return Finding(path, f"{prefix}{context['message']}", str(context["suggestion"]))
    return Finding(path, f"{name or 'the profile'} {_KINDS.get(kind, 'has a value of the wrong kind')}")


def unknown_key(path: Path, known: Mapping[str, Any] | tuple[str, ...]) -> Finding:
    """A key that the format does not have, or that this version does not serve."""
    later = served.LATER_KEYS.get(tuple(part for part in path if isinstance(part, str)))
    if later is not None:
        return Finding(path, f"{dotted(path)} is not supported yet: {later}", at_key=True)
    section = dotted(path[:-1])
    choices = [*known, *(key[-1] for key in served.LATER_KEYS if key[:-1] == path[:-1])]
    hint = near(str(path[-1]), choices)
    where = f" in {section}" if section else ""
    some = "" if hint else f"; known are {', '.join(choices)}"
    return Finding(path, f"unknown key {quoted(path[-1])}{where}{some}", hint, at_key=True)


def missing_key(path: Path) -> Finding:
    """A key that must be there."""
    key = str(path[-1])
    example = served.KEY_EXAMPLES.get(key, "")
    message = f"{dotted(path)} is missing" + (f": write for instance {example}" if example else "")
    return Finding(path[:-1], message, at_key=True)


def dotted(path: Path) -> str:
    """A path for people: "candidates.models, entry 2"."""
    names = [str(part) for part in path if not isinstance(part, int)]
    entries = [f"entry {part + 1}" for part in path if isinstance(part, int)]
    shown = ".".join(name if len(name) <= 60 and name.isprintable() else quoted(name) for name in names)
    return ", ".join([shown, *entries])
