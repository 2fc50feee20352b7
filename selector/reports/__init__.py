"""What people read of a decision: one file per format, all from the same `Decision`.

`render` is the way in. `figures` holds the data of every figure, `drawing` draws it, `terminal` prints on the command
line; `content`, `argument` and `provenance` put into words and rows what the formats share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selector.errors import NotSupportedError
from selector.reports.base import FORMATS, Context, ReportFormat, report_format

if TYPE_CHECKING:
    from selector.decision import Decision

__all__ = ["FORMATS", "PLANNED", "Context", "ReportFormat", "format_for", "render", "report_format"]

PLANNED = ("html", "pdf")
"""Formats that the contract names and this version does not write."""


def format_for(name: str) -> ReportFormat:
    """The format called `name`, or whose files end in it (".md", "json").

    Raises:
        NotSupportedError: The format is meant to exist, but not in this version.
        UnknownNameError: There is no such format.
    """
    wanted = name.strip().lower().removeprefix(".")
    if wanted not in FORMATS:
        for _, known in FORMATS:
            if known.suffix == f".{wanted}":
                return known
        if wanted in PLANNED:
            raise NotSupportedError(
                f"the report format {wanted!r} is not supported yet; write one of {', '.join(FORMATS.names())}"
            )
    return FORMATS.get(wanted)


def render(decision: Decision, format: str, context: Context | None = None) -> str:  # noqa: A002
    """The decision as a report.

    Args:
        decision: What was decided.
        format: Name of the format: "md" or "json".
        context: What the report says about the call; the default says nothing.

    Returns:
        The text, which ends with a line break. The same decision and context give the same text.

    Raises:
        NotSupportedError: The format is meant to exist, but not in this version.
        UnknownNameError: There is no such format.
    """
    return format_for(format).render(decision, context or Context())
