"""Builds the tables of this folder from timm's registry and timm's published result tables.

::

    python data/build.py --published FOLDER

FOLDER holds the `results-*.csv` of `RESULT_TABLES` and the `benchmark-infer-*.csv` of timm's repository (its folder
`results/`). They are read, not copied. Names, sizes, licences and tags come from the installed timm; parameters,
multiply-accumulates and activations are counted here, once per architecture, image size and width of classifier, on
torch's meta device (four minutes on two cores, no download). The tables' own counts only check the result; they
stand in for it where a model cannot be counted. README.md beside this file describes the columns.

The same inputs and versions give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import re
import signal
import statistics
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, fields, replace
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from types import FrameType

from selector.catalog.families import short_name
from selector.catalog.work import COUNTING_ERRORS, Work, count_work
from selector.types import ImageSize

TABLES_COMMIT = "aa4b5850"
TABLES_DATE = "2026-08-08"
RESULT_TABLES = {
    "imagenet-1k": "results-imagenet.csv",
    "imagenet-real": "results-imagenet-real.csv",
    "imagenet-v2": "results-imagenetv2-matched-frequency.csv",
    "imagenet-a": "results-imagenet-a.csv",
    "imagenet-r": "results-imagenet-r.csv",
    "imagenet-sketch": "results-sketch.csv",
}
"""Test set to the table that holds its figures."""
TEST_SETS = {
    "imagenet-1k": "ImageNet-1k validation",
    "imagenet-real": "ImageNet-1k validation with the reassessed labels of ReaL",
    "imagenet-v2": "ImageNetV2, matched frequency",
    "imagenet-a": "ImageNet-A, 200 classes",
    "imagenet-r": "ImageNet-R, 200 classes",
    "imagenet-sketch": "ImageNet-Sketch",
}
"""What the test sets are called where they were published."""
NEWEST_BENCHMARK = "benchmark-infer-amp-nchw-pt291-cu128-4090.csv"
"""Asked first where several benchmark tables count the same network: the counts depend on timm's version."""
COUNTED = "selector-count"
REGISTRY = "timm-registry"

DATASETS = re.compile(
    r"(?<![a-z0-9])(?:in1k|in12k|inw?21k|in22k|laion2b|laion400m|laiona|openai|datacompxl|datacomp1b|dfn2b|dfn5b|dfndr2b|webli"
    r"|metaclip_400m|metaclip_2pt5b|metaclip2_worldwide|lvd142m|lvd1689m|sat493m|sa1b|yfcc15m|yfcc100m|ig1b|cc12m"
    r"|merged2b|m30m|m38m|jft|swag|seer|bamboo)(?![a-z0-9])"
)
"""Names of training data in timm's tags; openai, swag and seer name data that was never released otherwise."""


@dataclass(frozen=True)
class ModelRow:
    """One line of models.csv, in the order of its columns."""

    name: str
    architecture: str
    tag: str
    default: int
    family: str
    height: int
    width: int
    num_classes: int
    parameters: int | None
    gmacs: float | None
    activations: int | None
    work_source: str
    license: str
    pretraining: str


@dataclass(frozen=True)
class PublishedRow:
    """One line of published.csv, in the order of its columns; fractions as decimal text."""

    model: str
    dataset: str
    height: int
    width: int
    top1: str
    top5: str
    crop: str
    source: str


@dataclass(frozen=True)
class SourceRow:
    """One line of sources.csv, in the order of its columns."""

    key: str
    title: str
    what: str
    version: str
    date: str
    license: str


@dataclass(frozen=True)
class TableWork:
    """What a benchmark table says about one architecture at one size.

    Attributes:
        gmacs: Multiply-accumulates in 1e9, to two decimals.
        activations: Elements, to four digits or so.
        source: Key of the table in sources.csv.
    """

    gmacs: float
    activations: float
    source: str


@dataclass(frozen=True)
class WorkKey:
    """What decides a model's work; models that agree in it are counted once."""

    architecture: str
    size: ImageSize
    num_classes: int


def fraction(percent: str) -> str:
    """A percentage as fraction in the shortest decimal form: 0.85086 for "85.086"; "" stays empty.

    Raises:
        ValueError: Not between 0 and 100.
    """
    if not percent:
        return ""
    value = Decimal(percent) / 100
    if not 0 <= value <= 1:
        raise ValueError(f"{percent} is no percentage")
    return shortest(value)


def shortest(value: Decimal) -> str:
    """The number without exponent and trailing zeros."""
    return f"{value.normalize():f}"


def number(cell: str) -> float | None:
    """A table's number, thousands comma or not ("1,013.01"); None for an empty cell."""
    return float(cell.replace(",", "")) if cell.strip() else None


def normal_license(stated: str | None) -> str:
    """Lower-case identifier, or "" where timm states none (or "unknown")."""
    identifier = (stated or "").strip().lower()
    return "" if identifier == "unknown" else identifier


def pretraining(tag: str, num_classes: int) -> str:
    """The data seen before the last training step, joined by "+", as far as timm's tag names them.

    "augreg2_in21k_ft_in1k" gives "in21k", "clip_laion2b_soup_ft_in12k_in1k_320" gives "laion2b+in12k". Where the
    tag names one set, it is that set for a backbone, and "" for a classifier of ImageNet-1k: it was trained on
    its task from scratch, or on data that the tag does not name.
    """
    named = DATASETS.findall(tag)
    if len(named) > 1:
        named = named[:-1]
    elif num_classes == 1000:
        return ""
    return "+".join(dict.fromkeys(named))


def read_published(folder: Path) -> list[PublishedRow]:
    """All figures of `RESULT_TABLES`, in the project's schema, sorted.

    Raises:
        ValueError: A model stands twice at the same size.
    """
    rows = {}
    for dataset, file in RESULT_TABLES.items():
        for cells in _table(folder / file):
            size = int(cells["img_size"])
            top1, top5 = fraction(cells["top1"]), fraction(cells["top5"])
            crop = shortest(Decimal(cells["crop_pct"])) if cells["crop_pct"] else ""
            key = (cells["model"], dataset, size)
            if key in rows:
                raise ValueError(f"{file}: {cells['model']} stands twice at {size} pixels")
            rows[key] = PublishedRow(cells["model"], dataset, size, size, top1, top5, crop, source_key(file))
    return [rows[key] for key in sorted(rows)]


def read_work(folder: Path) -> dict[tuple[str, int], TableWork]:
    """The benchmark tables' counts by architecture and (square) image size; the newest table wins."""
    files = sorted(folder.glob("benchmark-infer-*.csv"), key=lambda path: (path.name != NEWEST_BENCHMARK, path.name))
    found: dict[tuple[str, int], TableWork] = {}
    for file in files:
        for cells in _table(file):
            gmacs, mega_activations = number(cells["infer_gmacs"]), number(cells["infer_macts"])
            if gmacs and mega_activations:
                key = (cells["model"].partition(".")[0], int(cells["infer_img_size"]))
                found.setdefault(key, TableWork(gmacs, mega_activations * 1e6, source_key(file.name)))
    return found


def source_key(file: str) -> str:
    """Key in sources.csv of one of timm's tables."""
    return f"timm-{Path(file).stem}"


def _table(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def read_registry() -> list[ModelRow]:
    """Every pretrained model of the installed timm, without its work, sorted by name."""
    import timm
    from timm.models import is_model_in_modules, list_modules

    modules = sorted(list_modules())
    rows = []
    for name in sorted(timm.list_pretrained()):
        config = timm.get_pretrained_cfg(name)
        architecture, _, tag = name.partition(".")
        module = next(module for module in modules if is_model_in_modules(architecture, [module]))
        _, height, width = config.test_input_size or config.input_size
        row = ModelRow(
            name=name,
            architecture=architecture,
            tag=tag,
            default=int(timm.get_pretrained_cfg(architecture).tag == tag),
            family=short_name(module),
            height=height,
            width=width,
            num_classes=config.num_classes,
            parameters=None,
            gmacs=None,
            activations=None,
            work_source="",
            license=normal_license(config.license),
            pretraining=pretraining(tag, config.num_classes),
        )
        rows.append(row)
    return rows


def key_of(row: ModelRow) -> WorkKey:
    """What decides the row's work."""
    return WorkKey(row.architecture, (row.height, row.width), row.num_classes)


def count_all(rows: Iterable[ModelRow], jobs: int, limit: float) -> dict[WorkKey, Work]:
    """Counts every distinct network of `rows`; one that cannot be counted is absent.

    Args:
        rows: The models.
        jobs: Processes.
        limit: Seconds of processor time after which one network is given up.
    """
    names: dict[WorkKey, str] = {}
    for row in rows:
        names.setdefault(key_of(row), row.name)
    tasks = [(name, key.size, limit) for key, name in names.items()]
    counted: dict[WorkKey, Work] = {}
    start = time.monotonic()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_quiet) as pool:
        for done, (key, work) in enumerate(zip(names, pool.map(_count_one, tasks, chunksize=4), strict=True), 1):
            if work is None or work.macs is None:
                print(f"not counted: {names[key]}", file=sys.stderr)
            if work is not None:
                counted[key] = work
            if done % 200 == 0:
                print(f"{done} of {len(tasks)} networks, {time.monotonic() - start:.0f} s", file=sys.stderr)
    return counted


def _quiet() -> None:
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)


def _count_one(task: tuple[str, ImageSize, float]) -> Work | None:
    name, size, limit = task
    signal.signal(signal.SIGPROF, _give_up)
    signal.setitimer(signal.ITIMER_PROF, limit)
    try:
        return count_work(name, size)
    except (*COUNTING_ERRORS, TimeoutError):
        return None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError


def with_work(
    row: ModelRow, counted: Mapping[WorkKey, Work], tables: Mapping[tuple[str, int], TableWork]
) -> ModelRow:
    """The row with its counts; a benchmark table's, named as source, where it could not be counted here."""
    work = counted.get(key_of(row))
    row = replace(row, parameters=work.parameters if work else None)
    if work and work.macs is not None:
        return replace(row, gmacs=work.macs / 1e9, activations=work.activations, work_source=COUNTED)
    table = tables.get((row.architecture, row.height)) if row.height == row.width else None
    if table is None:
        return row
    return replace(row, gmacs=table.gmacs, activations=round(table.activations), work_source=table.source)


def sources(models: Iterable[ModelRow], published: Iterable[PublishedRow]) -> list[SourceRow]:
    """A description of every source that the two tables name, and of the registry, sorted by key."""
    import timm
    import torch

    used = {row.source for row in published} | {row.work_source for row in models if row.work_source}
    own = {
        REGISTRY: SourceRow(
            REGISTRY,
            "timm, pretrained configurations",
            "Names, tags, families, native sizes, classes and licences of the pretrained models",
            f"timm {timm.__version__}",
            "",
            "apache-2.0",
        ),
        COUNTED: SourceRow(
            COUNTED,
            "selector, counted on the meta device",
            "Parameters, multiply-accumulates and activations of one image at the native size",
            f"timm {timm.__version__}, torch {torch.__version__.partition('+')[0]}",
            "",
            "apache-2.0",
        ),
    }
    for key in used - own.keys():
        file = key.removeprefix("timm-") + ".csv"
        named = next((name for name, table in RESULT_TABLES.items() if table == file), None)
        what = f"Top-1 and top-5 on {TEST_SETS[named]}" if named else "Work of one image"
        title = f"timm results/{file}"
        own[key] = SourceRow(key, title, what, f"commit {TABLES_COMMIT}", TABLES_DATE, "apache-2.0")
    return [own[key] for key in sorted(own)]


def write_csv(path: Path, row_type: type, rows: Iterable[ModelRow | PublishedRow | SourceRow]) -> None:
    """Writes the rows under their field names, None as an empty cell, floats in their shortest form."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(row_type)])
        writer.writerows(astuple(row) for row in rows)


def agreement(models: Iterable[ModelRow], tables: Mapping[tuple[str, int], TableWork]) -> str:
    """How far the own counts are from the tables' ones, over the distinct networks that both have."""
    differences: dict[tuple[str, int], tuple[float, float]] = {}
    for row in models:
        table = tables.get((row.architecture, row.height)) if row.height == row.width else None
        if table and row.work_source == COUNTED and row.gmacs is not None and row.activations is not None:
            gmacs = abs(row.gmacs / table.gmacs - 1)
            differences[row.architecture, row.height] = (gmacs, abs(row.activations / table.activations - 1))
    lines = [f"{len(differences)} networks (architecture, size) in common with the benchmark tables"]
    for place, what in enumerate(("multiply-accumulates", "activations")):
        values = [pair[place] for pair in differences.values()]
        near = sum(value <= 0.05 for value in values) / max(len(values), 1)
        median = statistics.median(values) if values else float("nan")
        lines.append(f"{what}: median relative difference {median:.3%}, within 5 % for {near:.1%}")
    return "\n".join(lines)


def main() -> None:
    """Reads, counts, writes, and prints how the own counts agree with the published ones."""
    parser = argparse.ArgumentParser(description="Builds data/models.csv, published.csv and sources.csv.")
    parser.add_argument("--published", type=Path, required=True, metavar="FOLDER", help="timm's result tables")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, metavar="FOLDER", help="where to write")
    parser.add_argument("--jobs", type=int, default=2, help="processes that count (default 2)")
    parser.add_argument(
        "--limit", type=float, default=60, metavar="SECONDS", help="processor time for one network (default 60)"
    )
    arguments = parser.parse_args()

    published = read_published(arguments.published)
    tables = read_work(arguments.published)
    registry = read_registry()
    unknown = {row.model for row in published} - {row.name for row in registry}
    if unknown:
        print(f"not in the installed timm, left out: {', '.join(sorted(unknown))}", file=sys.stderr)
        published = [row for row in published if row.model not in unknown]
    counted = count_all(registry, arguments.jobs, arguments.limit)
    models = [with_work(row, counted, tables) for row in registry]

    write_csv(arguments.output / "models.csv", ModelRow, models)
    write_csv(arguments.output / "published.csv", PublishedRow, published)
    write_csv(arguments.output / "sources.csv", SourceRow, sources(models, published))
    print(f"{len(models)} models, {len(published)} published figures")
    print(agreement(models, tables))


if __name__ == "__main__":
    main()
