"""What the command line prints of a decision, plain and rich."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support.sample_decisions import NAMES, sample_decision

from selector.reports import Context
from selector.reports.content import Cell, Column, Table
from selector.reports.terminal import ROWS, fit, print_rich, render_text, summarize, table_lines

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "M", "Z"]), max_size=40)


def _table(rows: list[tuple[str, str, str]]) -> Table:
    columns = (
        Column("rank", "#"),
        Column("model", "model", numeric=False),
        Column("way", "way", numeric=False),
        *(Column(f"m{number}", f"metric {number}", "ms") for number in range(6)),
    )
    return Table(columns, tuple((Cell("1"), Cell(a), Cell(b), *(Cell(c) for _ in range(6))) for a, b, c in rows))


@given(st.lists(st.tuples(WORDS, WORDS, st.just("1,040 ±0.5")), min_size=1, max_size=4), st.integers(0, 200))
def test_a_fitted_table_keeps_its_first_columns_and_the_width(rows: list[tuple[str, str, str]], width: int) -> None:
    fitted = fit(_table(rows), width)
    assert [column.key for column in fitted.columns[:3]] == ["rank", "model", "way"]
    assert len(fitted.columns) >= 5
    if width >= 80:
        assert all(len(line) <= width for line in table_lines(fitted))
    assert fit(_table(rows), None) == _table(rows)


def test_wide_characters_keep_the_columns_straight() -> None:
    lines = table_lines(_table([("모델", "way", "1"), ("model", "way", "1")]))
    assert lines[1].index("way") == lines[2].index("way") - 2  # two characters take four columns


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [None, 80])
def test_no_text_of_others_controls_the_terminal(name: str, width: int | None) -> None:
    text = render_text(sample_decision(name), width)
    assert not [character for character in text if character < " " and character != "\n"]
    assert "\u202e" not in text
    assert text.endswith("\n")


@pytest.mark.parametrize("name", NAMES)
def test_rich_prints_the_same_words(name: str) -> None:
    plainly = Console(file=io.StringIO(), width=10_000, color_system=None)
    print_rich(sample_decision(name), plainly)
    printed = " ".join(plainly.file.getvalue().split())  # type: ignore[attr-defined]
    assert printed == " ".join(render_text(sample_decision(name)).split())


def test_rich_colours_and_fits() -> None:
    console = Console(file=io.StringIO(), width=90, force_terminal=True, color_system="standard")
    print_rich(sample_decision("cloud"), console)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[" in written
    assert "[bold]" not in written


def test_the_summary_of_a_choice() -> None:
    decision = sample_decision("quickstart")
    summary = summarize(decision, Context(profile="profiles/quickstart.yaml"))
    assert decision.winner is not None
    assert summary.opening.startswith(
        "quickstart on AMD EPYC 9B14 (2 cores) · 10 models × 9 ways = 90 candidates, 9 excl"
    )
    assert summary.winner == " @ ".join(decision.winner.id.split("@"))
    assert len(summary.table.rows) == ROWS
    assert summary.more == len(decision.ranked) - ROWS
    assert "61 of 63 measured in 3 min 12 s; the time budget was used up." in summary.verdict[1]
    headings = [column.heading for column in summary.table.columns]
    assert headings[:5] == ["#", "model", "way", "top-1 %", "p95 ms"]
    assert summary.rest[0].startswith("9 rejected: top-1 ≤ 70 % (nearest: mobilenetv3_small_100.lamb_in1k @ ")
    assert summary.rest[-3] == (
        "1 failed: export_failed, e.g. levit_128s.fb_dist_in1k @ onnxruntime "
        "(the exporter does not know aten::_native_batch_norm_legit)"
    )
    assert summary.rest[-1] == "2 not measured: the time budget of 3 min 30 s was used up first"
    assert summary.relaxations == ()
    assert summary.next[0].startswith("selector explain profiles/quickstart.yaml ")


def test_the_summary_without_a_choice_says_what_to_relax() -> None:
    summary = summarize(sample_decision("no_choice"))
    assert summary.winner == ""
    assert summary.verdict[0].startswith("No candidate is feasible on ")
    assert len(summary.relaxations) == 3
    assert all(": relax " in line for line in summary.relaxations)
    assert summary.table.rows[0][0].text == ""


def test_counts_of_each_status_are_those_of_the_decision() -> None:
    decision = sample_decision("cloud")
    rest = summarize(decision).rest
    told = {line.split(":")[0].split(" ", 1)[1]: int(line.split(" ")[0].replace(",", "")) for line in rest}
    wanted = {"rejected": decision.rejected, "undecided": decision.undecided, "failed": decision.failed}
    for status, members in wanted.items():
        assert told[status] == len(members) > 0
