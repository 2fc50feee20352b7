"""The tables that ship: whole, consistent, and what the upstream tables say."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from selector.catalog import load_catalog, published_top1
from selector.catalog.tables import read_catalog
from selector.errors import SelectorError
from selector.resources import folder


def rows(name: str) -> list[dict[str, str]]:
    with (folder("data") / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


MODELS = rows("models.csv")
PUBLISHED = rows("published.csv")
SOURCES = rows("sources.csv")


def test_every_pretrained_model_and_every_published_figure_is_there():
    assert len(MODELS) == 1826
    assert Counter(row["dataset"] for row in PUBLISHED) == dict.fromkeys(
        ("imagenet-1k", "imagenet-real", "imagenet-v2", "imagenet-a", "imagenet-r", "imagenet-sketch"), 1556
    )
    for dataset in ("imagenet-1k", "imagenet-r"):
        assert len({row["model"] for row in PUBLISHED if row["dataset"] == dataset}) == 1266


def test_names_are_unique_sorted_and_made_of_architecture_and_tag():
    names = [row["name"] for row in MODELS]
    assert names == sorted(set(names))
    assert all(row["name"] == f"{row['architecture']}.{row['tag']}" for row in MODELS)


def test_every_architecture_has_one_default():
    defaults = Counter(row["architecture"] for row in MODELS if row["default"] == "1")
    assert set(defaults) == {row["architecture"] for row in MODELS}
    assert set(defaults.values()) == {1}
    assert {row["default"] for row in MODELS} == {"0", "1"}


def test_every_published_row_names_a_model_once_with_fractions_in_range():
    known = {row["name"] for row in MODELS}
    keys = [(row["model"], row["dataset"], int(row["height"]), int(row["width"])) for row in PUBLISHED]
    assert keys == sorted(set(keys))
    for row in PUBLISHED:
        assert row["model"] in known
        assert 0 < float(row["top1"]) < float(row["top5"]) < 1
        assert 0.8 <= float(row["crop"]) <= 1.15  # above 1 the whole image is shown with a border (volo)


def test_every_figure_and_count_has_a_described_source():
    keys = [row["key"] for row in SOURCES]
    assert keys == sorted(set(keys))
    used = {row["source"] for row in PUBLISHED} | {row["work_source"] for row in MODELS} - {""}
    assert used <= set(keys)
    assert all(row["title"] and row["what"] and row["version"] and row["license"] for row in SOURCES)


def test_the_native_size_of_a_published_model_is_one_of_the_published_sizes():
    native = {row["name"]: (row["height"], row["width"]) for row in MODELS}
    sizes: dict[str, set[tuple[str, str]]] = {}
    for row in PUBLISHED:
        sizes.setdefault(row["model"], set()).add((row["height"], row["width"]))
    assert [name for name in sizes if native[name] not in sizes[name]] == []


def test_work_is_known_for_every_model_and_plausible():
    for row in MODELS:
        parameters, gmacs, activations = int(row["parameters"]), float(row["gmacs"]), int(row["activations"])
        assert 200_000 < parameters < 20e9, row["name"]
        # No model computes less than a tenth of a multiply-accumulate a weight, none puts out more than it computes.
        assert gmacs * 1e9 > 0.1 * parameters, row["name"]
        assert 0 < activations < gmacs * 1e9, row["name"]


def test_licenses_are_lower_case_identifiers_or_unstated():
    assert {row["license"] for row in MODELS if not re.fullmatch(r"[a-z0-9.-]+", row["license"])} <= {""}
    assert "unknown" not in {row["license"] for row in MODELS}


def test_numbers_stand_in_their_shortest_form():
    for row in PUBLISHED:
        assert all(repr(float(row[column])) == row[column] for column in ("top1", "top5") if "e" not in row[column])
    assert all(repr(float(row["gmacs"])) == row["gmacs"] for row in MODELS)
    assert all(b"\r" not in path.read_bytes() for path in folder("data").glob("*.csv"))


@pytest.mark.parametrize(
    ("name", "size", "top1", "top5"),
    [
        ("vit_base_patch16_224.augreg2_in21k_ft_in1k", 224, 0.85108, 0.9753),
        ("resnet50.a1_in1k", 224, 0.80382, 0.94598),
        ("resnet50.a1_in1k", 288, 0.8124, 0.95112),
        ("efficientnet_lite0.ra_in1k", 224, 0.75488, 0.92508),
        ("eva_giant_patch14_560.m30m_ft_in22k_in1k", 560, 0.8979, 0.9899),
    ],
)
def test_published_figures_are_those_of_the_upstream_table(name, size, top1, top5):
    figures = {one.dataset: one for one in load_catalog().facts(name).published if one.image_size == (size, size)}
    figure = figures["imagenet-1k"]
    assert (figure.top1, figure.top5) == (top1, top5)
    assert figure.source == "timm results/results-imagenet.csv, commit aa4b5850, 2026-08-08"


@pytest.mark.parametrize(
    ("dataset", "top1", "top5", "table"),
    [
        ("imagenet-real", 0.91144, 0.98725, "results-imagenet-real.csv"),
        ("imagenet-v2", 0.8271, 0.9655, "results-imagenetv2-matched-frequency.csv"),
        ("imagenet-a", 0.88627, 0.9736, "results-imagenet-a.csv"),
        ("imagenet-r", 0.90243, 0.97177, "results-imagenet-r.csv"),
        ("imagenet-sketch", 0.70668, 0.89835, "results-sketch.csv"),
    ],
)
def test_published_figures_of_other_test_sets(dataset, top1, top5, table):
    facts = load_catalog().facts("eva02_large_patch14_448.mim_m38m_ft_in22k_in1k")
    (figure,) = [one for one in facts.published if one.dataset == dataset]
    assert (figure.top1, figure.top5) == (top1, top5)
    assert figure.source == f"timm results/{table}, commit aa4b5850, 2026-08-08"


@pytest.mark.parametrize(
    ("name", "family", "size", "parameters", "gmacs", "license_", "pretraining"),
    [
        ("resnet50.a1_in1k", "resnet", (288, 288), 25_557_032, 6.758334464, "apache-2.0", None),
        ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", "vit", (224, 224), 5_717_416, None, "apache-2.0", "in21k"),
        ("swin_tiny_patch4_window7_224.ms_in1k", "swin", (224, 224), 28_288_354, 4.490566656, "mit", None),
        ("convnext_base.fb_in22k_ft_in1k", "convnext", (288, 288), 88_591_464, None, "apache-2.0", "in22k"),
        ("vit_base_patch16_sapiens2.fb", "eva", (1024, 768), 113_993_472, None, "sapiens2-license", None),
    ],
)  # fmt: skip
def test_facts_of_known_models(name, family, size, parameters, gmacs, license_, pretraining):
    facts = load_catalog().facts(name)
    assert (facts.name, facts.family, facts.image_size, facts.parameters) == (name, family, size, parameters)
    assert gmacs is None or facts.gmacs == gmacs
    assert (facts.license, facts.pretraining) == (license_, pretraining)


def test_published_top1_is_that_of_the_native_size():
    facts = load_catalog().facts("resnet50.a1_in1k")
    assert facts.image_size == (288, 288)
    assert published_top1(facts) == 0.8124
    assert published_top1(facts, "imagenet-r") is not None


def test_the_catalog_is_read_once_and_without_torch():
    assert load_catalog() is load_catalog()
    code = (
        "import sys; from selector.catalog import load_catalog; load_catalog().facts('resnet18')\n"
        "print(*sorted({'torch', 'timm', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("damage", ["missing", "column", "number", "bytes", "source", "short row"])
def test_a_damaged_installation_is_said_so(tmp_path, damage):
    for name in ("models.csv", "published.csv", "sources.csv"):
        shutil.copy(folder("data") / name, tmp_path)
    models = tmp_path / "models.csv"
    text = models.read_text(encoding="utf-8")
    if damage == "missing":
        models.unlink()
    elif damage == "column":
        models.write_text(text.replace("parameters", "weights", 1), encoding="utf-8")
    elif damage == "number":
        models.write_text(text.replace(",224,224,1000,", ",224,many,1000,", 1), encoding="utf-8")
    elif damage == "bytes":
        models.write_bytes(text.encode()[:5000] + b"\xff\xfe")
    elif damage == "source":
        (tmp_path / "sources.csv").write_text("key,title,version,date\n", encoding="utf-8")
    else:
        models.write_text(text + "resnet999.in1k,resnet999\n", encoding="utf-8")
    with pytest.raises(SelectorError, match="install selector again"):
        read_catalog(tmp_path)
