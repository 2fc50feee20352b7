"""What backbones answer with, for those who attach a head to one: a map of features a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selector.reports.content import Cell, Column, Table
from selector.reports.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selector.decision import Assessment
    from selector.types import Stage

_COLUMNS = (
    Column("model", "model", numeric=False),
    Column("image", "image"),
    Column("stage", "stage"),
    Column("channels", "channels"),
    Column("places", "height × width"),
    Column("stride", "stride"),
)


def stages_of(assessment: Assessment) -> tuple[Stage, ...]:
    """The maps that were observed of a backbone; nothing for classifiers and for what was not measured."""
    observation = None if assessment.measurement is None else assessment.measurement.observation
    return () if observation is None else observation.stages


def stage_lines(assessment: Assessment) -> tuple[str, ...]:
    """A line for each map: "stage 2: 32 channels, 24 × 32 places, stride 8"."""
    return tuple(
        f"stage {number}: {one.channels:,} channels, {one.height:,} × {one.width:,} places, stride {one.stride}"
        for number, one in enumerate(stages_of(assessment), 1)
    )


def stages_table(assessments: Sequence[Assessment]) -> Table:
    """A row for each map of each model among these; no rows where there are no backbones."""
    first: dict[str, Assessment] = {}
    for one in assessments:
        if stages_of(one):
            first.setdefault(one.planned.candidate.model, one)
    return Table(_COLUMNS, tuple(row for one in first.values() for row in _rows(one)))


def _rows(assessment: Assessment) -> list[tuple[Cell, ...]]:
    candidate = assessment.planned.candidate
    image = Cell(" × ".join(f"{side:,}" for side in candidate.image_size))
    return [
        (
            Cell(plain(candidate.model)),
            image,
            Cell(str(number), number),
            Cell(f"{one.channels:,}", one.channels),
            Cell(f"{one.height:,} × {one.width:,}"),
            Cell(str(one.stride), one.stride),
        )
        for number, one in enumerate(stages_of(assessment), 1)
    ]
