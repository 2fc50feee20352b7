"""Figures drawn with altair, which is imported where it is used.

Colours are of one palette that colour-blind people tell apart and that stands out on white and on black; shapes say
the same once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from selector.reports.figures import STANDINGS, Bar, Scatter, Standing
from selector.reports.values import label, metric_of

if TYPE_CHECKING:
    import altair as alt

COLOURS: Mapping[Standing, str] = {
    "chosen": "#D55E00",
    "feasible": "#1B87C9",
    "undecided": "#B58900",
    "rejected": "#8C8C8C",
}
INTERVAL = "#5A3A22"
"""Of intervals that lie on bars."""
SHAPES: Mapping[Standing, str] = {
    "chosen": "diamond",
    "feasible": "circle",
    "undecided": "triangle-up",
    "rejected": "cross",
}


def scatter_spec(
    data: Scatter, height: int = 440, logarithmic: bool | None = None, picked: str = "", brushed: str = ""
) -> dict[str, Any]:
    """The scatter as Vega-Lite, whose points stand in it once and are not checked against its schema one by one.

    For a page that draws a thousand points anew whenever something is moved. The arguments are those of
    `draw_scatter`.
    """
    spec: dict[str, Any] = _scatter(data, height, logarithmic, (picked, brushed), inline=False).to_dict()
    named = {_POINTS: [vars(point) for point in data.points]}
    return {**spec, "datasets": {**spec.get("datasets", {}), **named}}


_POINTS = "points"


def draw_scatter(
    data: Scatter, height: int = 440, logarithmic: bool | None = None, picked: str = "", brushed: str = ""
) -> alt.LayerChart:
    """The scatter as an altair chart: feasible region shaded, rejected in grey, intervals as lines.

    Args:
        data: What to draw.
        height: Pixels.
        logarithmic: Whether the horizontal axis is; None leaves it to the data.
        picked: Name of a selection of points by their `id`, "" for none.
        brushed: Name of a selection of a range on both axes, "" for none.
    """
    return _scatter(data, height, logarithmic, (picked, brushed), inline=True)


def _scatter(
    data: Scatter, height: int, logarithmic: bool | None, selections: tuple[str, str], *, inline: bool
) -> alt.LayerChart:
    import altair as alt

    log = data.x.logarithmic if logarithmic is None else logarithmic and data.x.domain[0] > 0
    x_scale = alt.Scale(type="log" if log else "linear", domain=list(data.x.domain), nice=False)
    y_scale = alt.Scale(domain=list(data.y.domain), nice=False, zero=False)
    x = alt.X("x", type="quantitative", title=data.x.title, scale=x_scale)
    y = alt.Y("y", type="quantitative", title=data.y.title, scale=y_scale)
    points: Any = alt.Data(values=[asdict(point) for point in data.points]) if inline else alt.NamedData(name=_POINTS)
    colour, shape = _encodings(alt, {point.standing for point in data.points})
    bars = alt.Chart(points).mark_rule(opacity=0.6, strokeWidth=1.5)
    marks = (
        alt.Chart(points)
        .mark_point(filled=True, opacity=0.9)
        .encode(
            x,
            y,
            color=colour,
            shape=shape,
            size=alt.condition("datum.standing == 'chosen'", alt.value(260), alt.value(90)),
            opacity=alt.condition("datum.standing == 'rejected'", alt.value(0.55), alt.value(0.95)),
            tooltip=_tooltip(alt, data),
        )
    )
    picked, brushed = selections
    if picked:
        marks = marks.add_params(alt.selection_point(name=picked, fields=["id"]))
    if brushed:
        marks = marks.add_params(alt.selection_interval(name=brushed, encodings=["x", "y"]))
    layers = [
        *_limits(alt, data, x, y),
        *_front(alt, data, x, y),
        bars.encode(
            x=alt.X("x_low", type="quantitative", scale=x_scale, title=data.x.title), x2="x_high", y=y, color=colour
        ),
        bars.encode(
            y=alt.Y("y_low", type="quantitative", scale=y_scale, title=data.y.title), y2="y_high", x=x, color=colour
        ),
        marks,
        *_name_tags(alt, data, x, y),
    ]
    return alt.layer(*layers).properties(height=height, width="container", description=data.description)


def _encodings(alt: Any, present: Set[str]) -> tuple[Any, Any]:
    standings = list(STANDINGS)
    legend = alt.Legend(
        title=None,
        orient="top",
        symbolSize=110,
        symbolOpacity=1.0,
        values=[each for each in standings if each in present],
    )
    scale = alt.Scale(domain=standings, range=[COLOURS[each] for each in standings])
    return (
        alt.Color("standing", type="nominal", scale=scale, legend=legend),
        alt.Shape(
            "standing",
            type="nominal",
            scale=alt.Scale(domain=standings, range=[SHAPES[each] for each in standings]),
            legend=legend,
        ),
    )


def _tooltip(alt: Any, data: Scatter) -> list[Any]:
    fields = (
        ("model", "model"),
        ("way", "way"),
        ("x_text", label(data.x.key)),
        ("y_text", label(data.y.key)),
        ("standing", "standing"),
        ("reason", "why"),
    )
    return [alt.Tooltip(field, type="nominal", title=title) for field, title in fields]


def _name_tags(alt: Any, data: Scatter, x: Any, y: Any) -> list[Any]:
    """Names beside points: the chosen one's above it, the others' to the left of their leftmost point."""
    text = alt.Text("text", type="nominal")
    chosen = alt.Data(values=[asdict(tag) for tag in data.names if tag.chosen])
    others = alt.Data(values=[asdict(tag) for tag in data.names if not tag.chosen])
    bold = alt.Chart(chosen).mark_text(dy=-17, fontWeight="bold", fontSize=13, color=COLOURS["chosen"], limit=460)
    quiet = alt.Chart(others).mark_text(dx=-9, align="right", fontSize=11, color=COLOURS["rejected"], limit=230)
    return [quiet.encode(x, y, text=text), bold.encode(x, y, text=text)]


def _front(alt: Any, data: Scatter, x: Any, y: Any) -> list[Any]:
    """A step line through the points that no other beats: what is reached at most at each place."""
    front = [{"x": point.x, "y": point.y} for point in data.front]
    if len(front) < 2:
        return []
    step = "step-after" if metric_of(data.x.key).better == "lower" else "step-before"
    line = alt.Chart(alt.Data(values=front)).mark_line(
        interpolate=step, color=COLOURS["rejected"], strokeWidth=1.2, opacity=0.75
    )
    return [line.encode(x, y)]


def _limits(alt: Any, data: Scatter, x: Any, y: Any) -> list[Any]:
    """The feasible region and the lines that bound it."""
    layers = []
    if data.region is not None:
        (left, right), (bottom, top) = data.region
        corners = alt.Data(values=[{"x": left, "x2": right, "y": bottom, "y2": top}])
        layers.append(
            alt.Chart(corners)
            .mark_rect(color=COLOURS["feasible"], opacity=0.12)
            .encode(x, y, x2="x2", y2="y2", tooltip=alt.value("feasible: every limit on these two holds"))
        )
    for channel, encoding, axis in (("x", x, data.x), ("y", y, data.y)):
        values = [{channel: limit, "text": text} for limit, _, text in axis.limits]
        if values:
            line = alt.Chart(alt.Data(values=values)).mark_rule(color=COLOURS["feasible"], strokeDash=[5, 4])
            layers.append(line.encode(encoding, tooltip=alt.Tooltip("text", type="nominal", title="asked")))
    return layers


def draw_headroom(bars: Sequence[Bar]) -> alt.LayerChart:
    """The bars as an altair chart: full length is the limit."""
    import altair as alt

    values = alt.Data(values=[asdict(bar) for bar in bars])
    longest = max([1.0, *(min(bar.high, 2.0) for bar in bars)])
    y = alt.Y("requirement", type="nominal", sort=None, title=None, axis=alt.Axis(labelLimit=320))
    title, scale = "share of the limit that is used", alt.Scale(domain=[0, longest * 1.12], clamp=True)
    x = alt.X("share", type="quantitative", title=title, scale=scale, axis=alt.Axis(format=".0%", tickCount=6))
    verdicts = ["holds", "undecided", "fails"]
    colour = alt.Color(
        "verdict",
        type="nominal",
        scale=alt.Scale(domain=verdicts, range=[COLOURS["feasible"], COLOURS["undecided"], COLOURS["chosen"]]),
        legend=None,
    )
    tooltip = [
        alt.Tooltip("requirement", type="nominal", title="asked"),
        alt.Tooltip("text", type="nominal", title="is"),
    ]
    drawn = alt.Chart(values).mark_bar(height=16, cornerRadiusEnd=3).encode(x, y, color=colour, tooltip=tooltip)
    shown = (
        alt.Chart(values)
        .mark_text(align="left", dx=7)
        .encode(
            alt.X("high", type="quantitative", scale=scale, title=title),
            y,
            text=alt.Text("share", type="quantitative", format=".0%"),
        )
    )
    limit = (
        alt.Chart(alt.Data(values=[{"share": 1.0}])).mark_rule(strokeDash=[5, 4], color=COLOURS["rejected"]).encode(x)
    )
    described = "; ".join(bar.text for bar in bars)
    return alt.layer(drawn, whiskers(alt, values, y, scale, title), shown, limit).properties(
        height=34 * max(1, len(bars)) + 10, width="container", description=f"Room to each limit: {described}"
    )


def whiskers(alt: Any, values: Any, y: Any, scale: Any, title: str) -> Any:
    """The intervals of horizontal bars, as lines that stand out on the bars and beside them.

    Args:
        alt: The module altair.
        values: The rows.
        y: Encoding of the rows' places.
        scale: Of the bars' lengths.
        title: Of their axis.
    """
    low = alt.X("low", type="quantitative", scale=scale, title=title)
    return (
        alt.Chart(values)
        .transform_filter("isValid(datum.low) && datum.low < datum.high")
        .mark_rule(color=INTERVAL, strokeWidth=2.5)
        .encode(low, y, x2="high")
    )
