"""Reads the catalog's tables: models.csv, published.csv and sources.csv of the folder `data/`."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

from selector.catalog.catalog import Catalog
from selector.errors import SelectorError
from selector.resources import folder
from selector.types import ModelFacts, PublishedFigure

Number = TypeVar("Number", int, float)


@cache
def load_catalog() -> Catalog:
    """The catalog that ships with selector, read once.

    Raises:
        SelectorError: The installation's tables are missing or damaged.
    """
    return read_catalog(folder("data"))


def read_catalog(data: Path) -> Catalog:
    """The catalog of the tables in the folder `data`.

    Raises:
        SelectorError: A table is missing or damaged.
    """
    try:
        figures = _figures(data)
        defaults: dict[str, str] = {}
        models = []
        rows = list(_rows(data / "models.csv"))
        weight_sets = Counter(row["architecture"] for row in rows)
        for row in rows:
            name, architecture = row["name"], row["architecture"]
            if row["default"] == "1":
                defaults[architecture] = name
            facts = ModelFacts(
                name=name,
                architecture=architecture,
                tag=row["tag"],
                family=row["family"],
                image_size=(int(row["height"]), int(row["width"])),
                num_classes=int(row["num_classes"]),
                parameters=_optional(int, row["parameters"]),
                gmacs=_optional(float, row["gmacs"]),
                activations=_optional(int, row["activations"]),
                license=row["license"] or None,
                pretraining=row["pretraining"] or None,
                published=tuple(figures.get(name, ())),
                weight_sets=weight_sets[architecture],
            )
            models.append(facts)
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, ValueError) as error:
        raise SelectorError(
            f"the catalog's tables in {data} cannot be read ({type(error).__name__}: {error}); install selector again"
        ) from error
    return Catalog(models, defaults)


def _figures(data: Path) -> dict[str, list[PublishedFigure]]:
    """Published figures by model, in the order of the table."""
    titles = {
        row["key"]: ", ".join(part for part in (row["title"], row["version"], row["date"]) if part)
        for row in _rows(data / "sources.csv")
    }
    figures: dict[str, list[PublishedFigure]] = {}
    for row in _rows(data / "published.csv"):
        figure = PublishedFigure(
            dataset=row["dataset"],
            image_size=(int(row["height"]), int(row["width"])),
            top1=float(row["top1"]),
            top5=_optional(float, row["top5"]),
            source=titles[row["source"]],
        )
        figures.setdefault(row["model"], []).append(figure)
    return figures


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """The table's rows as column to cell; every cell is there.

    Raises:
        ValueError: A row has too many or too few cells.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        for cells in reader:
            yield dict(zip(header, cells, strict=True))


def _optional(parse: Callable[[str], Number], cell: str) -> Number | None:
    return parse(cell) if cell else None
