"""The pure parts of the script that builds the tables, on tables small enough to check by eye."""

from __future__ import annotations

import csv
import importlib.util
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.catalog.work import Work
from selector.resources import folder

RESULTS = """\
model,img_size,top1,top1_err,top5,top5_err,param_count,crop_pct,interpolation
eva_giant.m30m_ft_in22k_in1k,560,89.790,10.210,98.990,1.010,"1,014.45",1.000,bicubic
resnet50.a1_in1k,288,81.240,18.760,,4.888,25.56,1.000,bicubic
resnet50.a1_in1k,224,80.382,19.618,94.598,5.402,25.56,0.950,bicubic
"""
HEADER = (
    "model,infer_img_size,infer_samples_per_sec,infer_step_time,infer_batch_size,"
    "param_count,infer_gmacs,infer_macts\n"
)


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("catalog_build", folder("data") / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def row(build: ModuleType, **values: object) -> object:
    given_: dict[str, object] = {
        "name": "resnet50.a1_in1k", "architecture": "resnet50", "tag": "a1_in1k", "default": 1, "family": "resnet",
        "height": 288, "width": 288, "num_classes": 1000, "parameters": None, "gmacs": None, "activations": None,
        "work_source": "", "license": "apache-2.0", "pretraining": "",
    }  # fmt: skip
    return build.ModelRow(**(given_ | values))


def write_tables(build: ModuleType, folder_: Path) -> None:
    """The tables of all test sets, without a row."""
    for file in build.RESULT_TABLES.values():
        (folder_ / file).write_text(RESULTS.splitlines(keepends=True)[0])


def test_figures_of_all_test_sets_stand_side_by_side(build, tmp_path):
    write_tables(build, tmp_path)
    (tmp_path / "results-imagenet.csv").write_text(RESULTS)
    (tmp_path / "results-sketch.csv").write_text(RESULTS.replace("80.382", "30.1"))
    rows = {(row.dataset, row.model, row.height): row for row in build.read_published(tmp_path)}
    assert len(rows) == 6
    assert rows["imagenet-sketch", "resnet50.a1_in1k", 224].top1 == "0.301"
    assert rows["imagenet-sketch", "resnet50.a1_in1k", 224].source == "timm-results-sketch"
    assert rows["imagenet-1k", "resnet50.a1_in1k", 224].top1 == "0.80382"


def test_figures_become_fractions_in_order_with_empty_cells_kept(build, tmp_path):
    write_tables(build, tmp_path)
    (tmp_path / "results-imagenet.csv").write_text(RESULTS)
    source = "timm-results-imagenet"
    assert build.read_published(tmp_path) == [
        build.PublishedRow("eva_giant.m30m_ft_in22k_in1k", "imagenet-1k", 560, 560, "0.8979", "0.9899", "1", source),
        build.PublishedRow("resnet50.a1_in1k", "imagenet-1k", 224, 224, "0.80382", "0.94598", "0.95", source),
        build.PublishedRow("resnet50.a1_in1k", "imagenet-1k", 288, 288, "0.8124", "", "1", source),
    ]


def test_a_model_twice_at_one_size_is_an_error(build, tmp_path):
    write_tables(build, tmp_path)
    (tmp_path / "results-imagenet.csv").write_text(RESULTS + RESULTS.splitlines()[2] + "\n")
    with pytest.raises(ValueError, match="stands twice at 288"):
        build.read_published(tmp_path)


@pytest.mark.parametrize(("cell", "value"), [("1,014.45", 1014.45), ("25.56", 25.56), ("", None), (" ", None)])
def test_numbers_may_have_a_thousands_comma_or_be_absent(build, cell, value):
    assert build.number(cell) == value


@given(st.integers(0, 100_000))
def test_fractions_are_exact_and_shortest(build, thousandths):
    text = build.fraction(f"{thousandths / 1000:.3f}")
    assert Decimal(text) == Decimal(thousandths) / 100_000
    assert text == "0" or not text.endswith("0")
    assert "E" not in text


@pytest.mark.parametrize("percent", ["100.001", "-0.1"])
def test_what_is_no_percentage_is_an_error(build, percent):
    with pytest.raises(ValueError, match="no percentage"):
        build.fraction(percent)


def test_the_newest_table_wins_and_rows_without_counts_are_passed_over(build, tmp_path):
    older = tmp_path / "benchmark-infer-amp-nchw-pt240-cu124-rtx3090.csv"
    older.write_text(HEADER + 'resnet50,288,1,1,1,25.56,6.9,18.3\nvit_giant,224,1,1,1,"1,014.45","1,200.5",2000\n')
    newest = tmp_path / build.NEWEST_BENCHMARK
    newest.write_text(HEADER + "resnet50.a1_in1k,288,1,1,1,25.56,6.8,18.37\nvit_giant,224,1,1,1,,,\n")
    work = build.read_work(tmp_path)
    assert work["resnet50", 288] == build.TableWork(6.8, 18.37e6, f"timm-{newest.stem}")
    assert work["vit_giant", 224] == build.TableWork(1200.5, 2000e6, f"timm-{older.stem}")


@pytest.mark.parametrize(
    ("stated", "kept"),
    [("Apache-2.0", "apache-2.0"), ("mit", "mit"), (None, ""), ("", ""), ("unknown", ""), (" MIT ", "mit")],
)
def test_licences_are_normalised_never_invented(build, stated, kept):
    assert build.normal_license(stated) == kept


@pytest.mark.parametrize(
    ("tag", "classes", "data"),
    [
        ("a1_in1k", 1000, ""),
        ("augreg2_in21k_ft_in1k", 1000, "in21k"),
        ("fb_in22k_ft_in1k_384", 1000, "in22k"),
        ("clip_laion2b_soup_ft_in12k_in1k_320", 1000, "laion2b+in12k"),
        ("mim_in22k_ft_in22k_in1k", 1000, "in22k"),
        ("mim_m38m_ft_in22k_in1k", 1000, "m38m+in22k"),
        ("fb_swsl_ig1b_ft_in1k", 1000, "ig1b"),
        ("openai_ft_in12k_in1k", 1000, "openai+in12k"),
        ("mae", 0, ""),
        ("lvd142m", 0, "lvd142m"),
        ("laion400m_e32", 512, "laion400m"),
        ("metaclip_400m", 512, "metaclip_400m"),
        ("ms_in22k", 21841, "in22k"),
        ("seer_ft_in1k", 1000, "seer"),
    ],
)
def test_pretraining_is_what_the_tag_names_before_the_last_step(build, tag, classes, data):
    assert build.pretraining(tag, classes) == data


def test_own_counts_come_first_then_a_named_table_then_nothing(build):
    tables = {("resnet50", 288): build.TableWork(6.8, 18.37e6, "timm-table")}
    key = build.WorkKey("resnet50", (288, 288), 1000)
    bare = row(build)
    assert build.with_work(bare, {key: Work(25, 6_758_334_464, 18_372_096)}, tables) == row(
        build, parameters=25, gmacs=6.758334464, activations=18_372_096, work_source="selector-count"
    )
    assert build.with_work(bare, {key: Work(25, None, None)}, tables) == row(
        build, parameters=25, gmacs=6.8, activations=18_370_000, work_source="timm-table"
    )
    assert build.with_work(bare, {}, {}) == bare
    tall = row(build, width=224)
    assert build.with_work(tall, {}, tables) == tall


def test_agreement_is_taken_over_own_counts_only(build):
    tables = {("resnet50", 288): build.TableWork(8.0, 20e6, "timm-table"), ("vit", 224): build.TableWork(1, 1, "t")}
    own = row(build, gmacs=6.0, activations=22_000_000, work_source="selector-count")
    borrowed = row(build, architecture="vit", height=224, width=224, gmacs=9, activations=9, work_source="t")
    text = build.agreement([own, own, borrowed], tables)
    assert "1 networks" in text
    assert "multiply-accumulates: median relative difference 25.000%" in text
    assert "activations: median relative difference 10.000%" in text


def test_written_tables_are_the_same_bytes_and_read_back(build, tmp_path):
    rows = [row(build, parameters=5, gmacs=0.1), row(build, name='z,"quoted".x')]
    for name in ("a.csv", "b.csv"):
        build.write_csv(tmp_path / name, build.ModelRow, rows)
    written = (tmp_path / "a.csv").read_bytes()
    assert written == (tmp_path / "b.csv").read_bytes()
    assert b"\r" not in written
    first, second = csv.DictReader(written.decode().splitlines())
    assert (first["parameters"], first["gmacs"], first["activations"]) == ("5", "0.1", "")
    assert second["name"] == 'z,"quoted".x'


def test_the_shipped_tables_have_the_scripts_columns(build):
    for name, row_type in (("models", "ModelRow"), ("published", "PublishedRow"), ("sources", "SourceRow")):
        with (folder("data") / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            assert next(csv.reader(file)) == list(getattr(build, row_type).__dataclass_fields__)
