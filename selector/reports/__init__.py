"""What people read of a decision: one file per format, all from the same `Decision`.

`render` is the way in. `record` is the decision record that the formats to read have in common; `content`, `argument`
and `provenance` put into words and rows what it says. `figures`, `timings` and `ranges` hold the data of the figures,
`drawing` and `plates` draw them, `terminal` prints on the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selector.reports.base import FORMATS, Context, ReportFormat, report_format

if TYPE_CHECKING:
    from selector.decision import Decision

__all__ = ["FORMATS", "Context", "ReportFormat", "format_for", "render", "report_format"]


def format_for(name: str) -> ReportFormat:
    """The format called `name`, or whose files end in it (".md", "json").

    Raises:
        UnknownNameError: There is no such format.
    """
    wanted = name.strip().lower().removeprefix(".")
    if wanted not in FORMATS:
        for _, known in FORMATS:
            if known.suffix == f".{wanted}":
                return known
    return FORMATS.get(wanted)


def render(decision: Decision, format: str, context: Context | None = None) -> str | bytes:  # noqa: A002
    """The decision as a report.

    Args:
        decision: What was decided.
        format: Name of the format: "md", "html", "pdf", "json" or "csv".
        context: What the report says about the call; the default says nothing.

    Returns:
        The text, which ends with a line break; bytes of a format that is no text (PDF). The same decision and context
        give the same.

    Raises:
        UsageError: A package that the format needs is not installed; the message says which.
        UnknownNameError: There is no such format.
    """
    known = format_for(format)
    known.require_packages()
    return known.render(decision, context or Context())
