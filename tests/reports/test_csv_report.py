"""The CSV report: a row per candidate, figures with all digits, text that stays text."""

from __future__ import annotations

import csv
import io
import math

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import make_evidence, make_measurement, make_planned, make_profile
from support.sample_decisions import NAMES, sample_decision

from selector.decision import decide
from selector.metrics import MetricValue
from selector.reports import render
from selector.reports.csv_report import cell

FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1+1", "\r\n=1+1", "＝1+1", "%0A=1", "|x")


@pytest.mark.parametrize("name", NAMES)
def test_pandas_loads_every_candidate_in_one_line(name: str) -> None:
    decision = sample_decision(name)
    frame = pandas.read_csv(io.StringIO(render(decision, "csv")))
    assert len(frame) == len(decision.assessments)
    assert list(frame["status"]) == [one.status.value for one in decision.assessments]


def test_figures_are_numbers_in_base_units_with_all_their_digits() -> None:
    decision = sample_decision("cloud")
    frame = pandas.read_csv(io.StringIO(render(decision, "csv"))).set_index("id")
    for one in decision.ranked:
        row = frame.loc[one.id]
        figure = one.metrics["latency_p95"]
        assert isinstance(figure, MetricValue)
        assert (row["latency_p95"], row["latency_p95_low"]) == (figure.value, figure.low)
        assert row["latency_p95_verdict"] == "holds"
        assert row["rank"] == one.rank


def test_what_is_not_known_is_empty() -> None:
    (first, *_) = csv.DictReader(io.StringIO(render(sample_decision("nothing_measured"), "csv")))
    assert first["latency_p95"] == first["rank"] == first["outcome"] == first["run_id"] == ""
    assert first["latency_p95_verdict"] == "undecided"


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_spreadsheet_calculates_text(formula: str) -> None:
    planned = make_planned(f"{formula}.a1_in1k", family=formula, license=formula)
    decision = decide(make_profile(), make_evidence([(planned, make_measurement(planned.candidate))]))
    (row,) = csv.DictReader(io.StringIO(render(decision, "csv")))
    for column in ("id", "model", "family", "license"):
        assert row[column].startswith("'")


@given(st.text())
def test_any_text_is_one_line_and_no_formula(text: str) -> None:
    shown = cell(text)
    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert len(shown.splitlines()) <= 1
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow([shown, "1"])
    assert list(csv.reader(io.StringIO(written.getvalue()))) == [[shown, "1"]]


def test_numbers_survive_the_way_there_and_back() -> None:
    decision = sample_decision("quickstart")
    for row, one in zip(csv.DictReader(io.StringIO(render(decision, "csv"))), decision.assessments, strict=True):
        for key, result in one.metrics.items():
            if isinstance(result, MetricValue) and math.isfinite(result.value):
                assert float(row[key]) == result.value
