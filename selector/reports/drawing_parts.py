"""Drawings for those who browse: what makes a score, and what is published of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from selector.reports.drawing import COLOURS, SHAPES

if TYPE_CHECKING:
    import altair as alt

    from selector.reports.browsing import Part
    from selector.reports.catalogue import Published

_SERIES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Okabe and Ito's colours, which colour-blind people tell apart (https://jfly.uni-koeln.de/color/)."""
_ROW = 26


def draw_parts(parts: Sequence[Part]) -> alt.LayerChart:
    """A bar per candidate, of one piece per weighed metric: the shorter, the better."""
    import altair as alt

    metrics = list(dict.fromkeys(one.metric for one in parts))
    names = list(dict.fromkeys(one.candidate for one in parts))
    values = alt.Data(values=[asdict(one) for one in parts])
    bars = (
        alt.Chart(values)
        .mark_bar(height=15)
        .encode(
            alt.X(
                "part", type="quantitative", stack="zero", title="behind the best of each metric (logarithm, weighed)"
            ),
            alt.Y("candidate", type="nominal", sort=names, title=None, axis=alt.Axis(labelLimit=420)),
            color=alt.Color(
                "metric",
                type="nominal",
                scale=alt.Scale(domain=metrics, range=list(_SERIES[: len(metrics)])),
                legend=alt.Legend(title=None, orient="top"),
            ),
            order=alt.Order("metric", type="nominal"),
            tooltip=[
                alt.Tooltip("candidate", type="nominal"),
                alt.Tooltip("metric", type="nominal"),
                alt.Tooltip("text", type="nominal", title="figure"),
                alt.Tooltip("part", type="quantitative", format=".3f", title="adds"),
            ],
        )
    )
    totals = {name: sum(one.part for one in parts if one.candidate == name) for name in names}
    told = "; ".join(f"{name} {total:.2f}" for name, total in totals.items())
    return alt.layer(bars).properties(
        height=_ROW * len(names) + 40, width="container", description=f"Behind the best of each metric: {told}"
    )


def draw_catalogue(data: Published, height: int = 440) -> dict[str, Any]:
    """Published accuracy against work as Vega-Lite, a mark per model; those measured here stand out.

    The points stand in it once and are not checked against its schema one by one.
    """
    import altair as alt

    points = alt.NamedData(name="points")
    standings = ["measured here", "not measured"]
    colours = [COLOURS["chosen"], COLOURS["feasible"]]
    x_scale = alt.Scale(type="log", nice=False)
    marks = (
        alt.Chart(points)
        .mark_point(filled=True, size=45, opacity=0.75)
        .encode(
            alt.X("work", type="quantitative", title=data.x_title, scale=x_scale),
            alt.Y("accuracy", type="quantitative", title=data.y_title, scale=alt.Scale(zero=False)),
            color=alt.Color(
                "standing",
                type="nominal",
                scale=alt.Scale(domain=standings, range=colours),
                legend=alt.Legend(title=None, orient="top"),
            ),
            shape=alt.Shape(
                "standing",
                type="nominal",
                scale=alt.Scale(domain=standings, range=[SHAPES["chosen"], SHAPES["feasible"]]),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("model", type="nominal"),
                alt.Tooltip("family", type="nominal"),
                alt.Tooltip("accuracy", type="quantitative", title=data.y_title, format=".1f"),
                alt.Tooltip("work", type="quantitative", title=data.x_title, format=".3g"),
                alt.Tooltip("parameters", type="quantitative", title="parameters (M)", format=".1f"),
                alt.Tooltip("license", type="nominal", title="licence"),
                alt.Tooltip("ways", type="nominal", title="measured"),
            ],
        )
    )
    drawn = alt.layer(marks).properties(height=height, width="container", description=data.description)
    spec: dict[str, Any] = drawn.to_dict()
    return {**spec, "datasets": {**spec.get("datasets", {}), "points": [vars(one) for one in data.points]}}
