"""What a profile says of a candidate: does each requirement hold, fail, or remain undecided. Pure.

Three values, because what is not proven is never feasible: a requirement holds when the whole interval of the
figure satisfies it, fails when the whole interval violates it, and is undecided in between or without a figure.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from selector.metrics import (
    METRICS,
    Metric,
    MetricResult,
    MetricValue,
    NotObserved,
    Reading,
    evaluate_metric,
    label,
)
from selector.quantities import format_points, format_quantity
from selector.requirements.profile import RequirementProfile
from selector.requirements.requirement import Comparison, Requirement
from selector.types import Examined, Measurement, Planned, Precision

BYTES_PER_PARAMETER: dict[Precision, int] = {"fp32": 4, "bf16": 2, "fp16": 2, "int8": 1}

_COMPARE: Mapping[Comparison, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
NO_PRETRAINING = "none"
"""In a profile: weights whose tag names no data but the task's own."""
_MOST_DIGITS = 6


class Verdict(StrEnum):
    """What becomes of one requirement for one candidate."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Judgement:
    """One requirement, judged for one candidate.

    Attributes:
        requirement: What is asked.
        verdict: Whether it holds.
        result: The figure, or why there is none.
        shortfall: How far the figure itself (not its interval) is beyond the limit, in the base unit; 0.0 when it
            is within or on the limit; None without a figure.
    """

    requirement: Requirement
    verdict: Verdict
    result: MetricResult
    shortfall: float | None

    @property
    def open_ended(self) -> bool:
        """Whether it is undecided only because the figure's interval has no end on the side of the limit."""
        if self.verdict is not Verdict.UNDECIDED or isinstance(self.result, NotObserved):
            return False
        low, high = _interval(self.result)
        return math.isinf(high if self.requirement.comparison.startswith("<") else low)

    @property
    def sentence(self) -> str:
        """The judgement in numbers, e.g. "p95 61.2 ms, limit < 50 ms, 22 % over"."""
        metric = METRICS.get(self.requirement.metric)
        called = label(self.requirement.key)
        if isinstance(self.result, NotObserved):
            if self.verdict is Verdict.FAILS and self.result.low is not None:
                low = format_quantity(self.result.low, metric.kind)
                return f"{called} above {low}, limit {self.requirement.text}; {self.result.reason}"
            return f"{called} is not known: {self.result.reason}"
        limit = self.requirement.limit
        value = self.result.value
        shown = f"{called} {_apart(value, limit, metric)}"
        if self.open_ended:
            known = _between(self.result, metric)
            return f"{shown}, limit {self.requirement.text}: too few samples to be sure, {known} is all they prove"
        if self.verdict is Verdict.UNDECIDED:
            between = f" ({_between(self.result, metric)})" if _interval(self.result) != (value, value) else ""
            return f"{shown}{between} does not clear the limit {self.requirement.text} beyond noise"
        return f"{shown}, limit {self.requirement.text}, {_distance(value, limit, metric, self.verdict)}"


@dataclass(frozen=True)
class Exclusion:
    """Why a candidate is out before anything is measured.

    Attributes:
        requirement: Key of what it violates: "license", "pretraining", "max_parameters", or a requirement's key.
        reason: A sentence with numbers.
        judgement: Of the requirement, where it is one on a metric.
    """

    requirement: str
    reason: str
    judgement: Judgement | None = None


def judge(requirement: Requirement, result: MetricResult) -> Judgement:
    """Compares a figure with a limit.

    Without a figure a lower bound that lies beyond the limit still proves that it is missed.

    Without an interval the value decides. Where only one end of the interval is known, the other is unbounded.
    """
    if isinstance(result, NotObserved) or math.isnan(result.value):
        missing = result if isinstance(result, NotObserved) else NotObserved("the figure is not a number")
        missed = missing.low is not None and not _satisfies(missing.low, requirement.comparison, requirement.limit)
        proven = missed and requirement.comparison.startswith("<")
        return Judgement(requirement, Verdict.FAILS if proven else Verdict.UNDECIDED, missing, None)
    low, high = _interval(result)
    upper = requirement.comparison.startswith("<")
    best, worst = (low, high) if upper else (high, low)
    if _satisfies(worst, requirement.comparison, requirement.limit):
        verdict = Verdict.HOLDS
    elif _satisfies(best, requirement.comparison, requirement.limit):
        verdict = Verdict.UNDECIDED
    else:
        verdict = Verdict.FAILS
    beyond = result.value - requirement.limit if upper else requirement.limit - result.value
    return Judgement(requirement, verdict, result, max(0.0, beyond))


def reading_for(
    profile: RequirementProfile, planned: Planned, measurement: Measurement | None, examined: Examined | None = None
) -> Reading:
    """What metrics are computed from: the candidate, its measurement, and the profile's price and device count.

    Args:
        profile: What is asked.
        planned: The candidate.
        measurement: Its measurement, if there is one.
        examined: How it answered the profile's labelled images, if it did.
    """
    return Reading(
        candidate=planned.candidate,
        facts=planned.facts,
        measurement=measurement,
        price=profile.device.price,
        count=profile.device.count,
        traffic=profile.traffic,
        weights=profile.objective.weights,
        dataset=profile.dataset,
        test_set=profile.test_set,
        protocol=None if profile.accuracy is None else profile.accuracy.protocol,
        examined=examined,
    )


def static_exclusion(profile: RequirementProfile, planned: Planned) -> Exclusion | None:
    """Whether what is known beforehand already rules a candidate out.

    Licence, data of the pretraining, number of weights, requirements on static metrics (half-precision ways are
    judged by the figure published for fp32), and memory, of which the weights alone are a lower bound.
    """
    for rule in (_by_license, _by_pretraining, _by_parameters, _by_static_metric, _by_memory):
        exclusion = rule(profile, planned)
        if exclusion is not None:
            return exclusion
    return None


def _satisfies(value: float, comparison: Comparison, limit: float) -> bool:
    return _COMPARE[comparison](value, limit)


def _interval(result: MetricValue) -> tuple[float, float]:
    """Both ends; the value itself is always between them."""
    if result.low is None and result.high is None:
        return result.value, result.value
    low = -math.inf if result.low is None or math.isnan(result.low) else result.low
    high = math.inf if result.high is None or math.isnan(result.high) else result.high
    return min(low, result.value), max(high, result.value)


def _apart(value: float, limit: float, metric: Metric) -> str:
    """The value with as many digits as tell it from the limit."""
    for digits in range(3, _MOST_DIGITS):
        shown = format_quantity(value, metric.kind, digits)
        if value == limit or shown != format_quantity(limit, metric.kind, digits):
            return shown
    return format_quantity(value, metric.kind, _MOST_DIGITS)


def _between(result: MetricValue, metric: Metric) -> str:
    """The interval: "47.9–50.6 ms"."""
    low, high = _interval(result)
    if math.isinf(low) or math.isinf(high):
        known, word = (high, "at most") if math.isinf(low) else (low, "at least")
        return f"{word} {format_quantity(known, metric.kind)}" if math.isfinite(known) else "no interval"
    first, last = format_quantity(low, metric.kind), format_quantity(high, metric.kind)
    number, _, unit = first.partition(" ")
    return f"{number}–{last}" if last.partition(" ")[2] == unit else f"{first}–{last}"


def _distance(value: float, limit: float, metric: Metric, verdict: Verdict) -> str:
    """How far from the limit: "22 % over", "6.0 points under", "24 % to spare"."""
    gap = abs(value - limit)
    word = "to spare" if verdict is Verdict.HOLDS else "over" if value > limit else "under"
    if gap == 0:
        return "exactly at the limit"
    if metric.kind == "fraction":
        points = format_points(gap) if gap >= 0.0005 else "less than 0.1 points"
        return f"{points} {word}"
    share = gap / limit
    if share >= 10 and verdict is Verdict.FAILS:
        return f"{value / limit:,.0f} times the limit"
    return f"{_percent(share)} {word}"


def _percent(share: float) -> str:
    if share < 0.001:
        return "less than 0.1 %"
    return f"{100 * share:.1f} %" if share < 0.0095 else f"{100 * share:.0f} %"


def _by_license(profile: RequirementProfile, planned: Planned) -> Exclusion | None:
    allowed = profile.licenses
    license_ = planned.facts.license
    if not allowed or (license_ is not None and license_.lower() in allowed):
        return None
    if planned.facts.checkpoint is not None:
        return None  # own weights are under whatever licence their owner gives them
    if license_ is None:
        return Exclusion("license", "its licence is not known, which counts as not allowed")
    return Exclusion("license", f"its licence {license_} is not among {', '.join(allowed)}")


def _by_pretraining(profile: RequirementProfile, planned: Planned) -> Exclusion | None:
    """Every set that the weights saw has to be allowed ("laion2b+in12k" are two)."""
    allowed, seen = profile.pretraining, planned.facts.pretraining
    if planned.facts.checkpoint is not None:
        return None  # what own weights saw their owner knows
    if not allowed or set((seen or NO_PRETRAINING).split("+")) <= set(allowed):
        return None
    if seen is None:
        return Exclusion("pretraining", f"its tag names no pretraining, and none is not among {', '.join(allowed)}")
    return Exclusion("pretraining", f"its pretraining on {seen} is not among {', '.join(allowed)}")


def _by_parameters(profile: RequirementProfile, planned: Planned) -> Exclusion | None:
    limit, parameters = profile.candidates.max_parameters, planned.facts.parameters
    if limit is None or parameters is None or parameters <= limit:
        return None
    shown, most = format_quantity(parameters, "count"), format_quantity(limit, "count")
    return Exclusion("max_parameters", f"{shown} parameters, candidates.max_parameters {most}")


def _by_static_metric(profile: RequirementProfile, planned: Planned) -> Exclusion | None:
    reading = reading_for(profile, planned, None)
    for requirement in profile.requirements:
        if METRICS.get(requirement.metric).static:
            judgement = judge(requirement, evaluate_metric(requirement.key, reading))
            if judgement.verdict is Verdict.FAILS:
                return Exclusion(requirement.key, judgement.sentence, judgement)
    return None


def _by_memory(profile: RequirementProfile, planned: Planned) -> Exclusion | None:
    """Parameters × bytes of the precision is what any way holds at least."""
    parameters = planned.facts.parameters
    requirement = next((entry for entry in profile.requirements if entry.metric == "memory_peak"), None)
    if requirement is None or parameters is None:
        return None
    precision = planned.candidate.precision
    weights = float(parameters * BYTES_PER_PARAMETER[precision])
    judgement = judge(requirement, MetricValue(weights, evidence="predicted", source="the weights alone"))
    if judgement.verdict is not Verdict.FAILS:
        return None
    shown = format_quantity(weights, "memory")
    return Exclusion(
        requirement.key, f"its weights alone take {shown} in {precision}, limit {requirement.text}", judgement
    )
