"""The figures of a report: which there are, below which heading each stands, and what is written below it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selector.reports.argument import REFERENCE
from selector.reports.content import count, name
from selector.reports.drawing import draw_headroom, draw_scatter
from selector.reports.drawing_times import draw_ladder, draw_ranges, draw_spreads
from selector.reports.figures import Scatter, headroom_bars, scatter
from selector.reports.ranges import stay_ranges
from selector.reports.timings import Ladder, ladder, spreads

if TYPE_CHECKING:
    import altair as alt

    from selector.decision import Decision

PACKAGES = (("altair", "report"), ("vl_convert", "report"))
"""What drawing needs, each with the extra that brings it."""


@dataclass(frozen=True)
class Plate:
    """A figure with its words.

    Attributes:
        key: Short name, unique in a report.
        section: Key of the section of the record that it belongs to.
        title: What it shows.
        caption: How to read it.
        description: The same as the figure, in words.
        spec: The chart as Vega-Lite, as wide as what it stands in.
        zoom: Scales that help to look closer when they can be moved: some of "x" and "y".
    """

    key: str
    section: str
    title: str
    caption: str
    description: str
    spec: dict[str, Any]
    zoom: tuple[str, ...] = ()


def plates(decision: Decision) -> tuple[Plate, ...]:
    """The figures of a decision; one that has no data is left out."""
    return tuple(_made(decision))


def _made(decision: Decision) -> Iterator[Plate]:
    points = scatter(decision)
    if points.points:
        yield _plate(
            "front",
            "outcome",
            f"{points.y.title} against {points.x.title}",
            " ".join(_reading(decision, points)),
            draw_scatter(points),
            zoom=("x", "y"),
        )
    if decision.winner is not None:
        chosen = name(decision.winner)
        bars = headroom_bars(decision.winner)
        if bars:
            yield _plate(
                "headroom",
                "consequences",
                f"Room to each limit: {chosen}",
                "The dashed line is the limit; a dark line is the figure's interval.",
                draw_headroom(bars),
            )
        rungs = ladder(decision)
        if rungs is not None:
            yield _plate(
                "ladder",
                "consequences",
                f"Ways of running {rungs.model}",
                " ".join(_climbing(rungs)),
                draw_ladder(rungs),
            )
    rows = stay_ranges(decision)
    if rows:
        yield _plate(
            "ranges",
            "changes",
            "The range in which the choice stays",
            "Every row has a scale of its own; the upright line is what is asked. A bar that reaches the border has "
            "no end on that side.",
            draw_ranges(rows),
        )
    times = spreads(decision)
    if times is not None:
        yield _plate(
            "spreads",
            "finalists" if len(decision.ranked) > 1 else "consequences",
            "Times of the finalists' queries",
            "Solid p50, dashed p95, as they were decided on; the thick line at the foot is the interval. Where a "
            "run-off timed a candidate again, the marks speak of those queries too.",
            draw_spreads(times),
            zoom=("x",),
        )


def _reading(decision: Decision, points: Scatter) -> Iterator[str]:
    """How to read the scatter, by what there is in it."""
    yield "Lines through a point are its intervals; the stepped line joins those that no other beats on both axes."
    if points.x.limits or points.y.limits:
        yield (
            "Limits are dashed."
            if points.region is None
            else "Limits are dashed, the shaded part is where they hold."
        )
    if decision.winner is not None and all(one.standing != "chosen" for one in points.points):
        yield "The choice is not drawn: it has no figure on one of the axes."
    if points.left_out:
        several = "is" if points.left_out == 1 else "are"
        yield f"{count(points.left_out, 'more rejected candidate')} {several} not drawn."


def _climbing(rungs: Ladder) -> Iterator[str]:
    """How to read the ladder."""
    yield f"The dashed line is {REFERENCE}; a dark line is what the intervals of both leave possible."
    if rungs.unavailable:
        several = "is" if rungs.unavailable == 1 else "are"
        yield f"{count(rungs.unavailable, 'more way')} that cannot run on this device {several} not drawn."


def _plate(
    key: str, section: str, title: str, caption: str, chart: alt.LayerChart, *, zoom: tuple[str, ...] = ()
) -> Plate:
    spec: dict[str, Any] = chart.to_dict()
    return Plate(key, section, title, caption, str(spec.pop("description")), shared(spec), zoom)


def shared(spec: dict[str, Any]) -> dict[str, Any]:
    """The layered chart with the rows that several layers draw written once."""
    datasets: dict[str, Any] = {}
    names: dict[str, str] = {}
    layers = []
    for layer in spec["layer"]:
        if "data" not in layer:  # all layers draw the same, which then stands above them
            layers.append(layer)
            continue
        rows = layer["data"]["values"]
        name = names.setdefault(json.dumps(rows), f"rows{len(names)}")
        datasets[name] = rows
        layers.append({**layer, "data": {"name": name}})
    return {**spec, "datasets": datasets, "layer": layers}


def zoomed(spec: dict[str, Any], channels: tuple[str, ...]) -> dict[str, Any]:
    """The layered chart with scales that wheel and mouse move; what leaves the frame is cut.

    The wheel alone scrolls the page.

    Args:
        spec: The chart.
        channels: The scales, some of "x" and "y"; some layer has them all.
    """
    if not channels:
        return spec
    layers = [{**layer, "mark": {**layer["mark"], "clip": True}} for layer in spec["layer"]]
    select = {"type": "interval", "encodings": list(channels), "zoom": "wheel![event.ctrlKey]"}
    bearer = next(layer for layer in layers if all("field" in layer["encoding"].get(one, {}) for one in channels))
    bearer["params"] = [{"name": "zoom", "select": select, "bind": "scales"}]
    return {**spec, "layer": layers}


def vegalite_version() -> str:
    """Of the language that altair writes, as vl-convert calls it: "6.4"."""
    import altair as alt

    return ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
