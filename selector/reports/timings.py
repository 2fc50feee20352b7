"""The data of the figures that show time: how the finalists' queries are spread, and what each way gains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selector.reports.argument import REFERENCE
from selector.reports.content import condition, is_ceiling, name, way
from selector.reports.figures import Standing, standing_of
from selector.reports.text import file_name, plain
from selector.reports.values import Scale, label, metric_of, observed, scale_for, show

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision
    from selector.metrics import MetricValue

FINALISTS = 4
"""Candidates whose times are shown."""
FEWEST = 20
"""Queries below which a spread has no shape."""
_LONGEST_NAME = 80
_BINS = 120
_BEFORE, _BEHIND = 0.1, 0.04
"""Room beside the shapes, as shares of what they span."""
_SHOWN = 0.99
"""Share of the queries of each candidate that lies below the right end at least; a few stragglers would take all the
room."""
_MARKED = ("p50", "p95")
_LOGARITHMIC_FROM = 8.0


@dataclass(frozen=True)
class Mark:
    """A percentile as it was decided on, in the figure's unit."""

    percentile: str
    value: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Spread:
    """The times of one candidate's queries.

    Attributes:
        id: The candidate.
        title: Its place and name.
        standing: What became of it.
        queries: How many were timed.
        bins: (left, right, share of the queries), in the figure's unit, from left to right.
        beyond: Queries further right than the figure reaches.
        marks: Its percentiles, those that so many queries support.
    """

    id: str
    title: str
    standing: Standing
    queries: int
    bins: tuple[tuple[float, float, float], ...]
    beyond: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Spreads:
    """The finalists' times on one axis.

    Attributes:
        title: Of the axis, with its unit.
        domain: The range shown.
        logarithmic: Whether the axis is.
        rows: The candidates, best first.
        limits: (limit, requirement in words) of those on latencies that lie in the range.
        description: For people who do not see the figure.
    """

    title: str
    domain: tuple[float, float]
    logarithmic: bool
    rows: tuple[Spread, ...]
    limits: tuple[tuple[float, str], ...]
    description: str


@dataclass(frozen=True)
class Rung:
    """One way of running the winner's model.

    Attributes:
        way: The optimization.
        standing: What became of it; "no figure" where nothing was measured.
        factor: How many times as fast as eager, None without figure.
        low: The least that both intervals leave possible.
        high: The most.
        text: The figure, or why there is none.
        reason: Why it stands where it does.
    """

    way: str
    standing: str
    factor: float | None
    low: float | None
    high: float | None
    text: str
    reason: str


@dataclass(frozen=True)
class Ladder:
    """The ways of the winner's model against eager, the slowest first, those without figure last.

    Attributes:
        model: Its name.
        title: What is compared.
        rungs: The ways.
        unavailable: How many more cannot run on this device; they are no rungs.
        description: The figure in words.
    """

    model: str
    title: str
    rungs: tuple[Rung, ...]
    unavailable: int
    description: str


def spreads(decision: Decision, most: int = FINALISTS, shown: Sequence[Assessment] | None = None) -> Spreads | None:
    """How the queries of the first of the ranking are spread; None where no samples are at hand.

    Args:
        decision: What was decided.
        most: Candidates at most.
        shown: Others than the ranking's, with their samples.
    """
    from selector.profiler.statistics import decode

    taken: dict[str, tuple[Assessment, list[float]]] = {}
    for one in decision.ranked if shown is None else shown:
        measurement = one.measurement
        if measurement is None or measurement.observation is None or measurement.id in taken:
            continue  # another tag of the same architecture was not timed again
        times = sorted(decode(measurement.observation.latencies).tolist())
        if len(times) >= FEWEST:
            taken[measurement.id] = (one, times)
        if len(taken) == most:
            break
    if not taken:
        return None
    low = min(times[0] for _, times in taken.values())
    high = max(times[math.ceil(_SHOWN * len(times)) - 1] for _, times in taken.values())
    high = max(high, *(mark for one, _ in taken.values() for mark in _marked(one)))
    limiting = [one for one in decision.profile.requirements if one.metric.startswith("latency_") and is_ceiling(one)]
    near = [one for one in limiting if low < one.limit <= 1.6 * high]
    high = max([high, *(one.limit for one in near)])
    scale = scale_for("latency_p50", [times[len(times) // 2] for _, times in taken.values()])
    logarithmic = low > 0 and high / low >= _LOGARITHMIC_FROM
    edges = _edges(low, high, logarithmic=logarithmic)
    rows = tuple(_spread(decision, one, times, edges, scale) for one, times in taken.values())
    return Spreads(
        title=f"time of a query ({scale.unit})",
        domain=(edges[0] / scale.factor, edges[-1] / scale.factor),
        logarithmic=logarithmic,
        rows=rows,
        limits=tuple((one.limit / scale.factor, condition(one)) for one in near),
        description="; ".join(_told(row) for row in rows),
    )


def _marked(one: Assessment) -> list[float]:
    assert one.measurement is not None
    assert one.measurement.observation is not None
    percentiles = one.measurement.observation.summary.percentiles
    return [percentiles[each].value for each in _MARKED if each in percentiles] or [0.0]


def _edges(low: float, high: float, *, logarithmic: bool) -> list[float]:
    """The borders of the bins, with some room on both sides; what p50 is stands to the left of it."""
    if logarithmic:
        low, high = low / (high / low) ** _BEFORE, high * (high / low) ** _BEHIND
        return [low * (high / low) ** (place / _BINS) for place in range(_BINS + 1)]
    spread = (high - low) or high or 1.0
    low, high = max(0.0, low - _BEFORE * spread), high + _BEHIND * spread
    return [low + (high - low) * place / _BINS for place in range(_BINS + 1)]


def _spread(
    decision: Decision, one: Assessment, times: Sequence[float], edges: Sequence[float], scale: Scale
) -> Spread:
    counts = [0] * (len(edges) - 1)
    beyond = place = 0
    for time in times:  # in order, as the borders are
        while place < len(counts) and time > edges[place + 1]:
            place += 1
        if place < len(counts):
            counts[place] += 1
        else:
            beyond += 1
    bins = tuple(
        (left / scale.factor, right / scale.factor, number / len(times))
        for left, right, number in zip(edges, edges[1:], counts, strict=False)
    )
    called = file_name(name(one), _LONGEST_NAME)
    return Spread(
        id=plain(one.id),
        title=called if one.rank is None else f"{one.rank}{'=' if one.tied_with else ''}  {called}",
        standing=standing_of(decision, one),
        queries=len(times),
        bins=bins,
        beyond=beyond,
        marks=_marks(one, scale),
    )


def _marks(one: Assessment, scale: Scale) -> tuple[Mark, ...]:
    assert one.measurement is not None
    assert one.measurement.observation is not None
    found = []
    for percentile in _MARKED:
        interval = one.measurement.observation.summary.percentiles.get(percentile)
        if interval is not None:
            low = interval.value if interval.low is None else interval.low
            high = interval.value if interval.high is None else interval.high
            shown = f"{percentile} {show(f'latency_{percentile}', interval.value)}"
            unit = scale.factor
            found.append(Mark(percentile, interval.value / unit, low / unit, high / unit, shown))
    return tuple(found)


def _told(row: Spread) -> str:
    marks = ", ".join(mark.text for mark in row.marks) or "too few for percentiles"
    return f"{row.title}: {row.queries:,} queries, {marks}"


@dataclass(frozen=True)
class WarmUp:
    """The first queries after loading, which no figure counts.

    Attributes:
        title: Of the upright axis, with its unit.
        times: What each took, in that unit, the very first one first.
        usual: What the median query took afterwards, in that unit; None where it is not known.
        description: For people who do not see the figure.
    """

    title: str
    times: tuple[float, ...]
    usual: float | None
    description: str


def warm_up(one: Assessment) -> WarmUp | None:
    """How a candidate became fast; None where it was not timed."""
    observation = None if one.measurement is None else one.measurement.observation
    if observation is None or not observation.warmup:
        return None
    times = observation.warmup
    p50 = observation.summary.percentiles.get("p50")
    usual = None if p50 is None else p50.value
    scale = scale_for("latency_p50", [usual or times[-1]])
    first = show("latency_p50", times[0])
    after = "" if usual is None else f"; afterwards the median query took {show('latency_p50', usual)}"
    return WarmUp(
        title=f"time ({scale.unit})",
        times=tuple(time / scale.factor for time in times),
        usual=None if usual is None else usual / scale.factor,
        description=f"{len(times):,} queries to warm up, the first took {first}{after}",
    )


def ladder(decision: Decision, of: Assessment | None = None) -> Ladder | None:
    """Every way of a candidate's model that runs here against eager.

    Args:
        decision: What was decided.
        of: The candidate; the winner without it.

    Returns:
        None without a winner, an eager figure or another way.
    """
    winner = of or decision.winner
    if winner is None:
        return None
    key = "throughput" if decision.profile.workload.scenario == "offline" else "latency_p50"
    model = winner.planned.candidate.model
    ways = [one for one in decision.assessments if one.planned.candidate.model == model]
    known = {one.id: figure for one in ways if (figure := observed(one.metrics.get(key))) and figure.value > 0}
    eager = next((one for one in ways if one.planned.candidate.optimization == REFERENCE and one.id in known), None)
    if eager is None or len(known) < 2:
        return None
    here = [one for one in ways if one.status != "unavailable"]
    rungs = [_rung(decision, one, key, known.get(one.id), known[eager.id]) for one in here]
    rungs.sort(key=lambda rung: (rung.factor is None, rung.factor or 0.0, rung.way))
    told = "; ".join(f"{rung.way} {_factor(rung.factor)}, {rung.text}" for rung in rungs if rung.factor is not None)
    missing = ", ".join(f"{rung.way} ({rung.text})" for rung in rungs if rung.factor is None)
    return Ladder(
        model=plain(model),
        title=f"{label(key)}, times as fast as {REFERENCE}",
        rungs=tuple(rungs),
        unavailable=len(ways) - len(here),
        description=f"{told}{f'; no figure of {missing}' if missing else ''}",
    )


def _rung(decision: Decision, one: Assessment, key: str, figure: MetricValue | None, eager: MetricValue) -> Rung:
    reason = plain("; ".join(one.reasons[:2]))
    if figure is None:
        return Rung(way(one), "no figure", None, None, None, _absence(one), reason)
    factor = _ratio(key, eager.value, figure.value)
    low, high = _bounds(key, eager, figure) if one.planned.candidate.optimization != REFERENCE else (1.0, 1.0)
    return Rung(way(one), standing_of(decision, one), factor, low, high, show(key, figure.value), reason)


def _ratio(key: str, eager: float, value: float) -> float:
    return value / eager if metric_of(key).better == "higher" else eager / value


def _bounds(key: str, eager: MetricValue, figure: MetricValue) -> tuple[float | None, float | None]:
    """The factors that the far ends of both intervals give; (None, None) where an end is open."""
    if not (eager.low and eager.high and figure.low and figure.high):
        return None, None
    ends = (_ratio(key, eager.low, figure.high), _ratio(key, eager.high, figure.low))
    return min(ends), max(ends)


def _absence(one: Assessment) -> str:
    if one.status == "failed" and one.measurement is not None:
        return one.measurement.outcome.value.replace("_", " ")
    return one.status.value.replace("_", " ")


def _factor(factor: float | None) -> str:
    return "" if factor is None else f"{factor:.2f} ×"
