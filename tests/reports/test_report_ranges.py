"""The sensitivity figure: its edges are those of `sensitivities`, in order, each on its own scale."""

from __future__ import annotations

import json

import pytest
from support.sample_decisions import NAMES, sample_decision

from selector.decision.sensitivity import sensitivities
from selector.reports.drawing_times import draw_ranges
from selector.reports.ranges import stay_ranges


@pytest.mark.parametrize("name", NAMES)
def test_there_is_a_row_for_every_limit(name: str) -> None:
    decision = sample_decision(name)
    rows = stay_ranges(decision)
    assert [row.key for row in rows] == [one.key for one in sensitivities(decision)]
    for row in rows:
        assert 0 <= row.low <= row.asked <= row.high <= 1


def test_both_edges_stand_where_the_choice_changes() -> None:
    row = stay_ranges(sample_decision("cloud"))[0]
    assert (row.title, row.asked_text) == ("p95 <", "50 ms")
    assert (row.low_text, row.high_text) == ("39.5 ms", "56.4 ms")
    assert (row.asked - row.low) / (row.high - row.low) == pytest.approx((50 - 39.5) / (56.4 - 39.5), abs=0.01)
    assert row.below.startswith("p95 at 39.3 ms instead of 50 ms: swinv2_base")
    assert row.above.startswith("p95 at 56.7 ms instead of 50 ms: swin_large")


def test_a_side_without_edge_reaches_the_border() -> None:
    rows = {row.key: row for row in stay_ranges(sample_decision("cloud"))}
    floor, ceiling = rows["accuracy_top1"], rows["memory_peak"]
    assert (floor.low, floor.low_text, floor.high_text) == (0.0, "", "86.3 %")
    assert floor.below == "the choice stays"
    assert floor.above == "top-1 at 86.7 % instead of 85 %: nothing that is measured is feasible"
    assert (ceiling.high, ceiling.high_text, ceiling.low_text) == (1.0, "", "3.1 GiB")
    assert ceiling.title == "memory peak ≤"


def test_without_a_winner_there_is_nothing_to_move() -> None:
    assert stay_ranges(sample_decision("no_choice")) == ()
    assert stay_ranges(sample_decision("no_candidates")) == ()


def test_the_drawing_says_every_range() -> None:
    chart = draw_ranges(stay_ranges(sample_decision("cloud"))).to_dict()
    assert "p95 < 50 ms: 39.5 ms to 56.4 ms" in chart["description"]
    assert "memory peak ≤ 16 GiB: 3.1 GiB to no upper end" in chart["description"]
    assert json.loads(json.dumps(chart, allow_nan=False)) == chart
