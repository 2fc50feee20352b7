from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from selector.decision.ranking import MISSING, Criterion, Entry, Span, group_sizes, rank
from selector.metrics import MetricValue, NotObserved

FAST = Criterion("latency_p50", "lower")
TAIL = Criterion("latency_p95", "lower")
ACCURATE = Criterion("accuracy_top1", "higher")
SMALL = Criterion("parameters", "lower")


def noisy(value: float, half_width: float) -> MetricValue:
    return MetricValue(value, value - half_width, value + half_width, 0.95)


def entry(name: str, **figures: MetricValue | float | None) -> Entry:
    results = {
        key: NotObserved("no figure")
        if figure is None
        else MetricValue(figure)
        if isinstance(figure, float)
        else figure
        for key, figure in figures.items()
    }
    return Entry(name, results)


def order(entries, *criteria):
    ranking = rank(entries, criteria)
    return [one.id for one in ranking.entries], [tie for tie in dict.fromkeys(ranking.ties) if len(tie) > 1]


spans = st.lists(
    st.tuples(st.floats(0, 10), st.floats(0, 3), st.booleans()).map(
        lambda drawn: (
            MISSING if drawn[2] and drawn[0] > 9 else Span(drawn[0], drawn[0] + drawn[1] / 2, sum(drawn[:2]))
        )
    )
    | st.sampled_from([1.0, 2.0, 3.0]).map(lambda value: Span(value, value, value)),
    max_size=25,
)


@given(spans)
def test_groups_are_what_their_definition_says(drawn):
    """The definition, in quadratic time: again and again, all whom nobody of the remaining beats."""
    remaining, expected = sorted(drawn), []
    while remaining:
        best = [one for one in remaining if not any(other.beats(one) for other in remaining)]
        best = [one for one in best if one != MISSING] or best
        expected.append(len(best))
        remaining = [one for one in remaining if one not in best]
    assert group_sizes(sorted(drawn)) == expected


@given(spans)
def test_the_spans_of_a_group_share_a_point(drawn):
    ordered, start = sorted(drawn), 0
    for size in group_sizes(ordered):
        group = ordered[start : start + size]
        assert max(one.low for one in group) <= min(one.high for one in group)
        start += size


def test_an_exact_objective_parts_by_the_smallest_difference():
    entries = [entry("a", accuracy_top1=0.79), entry("b", accuracy_top1=0.7901)]
    assert order(entries, ACCURATE) == (["b", "a"], [])


def test_equal_published_figures_parted_by_speed_beyond_noise_are_no_tie():
    entries = [
        entry("a", accuracy_top1=0.8, latency_p50=noisy(12, 0.5)),
        entry("b", accuracy_top1=0.8, latency_p50=noisy(10, 0.5)),
    ]
    assert order(entries, ACCURATE, FAST) == (["b", "a"], [])


def test_equal_figures_parted_by_an_exact_preference_are_no_tie():
    entries = [
        entry("a", accuracy_top1=0.8, parameters=30e6),
        entry("b", accuracy_top1=0.8, parameters=20e6),
    ]
    assert order(entries, ACCURATE, SMALL) == (["b", "a"], [])


def test_what_noise_leaves_open_and_a_preference_orders_is_a_tie():
    entries = [
        entry("a", accuracy_top1=0.8, latency_p50=noisy(10, 0.5), parameters=30e6),
        entry("b", accuracy_top1=0.8, latency_p50=noisy(10.2, 0.5), parameters=20e6),
        entry("c", accuracy_top1=0.8, latency_p50=noisy(12, 0.5), parameters=1e6),
    ]
    assert order(entries, ACCURATE, FAST, SMALL) == (["b", "a", "c"], [("b", "a")])


def test_what_noise_leaves_open_and_a_measured_preference_parts_is_no_tie():
    entries = [
        entry("a", latency_p50=noisy(10, 0.5), latency_p95=noisy(20, 1)),
        entry("b", latency_p50=noisy(10.2, 0.5), latency_p95=noisy(12, 1)),
    ]
    assert order(entries, FAST, TAIL) == (["b", "a"], [])


def test_what_nothing_parts_is_a_tie_in_order_of_names():
    entries = [entry(name, accuracy_top1=0.8, latency_p50=noisy(10, 0.5)) for name in "bca"]
    assert order(entries, ACCURATE, FAST) == (["a", "b", "c"], [("a", "b", "c")])


def test_a_wide_interval_does_not_let_a_preference_lift_who_is_beaten_beyond_noise():
    """`wide` overlaps with both others, but `fast` beats `small`: being tied is not handed on."""
    entries = [
        entry("wide", latency_p50=noisy(10, 2.5), parameters=30e6),
        entry("fast", latency_p50=noisy(10.5, 0.1), parameters=20e6),
        entry("small", latency_p50=noisy(11.9, 0.1), parameters=1e6),
    ]
    assert order(entries, FAST, SMALL) == (["fast", "wide", "small"], [("fast", "wide")])


def test_intervals_that_touch_are_not_told_apart():
    entries = [entry("a", latency_p50=noisy(11, 1)), entry("b", latency_p50=noisy(9, 1))]
    assert order(entries, FAST) == (["a", "b"], [("a", "b")])


def test_a_missing_preference_stands_behind_every_figure():
    entries = [
        entry("a", accuracy_top1=0.8, latency_p50=None),
        entry("b", accuracy_top1=0.8, latency_p50=noisy(99, 1)),
    ]
    assert order(entries, ACCURATE, FAST) == (["b", "a"], [])


def test_an_interval_with_one_end_is_unbounded_on_the_other():
    entries = [
        entry("a", latency_p50=MetricValue(10.0, low=9.0)),
        entry("b", latency_p50=noisy(11, 0.5)),
        entry("c", latency_p50=None),
    ]
    assert order(entries, FAST) == (["a", "b", "c"], [("a", "b")])


def test_no_entries_make_an_empty_ranking():
    assert rank([], (FAST,)).entries == ()
