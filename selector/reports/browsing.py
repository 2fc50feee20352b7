"""What a person who browses a decision asks of it: some of its candidates, figures relative to the best, shares."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from selector.metrics.score import loss
from selector.reports.content import Cell, Column, Table, name, way
from selector.reports.text import plain
from selector.reports.values import MISSING, label, metric_of, observed, show

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision
    from selector.metrics import MetricResult
    from selector.reports.figures import Scatter

_WORDS = ("rank", "model", "way", "limit")
"""Columns that nothing is relative to."""
UNKNOWN = "not stated"


@dataclass(frozen=True)
class Choices:
    """What candidates can be sorted out by.

    Attributes:
        families: Model families.
        licenses: Licences; `UNKNOWN` for models that state none.
        ways: Optimizations.
        most_parameters: Of the largest model, in millions; None where no model says.
    """

    families: tuple[str, ...]
    licenses: tuple[str, ...]
    ways: tuple[str, ...]
    most_parameters: float | None


@dataclass(frozen=True)
class Wanted:
    """Which candidates to show; what is empty or None lets all pass.

    Attributes:
        families: Any of these.
        licenses: Any of these.
        ways: Any of these.
        max_parameters: In millions; a model that does not say passes.
        text: Part of the id.
        ids: Just these.
    """

    families: Collection[str] = ()
    licenses: Collection[str] = ()
    ways: Collection[str] = ()
    max_parameters: float | None = None
    text: str = ""
    ids: Collection[str] | None = None


def choices(assessments: Iterable[Assessment]) -> Choices:
    """What the given candidates can be sorted out by."""
    listed = list(assessments)
    sizes = [one.planned.facts.parameters / 1e6 for one in listed if one.planned.facts.parameters]
    return Choices(
        families=tuple(sorted({one.planned.facts.family for one in listed})),
        licenses=tuple(sorted({one.planned.facts.license or UNKNOWN for one in listed})),
        ways=tuple(sorted({one.planned.candidate.optimization for one in listed})),
        most_parameters=max(sizes, default=None),
    )


def sift(assessments: Iterable[Assessment], which: Wanted) -> tuple[Assessment, ...]:
    """Those that pass, in their order."""
    return tuple(one for one in assessments if _passes(one, which))


def _passes(one: Assessment, which: Wanted) -> bool:
    facts = one.planned.facts
    small = which.max_parameters is None or not facts.parameters or facts.parameters / 1e6 <= which.max_parameters
    return (
        small
        and (not which.families or facts.family in which.families)
        and (not which.licenses or (facts.license or UNKNOWN) in which.licenses)
        and (not which.ways or one.planned.candidate.optimization in which.ways)
        and which.text.strip().lower() in one.id.lower()
        and (which.ids is None or one.id in which.ids)
    )


def brushed(data: Scatter, across: Sequence[float], up: Sequence[float]) -> frozenset[str]:
    """The ids of the points within a range of both axes, its ends in any order.

    Args:
        data: The figure.
        across: The range on the horizontal axis, in its unit; everything where it is empty.
        up: On the vertical axis, likewise.
    """

    def within(place: float, ends: Sequence[float]) -> bool:
        return not ends or min(ends) <= place <= max(ends)

    return frozenset(one.id for one in data.points if within(one.x, across) and within(one.y, up))


def relative(table: Table) -> Table:
    """The table with each figure as a multiple of the best of its column: "1.31 ×" is 31 % more than the best."""
    columns = tuple(
        one if one.key in _WORDS else replace(one, title=f"{one.title} ÷ best", unit="", decimals=2)
        for one in table.columns
    )
    best = [_best(table, place) for place in range(len(columns))]
    rows = tuple(tuple(_divided(cell, one) for cell, one in zip(row, best, strict=True)) for row in table.rows)
    return Table(columns, rows)


def _best(table: Table, place: int) -> float | None:
    column = table.columns[place]
    known = [number for row in table.rows if (number := row[place].number) is not None]
    if column.key in _WORDS or not known:
        return None
    return min(known) if metric_of(column.key).better == "lower" else max(known)


def _divided(cell: Cell, best: float | None) -> Cell:
    if best is None:
        return cell
    if cell.number is None or best == 0:
        return Cell(MISSING)
    return Cell(f"{cell.number / best:.2f} ×", cell.number / best)


def arrow(column: Column) -> str:
    """What stands above figures: "↓" where less is better, "↑" where more is; nothing above words."""
    if column.key in _WORDS:
        return ""
    return "↓" if metric_of(column.key).better == "lower" else "↑"


@dataclass(frozen=True)
class Part:
    """What one metric adds to the weighted score of one candidate.

    Attributes:
        candidate: Its name.
        place: Its rank.
        metric: The metric's name for people.
        part: Weight times the natural logarithm of how many times its loss is that of the best feasible candidate
            in this metric: 0 for the best. The sum over the metrics is the logarithm of how many times the score is
            that of a candidate that would be the best in all of them.
        text: The figure.
    """

    candidate: str
    place: int
    metric: str
    part: float
    text: str


def score_parts(decision: Decision, most: int = 12) -> tuple[Part, ...]:
    """What sets the first of a weighted ranking apart; empty where no weights rank, or a figure is missing.

    Args:
        decision: What was decided.
        most: Candidates at most.
    """
    weights = decision.profile.objective.weights
    if len(weights) < 2:
        return ()
    made = []
    for key, weight in weights.items():
        losses = {one.id: _loss(key, one.metrics.get(key)) for one in decision.ranked}
        least = min((value for value in losses.values() if value is not None), default=None)
        for one in decision.ranked[:most]:
            mine, figure = losses[one.id], observed(one.metrics.get(key))
            if mine is None or least is None or figure is None:
                continue
            part = weight * math.log(mine / least)
            made.append(Part(name(one), one.rank or 0, label(key), part, show(key, figure.value)))
    return tuple(sorted(made, key=lambda one: one.place))


def _loss(key: str, result: MetricResult | None) -> float | None:
    figure = observed(result)
    return None if figure is None else loss(metric_of(key), figure.value)


def figure_rows(one: Assessment) -> tuple[tuple[str, str, str, str], ...]:
    """Every metric of a candidate: its name, its figure, its interval, and where it is from, or why it is missing."""
    rows = []
    for key, result in one.metrics.items():
        figure = observed(result)
        if figure is None:
            rows.append((label(key), MISSING, "", plain(getattr(result, "reason", ""))))
            continue
        ends = [show(key, end) if end is not None else "open" for end in (figure.low, figure.high)]
        interval = "" if figure.low is figure.high is None else f"{ends[0]} to {ends[1]}"
        counted = f", {figure.samples:,} samples" if figure.samples and figure.samples > 1 else ""
        rows.append((label(key), show(key, figure.value), interval, f"{plain(figure.source)}{counted}"))
    return tuple(rows)


def fact_rows(one: Assessment) -> tuple[tuple[str, str], ...]:
    """What a candidate is, how it was made and what it was timed on; facts that are not known are left out."""
    facts, candidate, measurement = one.planned.facts, one.planned.candidate, one.measurement
    rows = [
        ("model", plain(candidate.model)),
        ("way", way(one)),
        ("family", plain(facts.family)),
        ("licence", plain(facts.license or UNKNOWN)),
        ("pretraining", plain(facts.pretraining or "none named")),
        ("image size", "×".join(str(side) for side in candidate.image_size)),
        ("batch", str(candidate.batch_size)),
        ("precision", candidate.precision),
        ("settings", plain(", ".join(f"{key} = {value}" for key, value in candidate.settings))),
    ]
    if measurement is not None:
        rows += [
            ("outcome", measurement.outcome.value.replace("_", " ")),
            ("weights", _weights(one)),
            ("measured", f"{measurement.created:%Y-%m-%d %H:%M} UTC in run {plain(measurement.run_id)}"),
            ("took", f"{measurement.wall_seconds:.1f} s in all"),
        ]
        rows += _readings(one)
    return tuple((title, text) for title, text in rows if text)


def _weights(one: Assessment) -> str:
    weights = None if one.measurement is None else one.measurement.weights
    if weights is None:
        return ""
    if weights.source == "random":
        return "random: speed and memory hold, outputs were not compared on real ones"
    digest = f", sha256 {weights.sha256[:12]}…" if weights.sha256 else ""
    return plain(f"{weights.source}, {weights.tag}{digest}")


def _readings(one: Assessment) -> list[tuple[str, str]]:
    observation = None if one.measurement is None else one.measurement.observation
    if observation is None:
        return []
    agreement = observation.agreement
    built = " (from cache; what the first build took)" if observation.built_from_cache else ""
    told = (
        ""
        if agreement is None
        else f"within {agreement.relative_error:.2g} of fp32 eager on {agreement.images} images, "
        f"{agreement.tolerance:.2g} is allowed; cosine {agreement.cosine:.6f}"
    )
    return [
        ("agreement", told),
        ("build", f"{show('build_time', observation.build_seconds)}{built}" if observation.build_seconds else ""),
        ("load", show("build_time", observation.load_seconds)),
        ("first query", show("latency_p50", observation.first_call)),
        (
            "queries timed",
            f"{observation.summary.samples:,}, ended by {observation.stopped_because.replace('_', ' ')}",
        ),
    ]
