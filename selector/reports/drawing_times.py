"""The figures that show time, and the one of limits, drawn with altair, which is imported where it is used."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from selector.reports.drawing import COLOURS, whiskers
from selector.reports.figures import STANDINGS
from selector.reports.ranges import StayRange, Strip
from selector.reports.timings import Ladder, Spread, Spreads, WarmUp

if TYPE_CHECKING:
    import altair as alt

_RIDGE, _BASE = 0.5, 0.93
"""Height of a candidate's shape and place of its foot, as shares of its row."""
_ROW, _RUNG, _RANGE = 84, 26, 62
"""Pixels of a row."""


def draw_spreads(data: Spreads) -> alt.LayerChart:
    """One row per finalist: the shape of its times, p50 and p95 as lines with their intervals at the foot."""
    import altair as alt

    scale = alt.Scale(type="log" if data.logarithmic else "linear", domain=list(data.domain), nice=False)
    x = alt.X("x", type="quantitative", title=data.title, scale=scale)
    rows = alt.Scale(domain=[len(data.rows), 0], nice=False)
    y = alt.Y("y", type="quantitative", scale=rows, axis=None)
    colour = _standings(alt)
    shapes = alt.Data(values=[one for place, row in enumerate(data.rows) for one in _outline(place, row)])
    marks = alt.Data(values=[one for place, row in enumerate(data.rows) for one in _marks(place, row)])
    tips = [_tip(alt, "title", "candidate"), _tip(alt, "text", "figure"), _tip(alt, "queries", "queries timed")]
    area = alt.Chart(shapes).mark_area(interpolate="step-after", opacity=0.45, line=False, clip=True)
    line = alt.Chart(marks).mark_rule(strokeWidth=1.8, clip=True)
    foot = (
        alt.Chart(marks).transform_filter("datum.low < datum.high").mark_rule(strokeWidth=5, opacity=0.55, clip=True)
    )
    words = alt.Chart(marks).transform_filter
    titles = alt.Data(
        values=[{"x": data.domain[0], "y": place + 0.16, "text": _named(row)} for place, row in enumerate(data.rows)]
    )
    layers = [
        *_limit_lines(alt, data, x),
        area.encode(x, y, y2="foot", color=colour, detail=alt.Detail("title", type="nominal")),
        foot.encode(
            alt.X("low", type="quantitative", scale=scale, title=data.title),
            alt.Y("foot", type="quantitative", scale=rows, axis=None),
            x2="high",
            color=colour,
        ),
        line.encode(x, y, y2="foot", color=colour, strokeDash=_dashes(alt), tooltip=tips),
        words("datum.percentile == 'p50'").mark_text(align="right", dx=-5, dy=4).encode(x, y, text=_text(alt)),
        words("datum.percentile != 'p50'").mark_text(align="left", dx=5, dy=4).encode(x, y, text=_text(alt)),
        alt.Chart(titles).mark_text(align="left", dx=6, fontWeight="bold", limit=820).encode(x, y, text=_text(alt)),
    ]
    return alt.layer(*layers).properties(
        height=_ROW * len(data.rows), width="container", description=data.description
    )


def _named(row: Spread) -> str:
    return f"{row.title}   ({row.queries:,} queries{f', {row.beyond:,} beyond the right end' if row.beyond else ''})"


def _outline(place: int, row: Spread) -> list[dict[str, Any]]:
    """The steps of one shape, each of the same height whatever its width."""
    tallest = max((share for _, _, share in row.bins), default=0.0) or 1.0
    foot = place + _BASE
    steps = [(left, share) for left, _, share in row.bins] + [(row.bins[-1][1], 0.0)]
    return [
        {"x": x, "y": foot - _RIDGE * share / tallest, "foot": foot, "title": row.title, "standing": row.standing}
        for x, share in steps
    ]


def _marks(place: int, row: Spread) -> list[dict[str, Any]]:
    foot = place + _BASE
    common = {"y": foot - _RIDGE - 0.06, "foot": foot, "title": row.title, "standing": row.standing}
    queries = f"{row.queries:,}"
    return [{"x": mark.value, "queries": queries, **asdict(mark), **common} for mark in row.marks]


def _dashes(alt: Any) -> Any:
    scale = alt.Scale(domain=["p50", "p95"], range=[[1, 0], [5, 3]])
    return alt.StrokeDash("percentile", type="nominal", scale=scale, legend=None)


def _limit_lines(alt: Any, data: Spreads, x: Any) -> list[Any]:
    values = alt.Data(values=[{"x": limit, "text": text} for limit, text in data.limits])
    if not data.limits:
        return []
    line = alt.Chart(values).mark_rule(color=COLOURS["rejected"], strokeDash=[2, 3], strokeWidth=1.5)
    label = alt.Chart(values).mark_text(align="right", dx=-4, y=9, color=COLOURS["rejected"])
    return [line.encode(x, tooltip=_tip(alt, "text", "asked")), label.encode(x, text=_text(alt))]


def draw_ladder(data: Ladder) -> alt.LayerChart:
    """A bar per way, as long as it is faster than eager; ways without figure say why."""
    import altair as alt

    measured = alt.Data(values=[_rung(asdict(rung)) for rung in data.rungs if rung.factor is not None])
    missing = alt.Data(values=[{**asdict(rung), "factor": 0.0} for rung in data.rungs if rung.factor is None])
    longest = max(rung.high or rung.factor or 0.0 for rung in data.rungs)
    scale = alt.Scale(domain=[0, 1.32 * max(1.0, longest)], nice=False)
    x = alt.X("factor", type="quantitative", title=data.title, scale=scale, axis=alt.Axis(tickCount=8))
    order = [rung.way for rung in data.rungs]
    y = alt.Y(
        "way", type="nominal", sort=None, title=None, scale=alt.Scale(domain=order), axis=alt.Axis(labelLimit=260)
    )
    tips = [
        _tip(alt, "way", "way"),
        _tip(alt, "shown", "factor"),
        _tip(alt, "text", "figure"),
        _tip(alt, "standing", "standing"),
        _tip(alt, "reason", "why"),
    ]
    colour = _standings(alt, {rung.standing for rung in data.rungs})
    end = alt.X("end", type="quantitative", title=data.title, scale=scale)
    layers = [
        alt.Chart(measured).mark_bar(height=15, cornerRadiusEnd=3).encode(x, y, color=colour, tooltip=tips),
        whiskers(alt, measured, y, scale, data.title),
        alt.Chart(measured).mark_text(align="left", dx=7).encode(end, y, text=alt.Text("shown", type="nominal")),
        alt.Chart(missing)
        .mark_text(align="left", dx=4, color=COLOURS["rejected"])
        .encode(x, y, text=_text(alt), tooltip=[tips[0], tips[4]]),
        alt.Chart(alt.Data(values=[{"factor": 1.0}]))
        .mark_rule(strokeDash=[5, 4], color=COLOURS["rejected"])
        .encode(x),
    ]
    return alt.layer(*layers).properties(
        height=_RUNG * len(data.rungs), width="container", description=data.description
    )


def _rung(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "end": row["high"] or row["factor"], "shown": f"{row['factor']:.2f} ×, {row['text']}"}


def draw_ranges(rows: Sequence[StayRange]) -> alt.LayerChart:
    """A row per limit: the range in which the choice stays, what is asked as a line in it."""
    import altair as alt

    unit = alt.Scale(domain=[0, 1], nice=False)
    places = alt.Scale(domain=[len(rows), 0], nice=False)
    middle = alt.Y("y", type="quantitative", scale=places, axis=None)
    data = alt.Data(values=[_placed(place, row) for place, row in enumerate(rows)])

    def at(field: str) -> Any:
        return alt.X(field, type="quantitative", scale=unit, axis=None)

    tips = [
        _tip(alt, "title", "limit"),
        _tip(alt, "asked_text", "asked"),
        _tip(alt, "below", "below"),
        _tip(alt, "above", "above"),
    ]
    chart = alt.Chart(data)
    layers = [
        chart.mark_bar(height=16, color=COLOURS["rejected"], opacity=0.16).encode(at("left"), middle, x2="right"),
        chart.mark_bar(height=16, color=COLOURS["feasible"], opacity=0.75, cornerRadius=3).encode(
            at("low"), middle, x2="high", tooltip=tips
        ),
        chart.mark_tick(color=COLOURS["chosen"], thickness=3.5, size=26).encode(at("asked"), middle, tooltip=tips),
        chart.mark_text(align="right", dx=-6).encode(at("low"), middle, text=_text(alt, "low_text")),
        chart.mark_text(align="left", dx=6).encode(at("high"), middle, text=_text(alt, "high_text")),
        chart.mark_text(dy=-21, color=COLOURS["chosen"]).encode(at("asked"), middle, text=_text(alt, "asked_text")),
        chart.mark_text(align="left", dy=-21, fontWeight="bold").encode(at("left"), middle, text=_text(alt, "title")),
    ]
    described = "; ".join(
        f"{row.title} {row.asked_text}: {row.low_text or 'no lower end'} to {row.high_text or 'no upper end'}"
        for row in rows
    )
    return alt.layer(*layers).properties(height=_RANGE * len(rows), width="container", description=described)


def _placed(place: int, row: StayRange) -> dict[str, Any]:
    return {**asdict(row), "y": place + 0.62, "left": 0.0, "right": 1.0}


def _standings(alt: Any, legend: Set[str] = frozenset()) -> Any:
    """Colours by standing, with a legend of those given."""
    scale = alt.Scale(domain=list(STANDINGS), range=[COLOURS[each] for each in STANDINGS])
    named = [each for each in STANDINGS if each in legend]
    shown = alt.Legend(title=None, orient="top", values=named, symbolType="square") if named else None
    return alt.Color("standing", type="nominal", scale=scale, legend=shown)


def _tip(alt: Any, field: str, title: str) -> Any:
    return alt.Tooltip(field, type="nominal", title=title)


def _text(alt: Any, field: str = "text") -> Any:
    return alt.Text(field, type="nominal")


def draw_strip(data: Strip, height: int = 12) -> alt.LayerChart:
    """A bar as long as its slider: coloured where the choice stays, marked where it changes."""
    import altair as alt

    scale = alt.Scale(domain=[data.low, data.high], nice=False)
    x = alt.X("x", type="quantitative", scale=scale, axis=None)
    whole = alt.Data(values=[{"x": data.low, "x2": data.high}])
    stays = alt.Data(values=[{"x": data.left, "x2": data.right, "text": data.text}])
    marks = alt.Data(values=[{"x": place, "text": text} for place, text in data.marks])
    tip = _tip(alt, "text", "choice")
    layers = [
        alt.Chart(whole).mark_bar(color=COLOURS["rejected"], opacity=0.25, height=5).encode(x, x2="x2"),
        alt.Chart(stays).mark_bar(color=COLOURS["feasible"], height=5).encode(x, x2="x2", tooltip=tip),
        alt.Chart(marks).mark_tick(color=COLOURS["chosen"], thickness=3, height=height).encode(x, tooltip=tip),
    ]
    return alt.layer(*layers).properties(
        height=height,
        width="container",
        description=data.description,
        padding={"left": 0, "right": 0, "top": 0, "bottom": 0},
    )


def draw_warm_up(data: WarmUp) -> alt.LayerChart:
    """The warm-up, query by query, with what is usual afterwards as a line."""
    import altair as alt

    values = alt.Data(values=[{"query": place, "time": time} for place, time in enumerate(data.times, 1)])
    spread = max(data.times) / max(min(data.times), 1e-12)
    scale = alt.Scale(type="log" if spread > 8 else "linear", zero=False)
    x = alt.X("query", type="quantitative", title="query after loading", axis=alt.Axis(tickMinStep=1))
    y = alt.Y("time", type="quantitative", title=data.title, scale=scale)
    tips = [
        alt.Tooltip("query", type="quantitative", title="query"),
        alt.Tooltip("time", type="quantitative", title=data.title, format=".4g"),
    ]
    layers = [
        alt.Chart(values).mark_line(color=COLOURS["feasible"], point=True).encode(x, y, tooltip=tips),
    ]
    if data.usual is not None:
        usual = alt.Data(values=[{"time": data.usual}])
        layers.append(alt.Chart(usual).mark_rule(color=COLOURS["rejected"], strokeDash=[5, 4]).encode(y))
    return alt.layer(*layers).properties(height=220, width="container", description=data.description)
