"""The candidates as a table, one row each: ``pandas.read_csv(path)`` loads it.

Figures are in base units (s, B, J, 1, USD, 1/s) and have all their digits; what is not known is empty. Text that a
spreadsheet would calculate is kept from it by an apostrophe (https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from selector.reports.base import Context, report_format
from selector.reports.content import mentioned
from selector.reports.text import plain
from selector.reports.values import observed

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision

_FIRST = (
    *("id", "status", "rank", "model", "optimization", "family", "license", "pretraining"),
    *("batch_size", "height", "width", "weights", "outcome", "stage", "tied_with", "reasons"),
    "probability_best",
)
_LAST = ("profile", "environment", "run_id", "notes")
_CALCULATED = ("=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula, the full-width forms included."""


@report_format(
    "csv", suffix=".csv", media_type="text/csv", description="One row per candidate, for pandas and spreadsheets"
)
def render_csv(decision: Decision, context: Context) -> str:  # noqa: ARG001
    """The decision as comma-separated values with a heading line.

    For each metric `KEY` that any candidate has there are the columns ``KEY``, ``KEY_low``, ``KEY_high`` and
    ``KEY_evidence``; for each requirement ``KEY_verdict``. ``notes`` says what has to be known to read the
    decision, the same in every row.
    """
    metrics = _metrics(decision)
    verdicts = tuple(one.key for one in decision.profile.requirements)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    parts = [f"{key}{part}" for key in metrics for part in ("", "_low", "_high", "_evidence")]
    writer.writerow([*_FIRST, *parts, *(f"{key}_verdict" for key in verdicts), *_LAST])
    last = [
        cell(decision.profile.name),
        cell(decision.evidence.plan.environment.id),
        cell(decision.evidence.run_id or ""),
        cell("; ".join(decision.notes)),
    ]
    for one in decision.assessments:
        judged = [one.judgements[key].verdict.value if key in one.judgements else "" for key in verdicts]
        writer.writerow([*_facts(one), _chance(decision, one), *_figures(one, metrics), *judged, *last])
    return text.getvalue()


def cell(text: object) -> str:
    """Text on one line that no spreadsheet calculates."""
    line = plain(text)
    return f"'{line}" if line.startswith(_CALCULATED) else line


def _metrics(decision: Decision) -> tuple[str, ...]:
    """What the profile speaks of, and what else some candidate has, by alphabet."""
    found = set(mentioned(decision.profile))
    for one in decision.assessments:
        found |= {key for key, result in one.metrics.items() if observed(result) is not None}
    return tuple(sorted(found))


def _facts(one: Assessment) -> list[str]:
    candidate, facts = one.planned.candidate, one.planned.facts
    height, width = candidate.image_size
    weights = one.measurement.weights if one.measurement is not None else None
    return [
        cell(one.id),
        one.status.value,
        "" if one.rank is None else str(one.rank),
        cell(candidate.model),
        cell(candidate.optimization),
        cell(facts.family),
        cell(facts.license or ""),
        cell(facts.pretraining or ""),
        *map(str, (candidate.batch_size, height, width)),
        "" if weights is None else weights.source,
        "" if one.measurement is None else one.measurement.outcome.value,
        one.stage or "",
        cell(" ".join(one.tied_with)),
        cell("; ".join(one.reasons)),
    ]


def _chance(decision: Decision, one: Assessment) -> str:
    """The chance to be the best of those that meet every requirement; empty for all others."""
    return "" if one.rank is None else _number(decision.chances.get(one.id, 0.0))


def _figures(one: Assessment, metrics: tuple[str, ...]) -> list[str]:
    cells = []
    for key in metrics:
        figure = observed(one.metrics.get(key))
        if figure is None:
            cells += [""] * 4
        else:
            cells += [*map(_number, (figure.value, figure.low, figure.high)), cell(figure.evidence)]
    return cells


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))
