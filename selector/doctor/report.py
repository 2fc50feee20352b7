"""What a visit found, for people and for programs."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from selector.doctor.base import Check, Finding, Result
from selector.types import to_json

SCHEMA_VERSION = 1
_MARKS: dict[Result, str] = {"ok": "ok", "warn": "WARN", "fail": "FAIL", "skipped": "–"}
_SUBJECT_WIDTH = 24


@dataclass(frozen=True)
class Report:
    """All findings of a visit.

    Attributes:
        device_name: The device that ways were proven on.
        target: How `--device` names it.
        asked: How the user named it.
        checks: Every check with its findings, in order.
        quick: Whether the ways were left out.
    """

    device_name: str
    target: str
    asked: str
    checks: tuple[tuple[Check, tuple[Finding, ...]], ...]
    quick: bool = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all checks."""
        return tuple(finding for _, found in self.checks for finding in found)

    @property
    def totals(self) -> dict[Result, int]:
        """How many findings there are of each result."""
        counted = Counter(finding.result for finding in self.findings)
        return {result: counted[result] for result in get_args(Result)}

    @property
    def exit_code(self) -> int:
        """1 when something that should work does not, else 0."""
        return 1 if self.totals["fail"] else 0

    @property
    def next_command(self) -> str:
        """What to type next."""
        device = "" if self.asked == "auto" else f" --device {self.asked}"
        if self.exit_code:
            return f"selector optimizations{device}"
        return f"selector doctor{device}" if self.quick else f"selector evaluate quickstart{device}"


def document(report: Report) -> dict[str, Any]:
    """The report as one JSON object; figures are in base units."""
    return {
        "schema_version": SCHEMA_VERSION,
        "device": {"target": report.target, "name": report.device_name},
        "quick": report.quick,
        "checks": [
            {"name": one.name, "title": one.title, "findings": [to_json(finding) for finding in found]}
            for one, found in report.checks
        ],
        "totals": dict(report.totals),
        "exit_code": report.exit_code,
        "next": report.next_command,
    }


def render_text(report: Report, width: int = 118) -> str:
    """The report as plain text: findings by check, then totals and the next command."""
    lines = [f"this machine, for {report.device_name}"]
    for one, found in report.checks:
        if found:
            lines += ["", one.title]
            lines += [line for finding in found for line in _lines(finding, width)]
    totals = report.totals
    lines += [
        "",
        f"{totals['ok']} in order, {totals['warn']} with a warning, {totals['fail']} broken, "
        f"{totals['skipped']} not looked at or not here",
        "",
        f"  {report.next_command}",
    ]
    return "\n".join(lines) + "\n"


def _lines(finding: Finding, width: int) -> Iterator[str]:
    """One finding: mark, subject and what was found, with the advice below it."""
    head = f"  {_MARKS[finding.result]:<5} {finding.subject:<{_SUBJECT_WIDTH}} "
    yield from _wrapped(head, finding.found, width)
    if finding.advice:
        yield from _wrapped(" " * len(f"{'':8}{'':{_SUBJECT_WIDTH}} ") + "→ ", finding.advice, width)


def _wrapped(head: str, text: str, width: int) -> list[str]:
    """Text after a head, further lines below its beginning; paths and commands are never broken."""
    return textwrap.wrap(
        text,
        max(width, len(head) + 20),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [head.rstrip()]
