"""Comparisons for people: what `selector compare` and `selector check` print. `comparison_json` has the same as data.

Text of others (names, versions, notes) is made harmless by `plain`; figures stand in people's units, ratios as
percent where they are near to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from selector.decision.comparing import CandidateComparison, Change, DecisionComparison, Pairing
from selector.decision.differences import CONFIDENCE, Basis, Difference
from selector.decision.records import Assessment, Decision
from selector.decision.regression import MOST_VISITS, Check, Finding, MetricCheck, Visit
from selector.metrics import MetricValue
from selector.quantities import format_points
from selector.reports.content import Cell, Column, Table, mentioned
from selector.reports.provenance import device_name
from selector.reports.terminal import table_lines
from selector.reports.text import plain, shorten
from selector.reports.values import MISSING, label, metric_of, observed, scale_for
from selector.types import Interval, Outcome

_BASES = {
    Basis.PAIRED: "timed in turn",
    Basis.INTERVALS: "two intervals",
    Basis.READINGS: "read once each",
    Basis.EXACT: "exact",
    Basis.SAME: "one measurement",
    Basis.MISSING: "",
}
_TIMES = 2.0
"""Ratio from which on it is told as so many times, not as percent."""
_LONGEST = 60
"""Characters of a name or value in a list of changes."""
_SHOWN = 10
"""Candidates of each kind that are listed unless all are asked for."""


def candidates_text(comparison: CandidateComparison, *, everything: bool = False) -> str:
    """Two candidates side by side.

    Args:
        comparison: The comparison.
        everything: Whether to show what is alike, too.
    """
    decision = comparison.decision
    shown = [one for one in comparison.differences if everything or not one.equal]
    run = decision.evidence.run_id
    where = f"run {plain(run)}" if run else "what the store holds"
    blocks = [
        [
            f"{plain(decision.profile.name)} on {device_name(decision.evidence.plan.environment)}, {where}",
            f"  A  {plain(comparison.first.id)}: {_standing(decision, comparison.first)}",
            f"  B  {plain(comparison.second.id)}: {_standing(decision, comparison.second)}",
        ],
        _difference_lines(shown, mentioned(decision.profile)),
        _verdict_lines(comparison.verdicts),
        _changes("what they are, A → B", comparison.identity),
        _changes("where they were measured, A → B", comparison.environment),
        [correction(comparison.comparisons)] if comparison.comparisons else [],
        [] if everything else _alike(comparison.differences),
    ]
    return _joined(blocks)


def decisions_text(comparison: DecisionComparison, names: tuple[str, str], *, everything: bool = False) -> str:
    """Two decisions side by side.

    Args:
        comparison: The comparison.
        names: What each side is: "run 2026…".
        everything: Whether to show what is alike, too.
    """
    sides = (comparison.first, comparison.second)
    blocks = [
        [
            f"  {letter}  {plain(name)}: {plain(one.profile.name)} on {device_name(one.evidence.plan.environment)}"
            for letter, name, one in zip("AB", names, sides, strict=True)
        ],
        [*_choices(comparison)],
        _moves(comparison, everything=everything),
        _figures(comparison, everything=everything),
        _verdicts_of(comparison, everything=everything),
        _changes("environment, A → B", comparison.environment, "the environment is the same"),
        _changes("profile, A → B", comparison.profile, "the profile is the same" if everything else ""),
        [correction(comparison.comparisons, comparison.sessions)] if comparison.comparisons else [],
    ]
    return _joined(blocks)


def check_text(check: Check, *, everything: bool = False) -> str:
    """What became of a choice that was measured again.

    Args:
        check: The check.
        everything: Whether to show every visit, not the last alone.
    """
    words = {Finding.HELD: "no worse", Finding.WORSE: "REGRESSION", Finding.UNKNOWN: "not proven"}
    shown = check.visits if everything else check.visits[-1:]
    comparisons = any(one.metrics for one in check.visits)
    allowed = f"; up to {_percent(check.tolerance)} worse is tolerated" if check.tolerance else ""
    blocks = [
        [
            f"{words[check.finding]}: {plain(check.candidate)}, the choice of run {plain(check.baseline)}, "
            f"{_because(check)}"
        ],
        *(_visit(number, one) for number, one in enumerate(check.visits, 1) if one in shown),
        _changes("environment, then → now", check.environment, "the environment is the same"),
        _changes("profile, then → now", check.asked),
        [correction(0, check.sessions) + allowed] if comparisons else [],
        [f"  the visits are run {plain(check.run_id)}; rankings do not count them"],
    ]
    return _joined(blocks)


def difference_text(one: Difference) -> str:
    """A difference with its interval: "+12.1 % (+7.0 to +17.5 %)", "2.04 times (1.91 to 2.18)", "+0.9 points"."""
    if one.basis is Basis.MISSING or one.gap is None:
        return MISSING
    if one.basis is Basis.SAME or (one.equal and one.basis is Basis.EXACT):
        return "the same"
    if one.ratio is not None:
        return _ratio(one.ratio, with_ends=one.basis is not Basis.EXACT)
    if metric_of(one.key).kind == "fraction":
        ends = f" ({_points(one.gap.low)} to {_points(one.gap.high)})" if one.basis is not Basis.EXACT else ""
        return _points(one.gap.value) + ends
    scale = scale_for(one.key, [one.gap.value])
    return f"{'+' if one.gap.value > 0 else ''}{scale.number(one.gap.value)} {scale.unit}".rstrip()


DIFFERENCE_COLUMNS = ("metric", "A", "B", "B against A", "by", "")
"""What stands above the rows of `difference_rows`."""


def difference_rows(differences: Sequence[Difference], first: Sequence[str] = ()) -> list[list[str]]:
    """Differences as rows of text below `DIFFERENCE_COLUMNS`.

    Args:
        differences: Of any metrics.
        first: Metrics that stand before the others.
    """
    order = {key: place for place, key in enumerate(first)}
    return [_row(one) for one in sorted(differences, key=lambda one: order.get(one.key, len(order)))]


def _difference_lines(differences: Sequence[Difference], first: Sequence[str] = ()) -> list[str]:
    if not differences:
        return ["  no metric differs"]
    return _table(DIFFERENCE_COLUMNS, difference_rows(differences, first), numeric=(1, 2))


def candidate_lines(decision: Decision, one: Assessment) -> str:
    """Where a candidate stands: "rank 2 of 17, tied with 1, 20 % to be the best"."""
    return _standing(decision, one)


def choice_lines(comparison: DecisionComparison) -> tuple[str, ...]:
    """What both sides of a comparison choose, a sentence each."""
    return tuple(line.strip() for line in _choices(comparison))


def moved_rows(comparison: DecisionComparison) -> list[list[str]]:
    """Candidates that stand elsewhere: id, place in A, place in B; those that are ranked on a side first."""
    moved = [one for one in comparison.pairings if one.moved]
    moved.sort(key=lambda one: all(rank is None for rank in one.rank))
    return [[plain(one.id), _where(one, 0), _where(one, 1)] for one in moved]


def figure_rows(comparison: DecisionComparison, *, everything: bool = False) -> list[list[str]]:
    """Figures that differ beyond the noise, or all: the candidate, then as `difference_rows`."""
    return [
        [plain(one.id), *_row(each)]
        for one in comparison.pairings
        for each in one.differences
        if everything or each.beyond_noise
    ]


def change_rows(changed: Sequence[Change]) -> list[list[str]]:
    """What is not the same: its name, in A, in B."""
    return [[plain(one.name), _value(one.first), _value(one.second)] for one in changed]


def _row(one: Difference) -> list[str]:
    scale = scale_for(
        one.key, [figure.value for figure in (one.first, one.second) if isinstance(figure, MetricValue)]
    )
    figures = []
    for result in (one.first, one.second):
        figure = observed(result)
        figures.append(MISSING if figure is None else scale.with_margin(figure))
    unit = f" ({scale.unit})" if scale.unit else ""
    return [f"{label(one.key)}{unit}", *figures, difference_text(one), _BASES[one.basis], _told(one)]


def _told(one: Difference) -> str:
    if one.basis is Basis.MISSING:
        reasons = [plain(result.reason) for result in (one.first, one.second) if not isinstance(result, MetricValue)]
        return shorten("; ".join(dict.fromkeys(reasons)), 2 * _LONGEST)
    if one.better is not None:
        return f"{'A' if one.better == 'first' else 'B'} is better"
    return "" if one.basis in (Basis.SAME, Basis.EXACT) else "within noise"


def _standing(decision: Decision, one: Assessment) -> str:
    if one.rank is None:
        stage = f" ({plain(one.reasons[0])})" if one.reasons else ""
        return shorten(f"{one.status.value.replace('_', ' ')}{stage}", 3 * _LONGEST)
    place = "the choice" if one.rank == 1 else f"rank {one.rank} of {len(decision.ranked)}"
    tied = f", tied with {len(one.tied_with)}" if one.tied_with else ""
    return f"{place}{tied}, {100 * decision.chances.get(one.id, 0.0):.0f} % to be the best"


def _verdict_lines(verdicts: Any) -> list[str]:
    if not verdicts:
        return []
    lines = [f"    {key}: {first.value} for A, {second.value} for B" for key, (first, second) in verdicts.items()]
    return ["  requirements that end otherwise", *map(plain_indented, lines)]


def plain_indented(line: str) -> str:
    """A harmless line that keeps its indentation."""
    return " " * (len(line) - len(line.lstrip(" "))) + plain(line)


def _choices(comparison: DecisionComparison) -> Iterable[str]:
    first, second = comparison.winners
    if comparison.same_choice:
        yield f"  both choose {plain(first.id)}" if first is not None else "  neither has a choice"
        return
    for letter, one, decision in (("A", first, comparison.first), ("B", second, comparison.second)):
        yield (
            f"  {letter} chooses {plain(one.id)}"
            if one is not None
            else f"  {letter} has no choice: {plain(decision.headline)}"
        )
    if comparison.within_ties:
        yield "  each holds the two for tied, so the change of choice is no more than noise"
    for letter, one, other in (("A", first, comparison.second), ("B", second, comparison.first)):
        if one is not None:
            yield f"  the choice of {letter} is {_elsewhere(one, other)} in {'B' if letter == 'A' else 'A'}"


def _elsewhere(one: Assessment, other: Decision) -> str:
    found = next((each for each in other.assessments if each.id == one.id), None)
    return "not considered" if found is None else _standing(other, found)


def _moves(comparison: DecisionComparison, *, everything: bool) -> list[str]:
    moved = [one for one in comparison.pairings if one.moved and any(rank is not None for rank in one.rank)]
    others = [one for one in comparison.pairings if one.moved and one not in moved]
    if not moved and not others:
        return ["  every candidate stands where it stood"] if comparison.pairings else []
    rows = [[plain(one.id), _where(one, 0), _where(one, 1)] for one in (*moved, *others)]
    shown = rows if everything else rows[:_SHOWN]
    lines = ["  what moved", *_table(("candidate", "A", "B"), shown, indent=4)]
    return [*lines, *_more(len(rows) - len(shown))]


def _where(one: Pairing, side: int) -> str:
    status, rank = one.status[side], one.rank[side]
    if status is None:
        return "not considered"
    return f"rank {rank}" if rank is not None else status.value.replace("_", " ")


def _figures(comparison: DecisionComparison, *, everything: bool) -> list[str]:
    told = [(one, each) for one in comparison.pairings for each in one.differences if everything or each.beyond_noise]
    measured = sum(bool(one.differences) for one in comparison.pairings)
    if not told:
        return (
            [f"  no figure of the {measured:,} candidates that both measured differs beyond the noise"]
            if measured
            else []
        )
    asked = {*mentioned(comparison.first.profile), *mentioned(comparison.second.profile)}
    kept = [pair for pair in told if everything or pair[1].key in asked] or told
    rows = [[plain(one.id), *_row(each)] for one, each in kept]
    shown = rows if everything else rows[: 2 * _SHOWN]
    columns = ("candidate", "metric", "A", "B", "B against A", "by", "")
    title = "  figures" if everything else "  figures that differ beyond the noise"
    return [title, *_table(columns, shown, numeric=(2, 3), indent=4), *_more(len(told) - len(shown))]


def _verdicts_of(comparison: DecisionComparison, *, everything: bool) -> list[str]:
    rows = [
        [plain(one.id), plain(key), first.value, second.value]
        for one in comparison.pairings
        for key, (first, second) in (one.verdicts or {}).items()
    ]
    if not rows:
        return []
    shown = rows if everything else rows[:_SHOWN]
    lines = _table(("candidate", "requirement", "A", "B"), shown, indent=4)
    return ["  requirements that end otherwise", *lines, *_more(len(rows) - len(shown))]


def _visit(number: int, visit: Visit) -> list[str]:
    if visit.outcome is not Outcome.OK:
        message = f": {plain(visit.message)}" if visit.message else ""
        return [f"  visit {number}: {visit.outcome.value}{message}"]
    rows = [[*_row(one.difference)[:-1], _found(one)] for one in visit.metrics]
    return [
        f"  visit {number}",
        *_table(("metric", "then", "now", "now against then", "by", ""), rows, (1, 2), indent=4),
    ]


def _found(one: MetricCheck) -> str:
    if one.requirement_lost:
        return "its requirement held and fails now"
    if one.finding is Finding.UNKNOWN:
        return _told(one.difference)
    better = one.difference.better == "second"
    return "worse" if one.finding is Finding.WORSE else "better" if better else "no worse"


def _because(check: Check) -> str:
    last, count = check.visits[-1], len(check.visits)
    visits = f"{count} visit{'s' if count > 1 else ''}"
    if check.finding is Finding.HELD:
        return f"in {visits}" if count == 1 else f"as the last of {visits} shows"
    if last.outcome is Outcome.UNAVAILABLE:
        return "is unavailable now"
    if check.finding is Finding.UNKNOWN:
        return (
            f"could not be told from noise in {visits} (at most {MOST_VISITS}); check again when the machine is quiet"
        )
    worse = dict.fromkeys(
        label(metric.key) for one in check.visits for metric in one.metrics if metric.finding is Finding.WORSE
    )
    failed = dict.fromkeys(one.outcome.value for one in check.visits if one.outcome is not Outcome.OK)
    return f"found worse in {visits}: {', '.join([*worse, *failed])}"


def _changes(title: str, changes: Sequence[Change], none: str = "") -> list[str]:
    if not changes:
        return [f"  {none}"] if none else []
    return [
        f"  {title}",
        *(f"    {plain(one.name)}: {_value(one.first)} → {_value(one.second)}" for one in changes),
    ]


def _value(value: Any) -> str:
    if value is None:
        return "none"
    text = ", ".join(str(one) for one in value) or "none" if isinstance(value, list) else str(value)
    return shorten(plain(text), _LONGEST) or '""'


def correction(comparisons: int, sessions: float = 0.0) -> str:
    """What the intervals of several comparisons allow for.

    Args:
        comparisons: How many there are.
        sessions: By which sessions differ, as a fraction.
    """
    each = f" of {comparisons:,}" if comparisons > 1 else ""
    text = f"  intervals{each} hold together with {100 * CONFIDENCE:g} % confidence (Bonferroni)"
    return (
        f"{text} and allow for sessions that differ by {100 * sessions:.1f} % (one standard deviation)"
        if sessions
        else text
    )


def _alike(differences: Iterable[Difference]) -> list[str]:
    alike = sum(one.equal for one in differences)
    return (
        [f"  {alike} metric{'s are' if alike > 1 else ' is'} the same or known of neither; --all shows them"]
        if alike
        else []
    )


def _more(left: int) -> list[str]:
    return [f"    … and {left:,} more; --all shows them"] if left > 0 else []


def _ratio(ratio: Interval, *, with_ends: bool) -> str:
    if not 1 / _TIMES < ratio.value < _TIMES:
        ends = f" ({_times(ratio.low)} to {_times(ratio.high)})" if with_ends else ""
        return f"{_times(ratio.value)} times{ends}"
    ends = f" ({_change(ratio.low)} to {_change(ratio.high)})" if with_ends else ""
    return f"{_change(ratio.value)} %{ends}"


def _times(value: float | None) -> str:
    return "?" if value is None else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def _change(ratio: float | None) -> str:
    if ratio is None:
        return "?"
    return f"{100 * (ratio - 1):+.1f}".replace("-", "−").replace("+0.0", "0.0").replace("−0.0", "0.0")


def _points(value: float | None) -> str:
    return "?" if value is None else f"{'+' if value > 0 else '−' if value < 0 else ''}{format_points(abs(value))}"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = (), indent: int = 2
) -> list[str]:
    made = tuple(Column(name, name, numeric=place in numeric) for place, name in enumerate(columns))
    lines = table_lines(Table(made, tuple(tuple(Cell(text) for text in row) for row in rows)))
    return [" " * indent + line for line in lines]


def _joined(blocks: Iterable[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"
