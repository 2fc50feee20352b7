"""What is published of models, beside what is measured of them here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selector.catalog.listing import DEFAULT_DATASET, published_top1
from selector.reports.text import plain

if TYPE_CHECKING:
    from selector.types import ModelFacts

MOST_POINTS = 1000
"""Points of a figure: browsers draw so many as shapes that can be pointed at."""


@dataclass(frozen=True)
class Listed:
    """One model of the catalog with its published accuracy.

    Attributes:
        model: Its name.
        family: Its family.
        accuracy: In percent.
        work: 1e9 multiply-accumulates for one image at the native size.
        parameters: In millions, None where it is not known.
        license: "not stated" where it is not.
        size: Native image size.
        ways: By how many ways it is measured here, in words.
        standing: "measured here" or "not measured".
    """

    model: str
    family: str
    accuracy: float
    work: float
    parameters: float | None
    license: str
    size: str
    ways: str
    standing: str


@dataclass(frozen=True)
class Published:
    """Accuracy against work.

    Attributes:
        points: The models that have both figures, those measured here last, so that they lie on top.
        left_out: How many more there are.
        x_title: Title of the horizontal axis.
        y_title: Title of the vertical axis.
        description: For people who do not see the figure.
    """

    points: tuple[Listed, ...]
    left_out: int
    x_title: str
    y_title: str
    description: str


def published(
    models: Sequence[ModelFacts],
    measured: Mapping[str, Mapping[str, int]],
    dataset: str = DEFAULT_DATASET,
    most: int = MOST_POINTS,
) -> Published:
    """The published figures of some models.

    Args:
        models: Best first: where there are too many, the last are left out, those measured here excepted.
        measured: Measurements by architecture and way.
        dataset: Of the published accuracy.
        most: Points at most.
    """
    having = [
        _listed(facts, accuracy, measured.get(facts.architecture, {}))
        for facts in models
        if (accuracy := published_top1(facts, dataset)) is not None and facts.gmacs
    ]
    here = [one for one in having if one.standing == "measured here"][:most]
    others = [one for one in having if one.standing != "measured here"][: most - len(here)]
    drawn = (*reversed(others), *reversed(here))
    return Published(
        points=drawn,
        left_out=len(having) - len(drawn),
        x_title="multiply-accumulates (billions an image)",
        y_title=f"top-1 on {dataset} (%)",
        description=f"Published top-1 on {dataset} against work of {len(drawn):,} models, {len(here):,} of them "
        "measured here",
    )


def _listed(facts: ModelFacts, accuracy: float, ways: Mapping[str, int]) -> Listed:
    return Listed(
        model=plain(facts.name),
        family=plain(facts.family),
        accuracy=100 * accuracy,
        work=facts.gmacs or 0.0,
        parameters=None if facts.parameters is None else facts.parameters / 1e6,
        license=plain(facts.license or "not stated"),
        size="×".join(map(str, facts.image_size)),
        ways=_ways(ways),
        standing="measured here" if ways else "not measured",
    )


def _ways(ways: Mapping[str, int]) -> str:
    if not ways:
        return "not yet"
    named = ", ".join(sorted(ways)[:3])
    return plain(f"{named} and {len(ways) - 3} more" if len(ways) > 3 else named)


def catalogue_columns(
    models: Sequence[ModelFacts], measured: Mapping[str, Mapping[str, int]], dataset: str = DEFAULT_DATASET
) -> dict[str, list[Any]]:
    """The models as columns of a table, in people's units."""
    tops = [published_top1(facts, dataset) for facts in models]
    return {
        "model": [plain(facts.name) for facts in models],
        "family": [plain(facts.family) for facts in models],
        "top-1 %": [None if top is None else 100 * top for top in tops],
        "GMACs": [facts.gmacs for facts in models],
        "parameters M": [None if facts.parameters is None else facts.parameters / 1e6 for facts in models],
        "pixels": ["×".join(map(str, facts.image_size)) for facts in models],
        "licence": [plain(facts.license or "not stated") for facts in models],
        "pretraining": [plain(facts.pretraining or "") for facts in models],
        "measured here": [_ways(measured.get(facts.architecture, {})) for facts in models],
    }
