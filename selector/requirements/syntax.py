"""What is wrong where YAML cannot be read, in plain words.

Most slips in a profile are values that mean something to YAML: ``latency_p95: > 50 ms`` begins a folded text,
``*_large*`` an alias. These are told by the line itself; the rest by what the parser says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import yaml

_SIGNS = ">|*&!%@`"
_SIGN_CONTEXTS = ("block scalar", "alias", "anchor", "tag", "next token")
_LONGEST_SHOWN = 60
_PLAIN_WORDS = (
    (
        "mapping values are not allowed",
        "a colon with a blank stands where no key can be; a text with ': ' needs quotes",
    ),
    (
        "sequence entries are not allowed",
        "a list entry stands where none can be; begin the list on a line of its own",
    ),
    ("unexpected end of stream", "the text that is opened in quotes here is never closed"),
    ("expected ',' or ']'", "the list that is opened with '[' here is not closed, or lacks a comma"),
    ("expected ',' or '}'", "what is opened with '{' here is not closed, or lacks a comma"),
    ("unknown escape character", "a backslash in double quotes means an escape; use single quotes"),
    ("expected '-' indicator", "the list above ends here without a key that goes on"),
    ("expected key", "this line does not fit the lines above: look at its indentation and quotes"),
    ("expected <block end>", "this line does not fit the lines above: look at its indentation and quotes"),
    ("document start", "something stands after the end of the profile"),
    ("incompatible yaml document", "this version of YAML is not known; leave the line out"),
    ("could not find expected ':'", "a key without ':' stands here"),
    ("node content", "a value is expected here"),
)
_OPENED = ("unexpected end of stream", "expected ',' or")


@dataclass(frozen=True)
class SyntaxProblem:
    """Where and why YAML cannot be read; 1-based, the line None without a place."""

    message: str
    line: int | None = None
    column: int = 1
    suggestion: str = ""


def explain(error: yaml.YAMLError, lines: list[str]) -> SyntaxProblem:
    """The parser's complaint for people.

    Args:
        error: What the parser raised.
        lines: The text, line by line.
    """
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return SyntaxProblem("this is not YAML")
    found = _explained(error, lines)
    if found.line is not None and found.line > len(lines):
        # A text without a last line break has ended one line before the place that libyaml names.
        return replace(found, line=len(lines), column=len(lines[-1]) + 1)
    return found


def _explained(error: yaml.MarkedYAMLError, lines: list[str]) -> SyntaxProblem:
    """`explain` where the parser says where; the place may lie one line behind the end."""
    mark: Any = error.problem_mark
    said = str(error.problem or "").lower()
    line, column = mark.line, mark.column
    written = lines[line] if line < len(lines) else ""
    if "\t" in written[: column + 1] and not written[:column].strip():
        return SyntaxProblem("a tab indents this line", line + 1, column + 1, "indent with blanks")
    special = _special(written, error)
    if special is not None:
        return SyntaxProblem(special[0], line + 1, special[1], special[2])
    if error.context_mark is not None and any(part in said for part in _OPENED):
        line, column = error.context_mark.line, error.context_mark.column
    for part, words in _PLAIN_WORDS:
        if part in said:
            return SyntaxProblem(words, line + 1, column + 1)
    return SyntaxProblem(f"this is not YAML: {said or 'it cannot be read'}", line + 1, column + 1)


def _special(written: str, error: yaml.MarkedYAMLError) -> tuple[str, int, str] | None:
    """Message, column and suggestion for a value that begins with one of YAML's signs."""
    context = str(error.context or "")
    mark = error.context_mark if "next token" not in context else error.problem_mark
    if mark is None or not any(part in context for part in _SIGN_CONTEXTS):
        return None
    sign = written[mark.column : mark.column + 1]
    if not sign or sign not in _SIGNS:
        return None
    value = " ".join(written[mark.column : mark.column + _LONGEST_SHOWN].partition(" #")[0].split())
    alone = len(value) < _LONGEST_SHOWN - 1 and not any(bracket in written[: mark.column] for bracket in "[{")
    harmless = value.isprintable() and '"' not in value and "\\" not in value
    suggestion = f'write "{value}"' if alone and harmless else ""
    return f"a value that begins with '{sign}' must stand in quotes", mark.column + 1, suggestion
