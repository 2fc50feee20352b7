"""Why the winner was chosen, what it costs, and how it compares: sentences with figures, the same in all formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from selector.decision.admitting import admissions
from selector.decision.deciding import relaxations
from selector.decision.payoff import Payoff, payoff
from selector.decision.sensitivity import sensitivities
from selector.quantities import format_points, format_price, format_quantity, format_traffic
from selector.reports.content import Cell, count, failing, is_ceiling, name, overshoot, share_of_limit, shown_metrics
from selector.reports.text import plain
from selector.reports.values import MISSING, label, metric_of, observed, show
from selector.requirements import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selector.decision import Assessment, Decision
    from selector.metrics import MetricValue
    from selector.requirements import Judgement, Requirement

TIGHT = 0.95
"""Share of an upper limit above which the room that is left is called small."""
REFERENCE = "eager"
"""The way that speed is told against."""
_WORTH_SAYING = 1.05


@dataclass(frozen=True)
class Headroom:
    """One requirement and how far a candidate stays from its limit.

    Attributes:
        requirement: The requirement.
        judgement: What became of it.
        share: Share of the limit that is used (`content.share_of_limit`), or None.
        value: The figure: "38.1 ms", or "–".
        room: What is left: "24 % left", "0.8 points above"; or the judgement in a sentence where it does not hold.
    """

    requirement: Requirement
    judgement: Judgement
    share: float | None
    value: str
    room: str

    @property
    def text(self) -> str:
        """All in one: "p95 38.1 ms, asked p95 < 50 ms: 24 % left"."""
        if self.judgement.verdict is not Verdict.HOLDS:
            return self.room
        return f"{label(self.requirement.key)} {self.value}, asked {self.requirement.text}: {self.room}"


@dataclass(frozen=True)
class Difference:
    """One metric of one candidate against another's.

    Attributes:
        key: The metric.
        text: "p95 44 ms, 15 % more".
        effect: Whether it is better, worse or not to be told apart.
    """

    key: str
    text: str
    effect: Literal["better", "worse", "same"]


def headrooms(assessment: Assessment) -> tuple[Headroom, ...]:
    """The room that a candidate leaves to every limit, in the profile's order."""
    return tuple(_headroom(judgement) for judgement in assessment.judgements.values())


def _headroom(judgement: Judgement) -> Headroom:
    requirement = judgement.requirement
    figure = observed(judgement.result)
    if figure is None:
        return Headroom(requirement, judgement, None, MISSING, plain(judgement.sentence))
    share = share_of_limit(requirement, figure.value)
    holds = judgement.verdict is Verdict.HOLDS
    room = _room(requirement, figure.value, share) if holds else plain(judgement.sentence)
    return Headroom(requirement, judgement, share, show(requirement.key, figure.value), room)


def _room(requirement: Requirement, value: float, share: float | None) -> str:
    """What is left to the limit, of a value within it."""
    if metric_of(requirement.key).kind == "fraction":
        return f"{format_points(abs(value - requirement.limit))} {'below' if is_ceiling(requirement) else 'above'}"
    if share is None:
        return "holds"
    return f"{_percent(1 - share)} left" if is_ceiling(requirement) else f"{_percent(1 / share - 1)} above"


def because(decision: Decision) -> str:
    """What the winner wins by, as the clause after "because"; "" without a winner."""
    return plain(decision.winner.reasons[0]) if decision.winner is not None and decision.winner.reasons else ""


def claims(decision: Decision) -> tuple[str, ...]:
    """What is to be said of the choice, a sentence each: why, how much it gained, ties. Empty without a winner."""
    if decision.winner is None:
        return ()
    ties = decision.winner.tied_with
    more = f" and {len(ties) - 1:,} more" if len(ties) > 1 else ""
    sentences = (
        because(decision),
        speedup(decision),
        chance(decision),
        f"tied with {plain(ties[0])}{more}: a preference, not proven better" if ties else "",
    )
    return tuple(f"{one[0].upper()}{one[1:]}." for one in sentences if one)


def chance(decision: Decision, assessment: Assessment | None = None) -> str:
    """How probable it is that a feasible candidate, else the winner, is the best of them; "" where nobody else is."""
    one = assessment or decision.winner
    if one is None or one.rank is None or len(decision.ranked) < 2:
        return ""
    shown = _chance(decision.chances.get(one.id, 0.0), "more than ", "less than ")
    return f"the chance that it is the best of the {len(decision.ranked):,} feasible is {shown}"


def chance_cells(decision: Decision, assessments: Sequence[Assessment]) -> tuple[Cell, ...]:
    """Of each of the ranked, for a column of a table, how probable it is that it is the best."""
    shares = [decision.chances.get(one.id, 0.0) for one in assessments]
    return tuple(Cell(_chance(share, "> ", "< "), share) for share in shares)


def _chance(share: float, above: str, below: str) -> str:
    return f"{above}99 %" if share > 0.99 else f"{below}1 %" if share < 0.01 else f"{100 * share:.0f} %"


def costs(decision: Decision) -> tuple[str, ...]:
    """What the choice costs to run and when it pays off, with the arithmetic; empty where nothing is priced."""
    winner, profile = decision.winner, decision.profile
    if winner is None:
        return ()
    found = []
    rate = observed(winner.metrics.get("throughput"))
    million, month = observed(winner.metrics.get("cost_per_million")), observed(winner.metrics.get("cost_per_month"))
    devices = observed(winner.metrics.get("devices_needed"))
    price = profile.device.price
    if million is not None and price is not None and rate is not None:
        one = show("throughput", rate.value / profile.device.count)
        shown = show("cost_per_million", million.value)
        found.append(f"{shown} for a million images: {format_price(price)} / {one} of one device")
    if devices is not None and profile.traffic is not None:
        needed = count(int(devices.value), "device")
        found.append(f"{needed} for {format_traffic(profile.traffic)}, each back to back and without reserve")
    if month is not None:
        found.append(f"{show('cost_per_month', month.value)} a month, all devices running all the time")
    earned = payoff(decision, winner)
    if earned is not None:
        found.append(_earned(earned))
    return tuple(found)


def _earned(earned: Payoff) -> str:
    once, saved = format_quantity(abs(earned.once), "time"), format_quantity(abs(earned.saved), "time")
    if earned.queries == 0:
        return f"costs no more once than {REFERENCE}: building and starting take no longer"
    if earned.queries is None:
        return f"building and starting take {once} longer than with {REFERENCE}, which no query proves to earn back"
    return (
        f"pays off after {earned.queries:,} quer{'y' if earned.queries == 1 else 'ies'}: building and starting take "
        f"{once} longer than with {REFERENCE}, every query saves {saved}"
    )


def changes(decision: Decision) -> tuple[str, ...]:
    """What would change the choice; without one, the smallest relaxations that would give one."""
    lists = tuple(plain(one.sentence) for one in admissions(decision))
    if decision.winner is None:
        misses = (
            f"{plain(miss.relaxation)}: {name(miss.assessment)} would be feasible" for miss in relaxations(decision)
        )
        return (*misses, *lists)
    return (*(plain(one) for found in sensitivities(decision) for one in found.sentences), *lists)


def speedup(decision: Decision) -> str:
    """How many times as fast as eager the winner's way runs its model; "" where that is not known or no gain."""
    winner = decision.winner
    if winner is None or winner.planned.candidate.optimization == REFERENCE:
        return ""
    key = "throughput" if decision.profile.workload.scenario == "offline" else "latency_p50"
    mine = observed(winner.metrics.get(key))
    other = _reference(decision, winner.planned.candidate.model, key)
    if mine is None or other is None or not (mine.value > 0 and other.value > 0):
        return ""
    factor = mine.value / other.value if metric_of(key).better == "higher" else other.value / mine.value
    if factor < _WORTH_SAYING:
        return ""
    return f"{factor:.{1 if factor < 10 else 0}f} times as fast as {REFERENCE}"


def _reference(decision: Decision, model: str, key: str) -> MetricValue | None:
    for one in (*decision.ranked, *decision.undecided, *decision.rejected):
        if one.planned.candidate.model == model and one.planned.candidate.optimization == REFERENCE:
            return observed(one.metrics.get(key))
    return None


def consequences(decision: Decision) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is good and what is bad about the choice."""
    winner = decision.winner
    if winner is None:
        return (), ()
    good = [room.text for room in headrooms(winner)]
    faster = speedup(decision)
    if faster:
        good.append(faster)
    bad = [
        f"little room: {room.text}"
        for room in headrooms(winner)
        if room.share is not None and is_ceiling(room.requirement) and room.share > TIGHT
    ]
    return tuple(good), (*bad, *_price_of_limits(decision), *_weaknesses(winner))


def _price_of_limits(decision: Decision) -> list[str]:
    """What the requirements cost: the best candidate by the objective that they turned away."""
    objective = decision.profile.objective
    best = _best(decision, (*decision.rejected, *decision.undecided))
    won = observed(decision.winner.metrics.get(objective.metric)) if decision.winner else None
    figure = observed(best.metrics.get(objective.metric)) if best is not None else None
    if best is None or won is None or figure is None or not _beats(objective.direction, figure.value, won.value):
        return []
    gap = _gap(objective.metric, figure.value, won.value)
    reason = next((one.sentence for one in best.judgements.values() if one.verdict is not Verdict.HOLDS), "")
    return [f"{label(objective.metric)} is {gap} than with {name(best)}, which was turned away: {plain(reason)}"]


def _best(decision: Decision, among: tuple[Assessment, ...]) -> Assessment | None:
    metric = decision.profile.objective.metric
    sign = -1 if decision.profile.objective.direction == "maximize" else 1
    known = [(figure.value, one) for one in among if (figure := observed(one.metrics.get(metric))) is not None]
    return min(known, key=lambda pair: (sign * pair[0], *_farness(pair[1]), pair[1].id))[1] if known else None


def _farness(assessment: Assessment) -> tuple[bool, float]:
    """How far a candidate is from feasible; what was measured is nearer than what was not."""
    return assessment.measurement is None, max((overshoot(one) for one in failing(assessment)), default=0.0)


def _beats(direction: str, value: float, other: float) -> bool:
    return value > other if direction == "maximize" else value < other


def _gap(key: str, value: float, won: float) -> str:
    if metric_of(key).kind == "fraction":
        return f"{format_points(abs(value - won))} {'lower' if won < value else 'higher'}"
    return f"{_percent(abs(won / value - 1))} {'lower' if won < value else 'higher'}" if value else "different"


def _weaknesses(winner: Assessment) -> list[str]:
    found = []
    if winner.tied_with:
        found.append(f"a tie with {count(len(winner.tied_with), 'other candidate')}: a preference, not proven better")
    accuracy = observed(winner.metrics.get("accuracy_top1"))
    if accuracy is not None and accuracy.evidence == "published":
        found.append("accuracy is published, not measured here, and holds for the data set it names")
    weights = winner.measurement.weights if winner.measurement is not None else None
    if weights is not None and weights.source == "random":
        found.append("measured on random weights: speed and memory hold, outputs were not compared on real ones")
    return found


def differences(decision: Decision, assessment: Assessment, reference: Assessment) -> tuple[Difference, ...]:
    """How a candidate differs from another in every metric that the profile speaks of."""
    found = []
    for key in shown_metrics(decision.profile):
        figure, other = observed(assessment.metrics.get(key)), observed(reference.metrics.get(key))
        if figure is not None and other is not None:
            found.append(_difference(key, figure, other))
    return tuple(found)


def _difference(key: str, figure: MetricValue, reference: MetricValue) -> Difference:
    shown = f"{label(key)} {show(key, figure.value)}"
    gap = figure.value - reference.value
    if gap == 0:
        return Difference(key, f"{shown}, the same", "same")
    better = (gap < 0) == (metric_of(key).better == "lower")
    if metric_of(key).kind == "fraction":
        size = f"{format_points(abs(gap))} {'more' if gap > 0 else 'less'}"
    elif reference.value:
        size = f"{_percent(abs(gap / reference.value))} {'more' if gap > 0 else 'less'}"
    else:
        size = "more" if gap > 0 else "less"
    if _overlap(figure, reference):
        return Difference(key, f"{shown}, {size}, within the noise", "same")
    return Difference(key, f"{shown}, {size}", "better" if better else "worse")


def _overlap(one: MetricValue, other: MetricValue) -> bool:
    """Whether noise alone may part two figures: an end that is not known is unbounded, a figure without any exact."""
    if one.low is one.high is None or other.low is other.high is None:
        return False
    return _reaches(one.low, other.high) and _reaches(other.low, one.high)


def _reaches(low: float | None, high: float | None) -> bool:
    return low is None or high is None or low <= high


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if abs(share) < 0.095 else f"{100 * share:,.0f} %"
