"""The nearest misses: which limits would have to give, by how much, to admit a candidate.

A limit is moved to the far end of the figure's interval and rounded outwards to what people write, so that the
requirement then holds and does not just stop failing. Every miss has been assessed again under its limits: it is
feasible then, or, when static facts excluded it unmeasured, free to be measured; nobody knows yet whether
it would do, so these come after all that were measured. Only what a limit can mend is offered: nothing that failed,
lacks a metric, or is excluded by its licence or `max_parameters`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter

from selector.decision.assessing import Assessor
from selector.decision.figures import metric_of, show
from selector.decision.records import Assessment, Miss, Status
from selector.errors import UsageError
from selector.metrics import MetricValue, NotObserved, label
from selector.quantities import parse_quantity
from selector.requirements import Judgement, RequirementProfile, Verdict, judge

NEAREST = 5
"""Misses named of each kind: measured, and excluded unmeasured."""

TRIED = 200
"""Candidates of each kind that are looked at for them, nearest first."""

_STEPS = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
"""How far beyond the figure a rounded limit is looked for, relative to it."""

_DIGITS = (3, 4, 6, 9)


def by_nearness(candidates: Iterable[Assessment]) -> list[tuple[float, Assessment]]:
    """Candidates with what they cost, least first, then by id."""
    priced = [(cost(one), one.id, one) for one in candidates]
    return [(price, one) for price, _, one in sorted(priced, key=itemgetter(0, 1))]


def nearest_misses(assessor: Assessor, priced: Iterable[tuple[float, Assessment]]) -> tuple[Miss, ...]:
    """The candidates that the least relaxation would admit: measured ones before others, each kind least first.

    Args:
        assessor: Of the profile, on the evidence at hand.
        priced: Rejected and undecided ones with what they cost, in order.
    """
    mendable = [(price, one) for price, one in priced if price < math.inf]
    measured = ((price, one) for price, one in mendable if one.measurement is not None)
    unmeasured = _one_of_each_model((price, one) for price, one in mendable if one.measurement is None)
    return tuple(
        miss for kind in (measured, unmeasured) for miss in islice(_misses(assessor, islice(kind, TRIED)), NEAREST)
    )


def smallest(assessor: Assessor, candidates: Iterable[Assessment]) -> tuple[Miss, ...]:
    """The least that would have to give for a measured candidate to be feasible.

    Args:
        assessor: Of the profile, on the evidence at hand.
        candidates: Rejected and undecided ones.

    Returns:
        For each requirement the least relaxation of it alone, where that helps anybody, least first; then the
        cheapest of exactly two together.
    """
    groups: dict[frozenset[str], list[tuple[float, Assessment]]] = {}
    for price, one in by_nearness(one for one in candidates if one.measurement is not None):
        if price < math.inf:
            keys = frozenset(judgement.requirement.key for judgement in obstacles(one))
            groups.setdefault(keys, []).append((price, one))
    firsts = {
        keys: next(_misses(assessor, islice(group, TRIED)), None) for keys, group in groups.items() if len(keys) <= 2
    }
    found = [(len(keys), miss.cost, miss.assessment.id, miss) for keys, miss in firsts.items() if miss is not None]
    alone = [miss for count, *_, miss in sorted(found, key=itemgetter(0, 1, 2)) if count == 1]
    pairs = [miss for count, *_, miss in sorted(found, key=itemgetter(0, 1, 2)) if count > 1]
    return (*alone, *pairs[:1])


def admitting(assessor: Assessor, assessment: Assessment) -> Miss | None:
    """What would have to give for one rejected or undecided candidate; None where no limit can help."""
    price = cost(assessment)
    return None if math.isinf(price) else next(_misses(assessor, [(price, assessment)]), None)


def cost(assessment: Assessment) -> float:
    """Sum, over the requirements that do not hold, of how far the limit has to give relative to the limit.

    Infinite where no limit can help. Of a candidate that was never measured only the static requirements count.
    """
    if assessment.exclusion is not None and assessment.exclusion.judgement is None:
        return math.inf
    if assessment.measurement is None and assessment.planned.unavailable is not None:
        return math.inf
    found = obstacles(assessment)
    if not found:
        return math.inf
    total = 0.0
    for judgement in found:
        end = far_end(judgement)
        if end is None:
            return math.inf
        total += abs(end - judgement.requirement.limit) / judgement.requirement.limit
    return total


def obstacles(assessment: Assessment) -> tuple[Judgement, ...]:
    """The requirements in the way; what only measuring can tell is not in the way of an unmeasured candidate."""
    waiting = assessment.measurement is None
    return tuple(
        one
        for one in assessment.judgements.values()
        if one.verdict is not Verdict.HOLDS and not (waiting and isinstance(one.result, NotObserved))
    )


def far_end(judgement: Judgement) -> float | None:
    """The end of the figure's interval that a limit has to admit; None where that is not known."""
    result = judgement.result
    if not isinstance(result, MetricValue) or result.evidence == "predicted":
        return None
    if result.low is None and result.high is None:
        return result.value
    upper = judgement.requirement.comparison.startswith("<")
    end = result.high if upper else result.low
    if end is None or not math.isfinite(end):
        return None
    return max(end, result.value) if upper else min(end, result.value)


def rounded_limit(judgement: Judgement) -> float | None:
    """The limit nearest to the asked one that people would write and that holds; None where there is none."""
    end, requirement = far_end(judgement), judgement.requirement
    if end is None:
        return None
    sign = 1 if requirement.comparison.startswith("<") else -1
    for digits in _DIGITS:
        for step in _STEPS:
            text = show(requirement.key, end * (1 + sign * step), digits)
            limit = parse_quantity(text, metric_of(requirement.key).kind)
            if _holds(judgement, limit):
                return limit
    return None


def _holds(judgement: Judgement, limit: float) -> bool:
    try:
        return judge(judgement.requirement.at(limit), judgement.result).verdict is Verdict.HOLDS
    except UsageError:
        return False


def _misses(assessor: Assessor, priced: Iterable[tuple[float, Assessment]]) -> Iterator[Miss]:
    for price, one in priced:
        judgements = obstacles(one)
        limits = {judgement.requirement.key: rounded_limit(judgement) for judgement in judgements}
        known = {key: limit for key, limit in limits.items() if limit is not None}
        if len(known) < len(limits):
            continue
        relaxed = assessor.profile
        for key, limit in known.items():
            relaxed = relaxed.with_limit(key, limit)
        if _admitted(assessor.under(relaxed).assess(one.planned)):
            moves = _sentence(assessor.profile, relaxed, known)
            told = moves if one.measurement is not None else f"{moves}, {_then(judgements)}"
            yield Miss(one, judgements, known, told, price)


def _admitted(again: Assessment) -> bool:
    return again.status is Status.RANKED or (again.status is Status.NOT_MEASURED and again.measurement is None)


def _sentence(profile: RequirementProfile, relaxed: RequirementProfile, limits: Iterable[str]) -> str:
    moves = [f"{key} from {profile.requirement(key).text} to {relaxed.requirement(key).text}" for key in limits]
    return f"relax {' and '.join(moves)}"


def _then(judgements: Iterable[Judgement]) -> str:
    """What remains to be done with a candidate that was never measured, and what the offer stands on."""
    published = [
        label(one.requirement.key)
        for one in judgements
        if isinstance(one.result, MetricValue) and one.result.evidence == "published"
    ]
    if not published:
        return "then measure it (unmeasured so far)"
    verb = "is" if len(published) == 1 else "are"
    return f"then measure it (unmeasured so far, only its published {' and '.join(published)} {verb} known)"


def _one_of_each_model(priced: Iterable[tuple[float, Assessment]]) -> Iterator[tuple[float, Assessment]]:
    """Static facts are the model's: all its ways miss by the same."""
    seen: set[str] = set()
    for price, one in priced:
        if one.planned.candidate.model not in seen:
            seen.add(one.planned.candidate.model)
            yield price, one
