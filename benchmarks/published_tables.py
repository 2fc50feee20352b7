"""Published tables of speed and accuracy, joined into worlds in which a search can be replayed."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from selector.search.predicting.features import Features, Floats, Work, features_of, first_word

Row = tuple[str, int]
"""Architecture and image size."""


@dataclass(frozen=True)
class Table:
    """One device's figures.

    Attributes:
        name: Of the file, shortened.
        device: The part that names the hardware.
        seconds: Per image, by row.
        work: By row.
    """

    name: str
    device: str
    seconds: dict[Row, float]
    work: dict[Row, Work]


def read_tables(folder: Path) -> list[Table]:
    """Every benchmark-infer-*.csv of the folder, by name."""
    return [_read(path) for path in sorted(folder.glob("benchmark-infer-*.csv"))]


def read_accuracy(folder: Path) -> dict[Row, float]:
    """Best published top-1 of an architecture at a size, 0 to 1, over its weights."""
    best: dict[Row, float] = {}
    with (folder / "results-imagenet.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            row = line["model"].partition(".")[0], int(line["img_size"])
            best[row] = max(best.get(row, 0.0), float(line["top1"]) / 100)
    return best


def device_of(name: str) -> str:
    """The hardware that a table's name tells: what stands last but for the compiler."""
    return re.sub(r"-dynamo$", "", name).split("-")[-1].replace("rtx", "")


def arrays(table: Table, accuracy: dict[Row, float]) -> tuple[list[Row], Features, Floats, Floats]:
    """Rows that have both figures, their features, log seconds and accuracy."""
    rows = sorted(row for row in table.seconds if row in accuracy)
    return (
        rows,
        features_of([table.work[row] for row in rows]),
        np.log([table.seconds[row] for row in rows]),
        np.array([accuracy[row] for row in rows]),
    )


def _read(path: Path) -> Table:
    name = path.stem.removeprefix("benchmark-infer-")
    table = Table(name, device_of(name), {}, {})
    families = _families()
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            speed = _number(line["infer_samples_per_sec"])
            if not speed:
                continue
            architecture = line["model"].partition(".")[0]
            size = int(float(line["infer_img_size"]))
            work = Work(
                architecture,
                families.get(architecture, first_word(architecture)),
                _number(line["infer_gmacs"]),
                _number(line["infer_macts"]),
                _number(line["param_count"]),
                float(size * size),
            )
            table.seconds[architecture, size] = 1 / speed
            table.work[architecture, size] = work
    return table


def _families() -> dict[str, str]:
    from selector.catalog import load_catalog

    return {facts.architecture: facts.family for facts in load_catalog().models}


def _number(cell: str) -> float:
    return float(cell.replace(",", "")) if cell else 0.0
