"""A Pareto front as a table and as JSON: what `selector rank --front` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selector.decision.dominance import figure_of
from selector.reports.json_report import SCHEMA_VERSION, metric_data
from selector.reports.text import plain
from selector.reports.values import label, metric_of, observed, scale_for

if TYPE_CHECKING:
    from selector.decision.dominance import Front


def front_text(found: Front) -> str:
    """The members in the order of their ranks, each with the figures that the front was drawn over."""
    members = found.members
    columns = [["rank", *(str(one.rank) for one in members)], ["candidate", *(plain(one.id) for one in members)]]
    for key in found.metrics:
        figures = [observed(figure_of(one, key)) for one in members]
        scale = scale_for(key, [figure.value for figure in figures if figure is not None])
        direction = {"higher": "more is better", "lower": "less is better"}[metric_of(key).better]
        title = f"{label(key)} {scale.unit}".strip()
        shown = ("" if one is None else scale.with_margin(one) for one in figures)
        columns.append([f"{title} ({direction})", *shown])
    widths = [max(map(len, column)) for column in columns]
    rows = zip(*columns, strict=True)
    lines = ["  ".join(_padded(place, cell, widths[place]) for place, cell in enumerate(row)) for row in rows]
    lacking = " or ".join(label(key) for key in found.lacking)
    unknown = f", {found.unknown:,} lack {lacking}" if found.unknown else ""
    counted = f"{len(members):,} on the front, {found.dominated:,} dominated"
    table = ["", *(f"  {line.rstrip()}" for line in lines)] if members else []
    return "\n".join([f"Of the feasible candidates {counted}{unknown}.", *table]) + "\n"


def front_document(found: Front) -> dict[str, Any]:
    """The same for programs: ids, ranks and figures in base units."""
    members = []
    for one in found.members:
        figures = {key: observed(figure_of(one, key)) for key in found.metrics}
        data = {key: metric_data(key, figure) for key, figure in figures.items() if figure is not None}
        members.append({"id": one.id, "rank": one.rank, "metrics": data})
    counts = {"dominated": found.dominated, "unknown": found.unknown, "lacking": list(found.lacking)}
    return {"schema_version": SCHEMA_VERSION, "front": {"metrics": list(found.metrics), "members": members, **counts}}


def _padded(place: int, cell: str, width: int) -> str:
    return cell.ljust(width) if place == 1 else cell.rjust(width)
