"""Whether a choice that is measured again has become worse: what `selector check` decides by. Pure.

**What is looked at.** The metrics of the objective and those with a requirement, under the profile of today.

**Worse** is a metric whose interval, as the figure of now relative to that of the baseline, excludes "not worse by
more than the tolerance"; or a requirement that held then and fails now with the whole interval of the figure. Both
intervals allow for what sessions differ by (`selector.decision.differences`), and all of them hold together with
95 %, both sides counted; so a choice that has not changed is called worse by a visit in one case of forty at most.

**Visits.** One visit may meet a bad minute. What one visit finds worse, failed or unstable is visited again,
`MOST_VISITS` in all, each in a new process; one that finds it no worse ends the check well. It is a regression when
`CONFIRMED` visits or more found it worse and none did not. Where neither is so, nothing is proven.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from selector.decision.comparing import Change
from selector.decision.differences import Basis, Difference, Estimate, counted, estimate, reach_for, widened_for
from selector.decision.figures import metric_of
from selector.decision.records import Assessment
from selector.metrics import MetricResult, MetricValue, NotObserved
from selector.requirements import Judgement, Requirement, RequirementProfile, Verdict, judge
from selector.requirements.objective import SCORE
from selector.types import Environment, Interval, Measurement, Outcome

MOST_VISITS = 3
CONFIRMED = 2
"""Visits that have to find the choice worse."""


class Finding(StrEnum):
    """What became of the choice."""

    HELD = "held"
    WORSE = "worse"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class MetricCheck:
    """One metric of the choice, then and now.

    Attributes:
        difference: Of the baseline (first) and now (second).
        loss: How many times as bad it is now, with the interval by which that is told; above 1 is worse. None where
            figures cannot be divided; `Difference.gap` says it then.
        before: The requirement's verdict then, None without a requirement.
        now: Its verdict now, by the interval that allows for other sessions.
        finding: What is concluded.
    """

    difference: Difference
    loss: Interval | None
    before: Verdict | None
    now: Verdict | None
    finding: Finding

    @property
    def key(self) -> str:
        """The metric's."""
        return self.difference.key

    @property
    def requirement_lost(self) -> bool:
        """Whether a requirement held then and fails now."""
        return self.before is Verdict.HOLDS and self.now is Verdict.FAILS


@dataclass(frozen=True)
class Visit:
    """The choice, measured again once.

    Attributes:
        measurement: What was measured, None where the way does not exist here any more.
        outcome: How it ended.
        message: What was said of a failure.
        metrics: One by one; empty unless it came through.
        finding: What this visit concludes.
    """

    measurement: Measurement | None
    outcome: Outcome
    message: str
    metrics: tuple[MetricCheck, ...]
    finding: Finding


@dataclass(frozen=True)
class Check:
    """A choice, measured again.

    Attributes:
        profile: What is asked today.
        baseline: The run that chose.
        run_id: The run that measured again.
        candidate: The choice.
        device: Where it was measured again.
        visits: In order.
        environment: What has changed around it.
        asked: What has changed in the profile.
        tolerance: By how much it may become worse, as a fraction.
        sessions: One standard deviation by which sessions are taken to differ, as a fraction.
    """

    profile: RequirementProfile
    baseline: str
    run_id: str
    candidate: str
    device: Environment
    visits: tuple[Visit, ...]
    environment: tuple[Change, ...]
    asked: tuple[Change, ...]
    tolerance: float
    sessions: float

    @property
    def finding(self) -> Finding:
        """What became of the choice."""
        return conclusion(self.visits)

    @property
    def exit_code(self) -> int:
        """0 it held, 5 it became worse, 1 neither is proven."""
        return {Finding.HELD: 0, Finding.WORSE: 5, Finding.UNKNOWN: 1}[self.finding]


def conclusion(visits: Sequence[Visit]) -> Finding:
    """What visits say together."""
    found = [one.finding for one in visits]
    if Finding.HELD in found:
        return Finding.HELD
    gone = bool(visits) and visits[-1].outcome is Outcome.UNAVAILABLE
    return Finding.WORSE if gone or found.count(Finding.WORSE) >= CONFIRMED else Finding.UNKNOWN


def is_over(visits: Sequence[Visit]) -> bool:
    """Whether another visit would change nothing, or is one too many."""
    if not visits:
        return False
    gone = visits[-1].outcome is Outcome.UNAVAILABLE  # a way that is not installed does not come back by itself
    return gone or visits[-1].finding is Finding.HELD or len(visits) >= MOST_VISITS


def judge_visit(
    profile: RequirementProfile, baseline: Assessment, now: Assessment, tolerance: float, sessions: float
) -> Visit:
    """What one visit says of the choice.

    Args:
        profile: What is asked today.
        baseline: The choice as the baseline's evidence has it, under this profile.
        now: The same candidate as it was measured now; without measurement its way does not exist any more.
        tolerance: By how much each metric may become worse, as a fraction of the baseline's figure.
        sessions: One standard deviation by which sessions differ, as a fraction.
    """
    measurement = now.measurement
    if measurement is None:
        return Visit(None, Outcome.UNAVAILABLE, " ".join(now.reasons), (), Finding.WORSE)
    if measurement.outcome is not Outcome.OK:
        unstable = measurement.outcome is Outcome.UNSTABLE  # tells of the machine's hour, not of the choice
        finding = Finding.UNKNOWN if unstable else Finding.WORSE
        return Visit(measurement, measurement.outcome, measurement.message, (), finding)
    metrics = _judged(profile, baseline, now, tolerance, sessions)
    found = {one.finding for one in metrics}
    finding = next((one for one in (Finding.WORSE, Finding.UNKNOWN) if one in found), Finding.HELD)
    return Visit(measurement, measurement.outcome, "", metrics, finding)


def keys_of(profile: RequirementProfile) -> tuple[str, ...]:
    """The metrics that are looked at: those of the objective, not their score, and those with a requirement."""
    named = (*profile.objective.metrics, *(one.key for one in profile.requirements))
    return tuple(dict.fromkeys(key for key in named if key != SCORE))


def _judged(
    profile: RequirementProfile, baseline: Assessment, now: Assessment, tolerance: float, sessions: float
) -> tuple[MetricCheck, ...]:
    limits = {one.key: one for one in profile.requirements}
    estimates = {
        key: estimate(key, baseline.metrics[key], now.metrics[key], sessions=sessions if _timed(key) else 0.0)
        for key in keys_of(profile)
    }
    # Each metric is compared with the baseline, and each noisy one with its limit.
    noisy = [key for key, one in estimates.items() if one.noisy]
    reach = reach_for(counted(estimates.values()) + sum(key in limits for key in noisy))
    return tuple(
        _metric(one, limits.get(key), baseline.judgements.get(key), tolerance, sessions, reach)
        for key, one in estimates.items()
    )


def _metric(
    one: Estimate,
    requirement: Requirement | None,
    before: Judgement | None,
    tolerance: float,
    sessions: float,
    reach: float,
) -> MetricCheck:
    difference = one.settle(reach)
    loss = _loss(difference)
    was = None if before is None else before.verdict
    verdict = None
    if requirement is not None:
        figure: MetricResult = one.second
        if isinstance(figure, MetricValue):
            figure = widened_for(one.key, figure, sessions if _timed(one.key) else 0.0, reach)
        verdict = judge(requirement, figure).verdict
    lost = was is Verdict.HOLDS and verdict is Verdict.FAILS
    finding = Finding.WORSE if lost or _is_worse(difference, loss, tolerance) else Finding.HELD
    if finding is Finding.HELD and _cannot_be_told(one.first, one.second):
        finding = Finding.UNKNOWN
    return MetricCheck(difference, loss, was, verdict, finding)


def _is_worse(difference: Difference, loss: Interval | None, tolerance: float) -> bool:
    first, second = difference.first, difference.second
    lower = metric_of(difference.key).better == "lower"
    if isinstance(second, NotObserved):
        # Too slow for its percentile: what the figure is certainly not below may tell.
        proven = second.low if lower and isinstance(first, MetricValue) else None
        ceiling = first.high if isinstance(first, MetricValue) and first.high is not None else None
        return proven is not None and ceiling is not None and proven > ceiling * (1 + tolerance)
    if not isinstance(first, MetricValue) or difference.basis is Basis.SAME:
        return False
    if loss is not None:
        return loss.low is not None and loss.low > 1 + tolerance
    gap = difference.gap
    if gap is None:
        return False
    nearest = gap.low if lower else gap.high
    allowed = tolerance * abs(first.value)
    return nearest is not None and (nearest > allowed if lower else nearest < -allowed)


def _loss(difference: Difference) -> Interval | None:
    """The ratio, turned so that above 1 is worse."""
    ratio = difference.ratio
    if ratio is None or metric_of(difference.key).better == "lower":
        return ratio
    return Interval(1 / ratio.value, 1 / ratio.high if ratio.high else None, None if not ratio.low else 1 / ratio.low)


def _cannot_be_told(first: MetricResult, second: MetricResult) -> bool:
    """Whether the baseline has a figure and now there is none."""
    return isinstance(first, MetricValue) and isinstance(second, NotObserved)


def _timed(key: str) -> bool:
    return metric_of(key).statistic is not None
