"""The data of figures, in pure functions; `selector.reports.drawing` draws them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from selector.reports.argument import Headroom, headrooms
from selector.reports.content import condition, share_of_limit
from selector.reports.text import file_name, plain
from selector.reports.values import Scale, label, metric_of, observed, scale_for, show

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision
    from selector.metrics import MetricValue

MOST_POINTS = 1_000
"""Points that a figure draws; more are slow to draw and no clearer."""

Standing = Literal["chosen", "feasible", "undecided", "rejected"]
STANDINGS: tuple[Standing, ...] = ("chosen", "feasible", "undecided", "rejected")
_ROOM_FOR_A_NAME = 0.045
"""Share of the height that a name takes."""
_LONGEST_NAME, _LONGEST_CHOSEN = 26, 64
"""Characters of a model's name in a figure; its weights' tag is in the tooltip."""
_ROOM_FOR_NAMES = 0.35
"""Share of the width that is left free for names before the first point, relative to that of all points."""
_NARROWEST_SHARES = 2.0
"""Points that an axis of shares spans at least."""
_LOGARITHMIC_FROM = 8.0
"""Largest over smallest from which an axis is drawn logarithmically."""


@dataclass(frozen=True)
class Axis:
    """One axis of a scatter.

    Attributes:
        key: The metric.
        title: Its name and unit.
        scale: The unit in which the points are given.
        limits: (limit in that unit, whether it is an upper one, the requirement in words).
        domain: The range shown, in that unit.
        logarithmic: Whether a logarithmic axis shows the points better.
    """

    key: str
    title: str
    scale: Scale
    limits: tuple[tuple[float, bool, str], ...]
    domain: tuple[float, float]
    logarithmic: bool

    @property
    def feasible(self) -> tuple[float, float]:
        """The part of the domain in which every limit on this axis holds; empty (low > high) where none does."""
        low, high = self.domain
        for limit, ceiling, _ in self.limits:
            low, high = (low, min(high, limit)) if ceiling else (max(low, limit), high)
        return low, high


@dataclass(frozen=True)
class Point:
    """One candidate in a scatter; coordinates are in the axes' units.

    Attributes:
        id: The candidate.
        model: Its model.
        way: Its optimization.
        standing: What became of it.
        x: Where it stands, with the ends of its interval (equal to it where it has none).
        x_low: Lower end.
        x_high: Upper end.
        y: As x.
        y_low: Lower end.
        y_high: Upper end.
        x_text: The figure for people.
        y_text: The figure for people.
        reason: Why it stands where it does.
    """

    id: str
    model: str
    way: str
    standing: Standing
    x: float
    x_low: float
    x_high: float
    y: float
    y_low: float
    y_high: float
    x_text: str
    y_text: str
    reason: str


@dataclass(frozen=True)
class NameTag:
    """The name of a model, beside one of its points.

    Attributes:
        text: The name.
        x: Where, in the axes' units.
        y: Where.
        chosen: Whether it is that of the chosen candidate, which is named whole.
    """

    text: str
    x: float
    y: float
    chosen: bool = False


@dataclass(frozen=True)
class Scatter:
    """Two metrics of all candidates that have both.

    Attributes:
        x: The horizontal axis.
        y: The vertical axis.
        points: Those drawn, the chosen one last so that it lies on top.
        names: The chosen candidate's name, and the best feasible models' as far as there is room.
        left_out: How many more there are, all rejected ones that lie far away.
        description: For people who do not see the figure.
    """

    x: Axis
    y: Axis
    points: tuple[Point, ...]
    names: tuple[NameTag, ...]
    left_out: int
    description: str

    @property
    def region(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Where both axes' limits hold; None where nothing limits either, or nothing holds."""
        if not self.x.limits and not self.y.limits:
            return None
        (left, right), (bottom, top) = self.x.feasible, self.y.feasible
        return None if left >= right or bottom >= top else ((left, right), (bottom, top))

    @property
    def front(self) -> tuple[Point, ...]:
        """The points that no other beats on one of both metrics without losing on the other, from left to right."""
        across, up = _sign(self.x.key), _sign(self.y.key)
        ordered = sorted(self.points, key=lambda point: (across * point.x, up * point.y, point.id))
        kept: list[Point] = []
        for point in ordered:
            if not kept or up * point.y < up * kept[-1].y:
                kept.append(point)
        return tuple(sorted(kept, key=lambda point: (point.x, point.y)))


@dataclass(frozen=True)
class Bar:
    """How much of the room that a limit leaves is used.

    Attributes:
        requirement: The requirement, in words.
        share: 1 is at the limit.
        text: The same with figures.
        verdict: "holds", "fails" or "undecided".
        low: The share at the near end of the figure's interval, `share` where it has none.
        high: At the far end.
    """

    requirement: str
    share: float
    text: str
    verdict: str
    low: float
    high: float


_INSTEAD = ("memory_peak", "parameters")
"""What stands in for accuracy where that is the same of all: ways of running one model."""


def default_axes(decision: Decision) -> tuple[str, str]:
    """What is worth looking at: the time that is limited (throughput where there is none) against accuracy.

    Where all have the same accuracy, or none has any, against memory.
    """
    keys = [decision.profile.objective.metric, *(one.key for one in decision.profile.requirements)]
    times = [key for key in keys if key.startswith("latency_")]
    offline = decision.profile.workload.scenario == "offline"
    x = times[0] if times else "throughput" if offline or "throughput" in keys else "latency_p50"
    accuracies = [key for key in keys if key.startswith("accuracy_")]
    y = accuracies[0] if accuracies else "accuracy_top1"
    return x, next((key for key in (y, *_INSTEAD) if _parts(decision, x, key)), y)


def _parts(decision: Decision, x: str, y: str) -> bool:
    """Whether candidates with both figures differ in the second."""
    both = (one.metrics for one in _comparable(decision) if observed(one.metrics.get(x)) is not None)
    return len({figure.value for metrics in both if (figure := observed(metrics.get(y))) is not None}) > 1


def axes_to_pick(decision: Decision) -> tuple[str, ...]:
    """Metrics that some candidate with figures has, in the order in which candidates carry them."""
    found: dict[str, None] = {}
    for one in _comparable(decision)[:200]:
        found |= dict.fromkeys(key for key, result in one.metrics.items() if observed(result) is not None)
    return tuple(found)


def scatter(decision: Decision, x: str | None = None, y: str | None = None, most: int = MOST_POINTS) -> Scatter:
    """Two metrics of all candidates that have both, with the profile's limits.

    Args:
        decision: What was decided.
        x: Metric of the horizontal axis; `default_axes` where it is not given.
        y: Metric of the vertical axis.
        most: Points at most. The chosen, the feasible and the undecided come first, then the nearest rejected.
    """
    default_x, default_y = default_axes(decision)
    x, y = x or default_x, y or default_y
    having = [
        (one, first, second)
        for one in _comparable(decision)
        if (first := observed(one.metrics.get(x))) is not None
        and (second := observed(one.metrics.get(y))) is not None
    ]
    shown = having[:most]
    across = _axis(decision, x, [first for _, first, _ in shown], before=_ROOM_FOR_NAMES)
    up = _axis(decision, y, [second for _, _, second in shown])
    points = [_point(decision, one, (across, first), (up, second)) for one, first, second in shown]
    return Scatter(
        x=across,
        y=up,
        points=tuple(reversed(points)),
        names=_names(points, up),
        left_out=len(having) - len(shown),
        description=_description(across, up, points),
    )


def _sign(key: str) -> int:
    return 1 if metric_of(key).better == "lower" else -1


def _comparable(decision: Decision) -> tuple[Assessment, ...]:
    return (*decision.ranked, *decision.undecided, *decision.rejected)


def _axis(decision: Decision, key: str, figures: Sequence[MetricValue], before: float = 0.08) -> Axis:
    limiting = [one for one in decision.profile.requirements if one.key == key]
    values = [figure.value for figure in figures]
    scale = scale_for(key, [one.limit for one in limiting] or values)
    limits = tuple((one.limit / scale.factor, one.comparison in ("<", "<="), condition(one)) for one in limiting)
    ends = [value / scale.factor for value in values] + [limit for limit, _, _ in limits]
    domain, logarithmic = _domain(metric_of(key).kind, ends, before)
    return Axis(
        key, f"{label(key)} {f'({scale.unit})' if scale.unit else ''}".strip(), scale, limits, domain, logarithmic
    )


def _domain(kind: str, ends: Sequence[float], before: float) -> tuple[tuple[float, float], bool]:
    """The range that holds everything with some room, and whether it spans orders of magnitude.

    Args:
        kind: Of the metric.
        ends: What it has to hold.
        before: Share of the range that is left free below them.
    """
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    logarithmic = kind != "fraction" and low > 0 and high / low >= _LOGARITHMIC_FROM
    if logarithmic:
        return (low / (high / low) ** before, high * 1.2), True
    if kind == "fraction":
        widened = max(0.0, _NARROWEST_SHARES - (high - low)) / 2
        low, high = low - widened, high + widened
    spread = (high - low) or 0.5 * abs(high) or 1.0
    room, bottom = 0.08 * spread, low - before * spread
    top = min(high + room, 100.0) if kind == "fraction" and high <= 100 else high + room
    return (max(bottom, 0.0) if low >= 0 else bottom, top), False


def _point(
    decision: Decision, one: Assessment, across: tuple[Axis, MetricValue], up: tuple[Axis, MetricValue]
) -> Point:
    x, x_low, x_high = _ends(*across)
    y, y_low, y_high = _ends(*up)
    return Point(
        id=plain(one.id),
        model=plain(one.planned.candidate.model),
        way=plain(one.planned.candidate.optimization),
        standing=standing_of(decision, one),
        x=x,
        x_low=x_low,
        x_high=x_high,
        y=y,
        y_low=y_low,
        y_high=y_high,
        x_text=show(across[0].key, across[1].value),
        y_text=f"{show(up[0].key, up[1].value)} ({up[1].evidence})",
        reason=plain("; ".join(one.reasons[:2])),
    )


def _names(points: Sequence[Point], up: Axis) -> tuple[NameTag, ...]:
    """Names for the chosen point and, in ranking order, for one point of each other feasible model.

    A model is named at its leftmost feasible point, and only where no name stands near that height already.
    """
    names = [
        NameTag(file_name(point.id, _LONGEST_CHOSEN), point.x, point.y, chosen=True)
        for point in points
        if point.standing == "chosen"
    ]
    taken = {point.model for point in points if point.standing == "chosen"}
    room = _ROOM_FOR_A_NAME * (up.domain[1] - up.domain[0])
    leftmost: dict[str, Point] = {}
    for point in points:
        known = leftmost.get(point.model)
        if point.standing == "feasible" and (known is None or point.x < known.x):
            leftmost[point.model] = point
    for model, point in leftmost.items():
        if model not in taken and all(abs(point.y - other.y) >= room for other in names):
            tag = model if "/" in model else model.partition(".")[0]  # a file is called as it is
            names.append(NameTag(file_name(tag, _LONGEST_NAME), point.x, point.y))
    return tuple(names)


def _ends(axis: Axis, figure: MetricValue) -> tuple[float, float, float]:
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    return figure.value / axis.scale.factor, low / axis.scale.factor, high / axis.scale.factor


def standing_of(decision: Decision, one: Assessment) -> Standing:
    """What became of a candidate that was compared."""
    if decision.winner is not None and one.id == decision.winner.id:
        return "chosen"
    return {"ranked": "feasible", "undecided": "undecided"}.get(one.status.value, "rejected")  # type: ignore[return-value]


def _description(across: Axis, up: Axis, points: Iterable[Point]) -> str:
    standings = [point.standing for point in points]
    tally = ", ".join(f"{standings.count(each)} {each}" for each in STANDINGS if each in standings)
    limits = " and ".join(text for axis in (across, up) for _, _, text in axis.limits)
    asked = f" The shaded part is where {limits} holds." if limits else ""
    return f"{up.title} against {across.title} of {len(standings)} candidates ({tally or 'none'}).{asked}"


def headroom_bars(assessment: Assessment) -> tuple[Bar, ...]:
    """For each requirement of one candidate, the share of its limit that is used."""
    return tuple(
        Bar(condition(room.requirement), room.share, room.text, room.judgement.verdict.value, *_shares(room))
        for room in headrooms(assessment)
        if room.share is not None
    )


def _shares(room: Headroom) -> tuple[float, float]:
    """The shares at the ends of the figure's interval."""
    figure = observed(room.judgement.result)
    ends = () if figure is None else (figure.low, figure.high)
    shares = [share_of_limit(room.requirement, end) for end in ends if end is not None]
    known = [share for share in (*shares, room.share) if share is not None]
    return min(known), max(known)
