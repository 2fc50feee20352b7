"""Two candidates of one decision, or two decisions, side by side. Pure; `differences` has the statistics.

Both comparisons mirror: with the two exchanged every ratio is the inverse, every gap changes its sign, and what was
better in the first is better in the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from selector.decision.differences import (
    Basis,
    Difference,
    Estimate,
    Side,
    counted,
    estimate,
    paired,
    reach_for,
    settle,
)
from selector.decision.meetings import Meetings
from selector.decision.records import Assessment, Decision, Status
from selector.metrics import metric_of
from selector.requirements import Verdict
from selector.types import Environment, to_json


@dataclass(frozen=True)
class Change:
    """Something named that is not the same on both sides.

    Attributes:
        name: E.g. "driver", "versions.torch", "workload.batch_size".
        first: Plain JSON data; None where the first has no such thing.
        second: Likewise.
    """

    name: str
    first: Any
    second: Any


@dataclass(frozen=True)
class CandidateComparison:
    """Two candidates of one decision.

    Attributes:
        decision: Under whose profile and in whose environment.
        first: One.
        second: The other.
        differences: Of every metric of both, those that the profile speaks of first.
        verdicts: Requirements that do not end alike, by key.
        identity: What is not the same in what they are: model, way, settings, weights, licence.
        environment: What is not the same where they were measured.
        comparisons: How many comparisons the intervals allow for.
    """

    decision: Decision
    first: Assessment
    second: Assessment
    differences: tuple[Difference, ...]
    verdicts: Mapping[str, tuple[Verdict, Verdict]]
    identity: tuple[Change, ...]
    environment: tuple[Change, ...]
    comparisons: int

    @cached_property
    def chances(self) -> tuple[float, float]:
        """How probable each is to be the best of all that is feasible."""
        known = self.decision.chances
        return known.get(self.first.id, 0.0), known.get(self.second.id, 0.0)


@dataclass(frozen=True)
class Pairing:
    """One candidate in two decisions.

    Attributes:
        id: ``MODEL@OPTIMIZATION``.
        first: As the first decision has it, None where it does not consider it.
        second: As the second has it.
        differences: Of every metric that both have; empty unless both measured it.
        verdicts: Requirements of both profiles that do not end alike.
    """

    id: str
    first: Assessment | None
    second: Assessment | None
    differences: tuple[Difference, ...] = ()
    verdicts: Mapping[str, tuple[Verdict, Verdict]] | None = None

    @property
    def status(self) -> tuple[Status | None, Status | None]:
        """Which list it stands in, on each side."""
        return tuple(None if one is None else one.status for one in (self.first, self.second))  # type: ignore[return-value]

    @property
    def rank(self) -> tuple[int | None, int | None]:
        """Its place, on each side."""
        return tuple(None if one is None else one.rank for one in (self.first, self.second))  # type: ignore[return-value]

    @property
    def moved(self) -> bool:
        """Whether its list or its place is another."""
        return self.status[0] is not self.status[1] or self.rank[0] != self.rank[1]

    @property
    def beyond_noise(self) -> tuple[Difference, ...]:
        """The differences that are more than noise."""
        return tuple(one for one in self.differences if one.beyond_noise)


@dataclass(frozen=True)
class DecisionComparison:
    """Two decisions: of two runs, devices or stores.

    Attributes:
        first: One.
        second: The other.
        pairings: Every candidate of either, by its place in the first and then in the second.
        environment: What is not the same where they were measured.
        profile: What is not the same in what was asked, field by field.
        comparisons: How many comparisons the intervals allow for.
        sessions: One standard deviation by which sessions are taken to differ, as a fraction.
    """

    first: Decision
    second: Decision
    pairings: tuple[Pairing, ...]
    environment: tuple[Change, ...]
    profile: tuple[Change, ...]
    comparisons: int
    sessions: float

    @property
    def winners(self) -> tuple[Assessment | None, Assessment | None]:
        """The choice of each."""
        return self.first.winner, self.second.winner

    @property
    def same_choice(self) -> bool:
        """Whether both chose the same candidate, or both none."""
        first, second = self.winners
        return (None if first is None else first.id) == (None if second is None else second.id)

    @property
    def within_ties(self) -> bool:
        """Whether the choices differ, but each side holds both for tied: no more than noise changed."""
        first, second = self.winners
        if first is None or second is None or first.id == second.id:
            return False
        return second.id in first.tied_with and first.id in second.tied_with

    @property
    def entered(self) -> tuple[Pairing, ...]:
        """Ranked in the second alone."""
        return tuple(one for one in self.pairings if one.rank[0] is None and one.rank[1] is not None)

    @property
    def left(self) -> tuple[Pairing, ...]:
        """Ranked in the first alone."""
        return tuple(one for one in self.pairings if one.rank[0] is not None and one.rank[1] is None)


def compare_candidates(decision: Decision, first: Assessment, second: Assessment) -> CandidateComparison:
    """Two candidates of one decision, by run-offs where they met and by their own intervals elsewhere.

    Args:
        decision: Both are of it.
        first: One.
        second: The other.
    """
    meetings = Meetings(decision.evidence.run_offs)
    identities = _identity(first), _identity(second)
    same = _same_measurement(first, second)
    estimates = []
    for key in first.metrics:
        mine, others = first.metrics[key], second.metrics[key]
        met = None if same else paired(key, mine, others, identities, meetings)
        estimates.append(met or estimate(key, mine, others, same=same))
    differences, comparisons = settle(estimates)
    where = [one.measurement.environment if one.measurement is not None else None for one in (first, second)]
    apart = environment_changes(where[0], where[1]) if where[0] is not None and where[1] is not None else ()
    return CandidateComparison(
        decision,
        first,
        second,
        differences,
        _verdicts(first, second),
        _identity_changes(first, second),
        apart,
        comparisons,
    )


def compare_decisions(first: Decision, second: Decision, sessions: float) -> DecisionComparison:
    """Two decisions, candidate by candidate.

    Args:
        first: One.
        second: The other; of another profile, environment or store.
        sessions: One standard deviation by which figures of different sessions differ, as a fraction
            (`selector.decision.differences.SESSIONS`).
    """
    sides = [{one.id: one for one in decision.assessments} for decision in (first, second)]
    names = sorted(
        sides[0].keys() | sides[1].keys(), key=lambda name: _place(sides[0].get(name), sides[1].get(name), name)
    )
    estimates = {name: tuple(_estimates(sides[0].get(name), sides[1].get(name), sessions)) for name in names}
    comparisons = counted(one for those in estimates.values() for one in those)
    reach = reach_for(comparisons)
    pairings = []
    for name in names:
        one, other = sides[0].get(name), sides[1].get(name)
        verdicts = _verdicts(one, other) if one is not None and other is not None else None
        pairings.append(Pairing(name, one, other, tuple(each.settle(reach) for each in estimates[name]), verdicts))
    return DecisionComparison(
        first,
        second,
        tuple(pairings),
        environment_changes(first.evidence.plan.environment, second.evidence.plan.environment),
        profile_changes(first, second),
        comparisons,
        sessions,
    )


def environment_changes(first: Environment, second: Environment) -> tuple[Change, ...]:
    """What is not the same in two environments, each library by itself."""
    return changes(_flat_environment(first), _flat_environment(second))


def profile_changes(first: Decision, second: Decision) -> tuple[Change, ...]:
    """What is not the same in what was asked, field by field."""
    return changes(flat(first.profile.as_dict()), flat(second.profile.as_dict()))


def changes(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[Change, ...]:
    """What two flat objects do not have alike, by name; what is missing on one side is None there."""
    names = sorted(first.keys() | second.keys())
    pairs = ((name, first.get(name), second.get(name)) for name in names)
    return tuple(Change(name, one, other) for name, one, other in pairs if one != other)


def flat(document: Mapping[str, Any]) -> dict[str, Any]:
    """Nested objects as one, names joined by points; requirements go by their metric, other lists stay whole."""
    return dict(_flattened("", document))


def _flattened(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if name == "requirements" and isinstance(value, list):
        value = {
            str(one.get("metric")) + (f"@{one['dataset']}" if one.get("dataset") else ""): one["text"]
            for one in value
        }
    if not isinstance(value, Mapping) or not value:
        yield name, value
        return
    for key, entry in value.items():
        yield from _flattened(f"{name}.{key}" if name else str(key), entry)


def _flat_environment(environment: Environment) -> dict[str, Any]:
    document = to_json(environment)
    document["versions"] = dict(environment.versions)
    return flat(document)


def _estimates(first: Assessment | None, second: Assessment | None, sessions: float) -> Iterator[Estimate]:
    if first is None or second is None or first.measurement is None or second.measurement is None:
        return
    same = _same_measurement(first, second)
    family = (first.measurement.id, second.measurement.id)
    for key in first.metrics:
        if key in second.metrics:
            metric = metric_of(key)
            timed = metric.statistic is not None or "weights" in metric.needs
            yield estimate(
                key,
                first.metrics[key],
                second.metrics[key],
                sessions=sessions if timed else 0.0,
                same=same,
                family=family,
            )


def _same_measurement(first: Assessment, second: Assessment) -> bool:
    """Whether one measurement speaks for both, with the same figures: the second may have gained samples since."""
    mine, others = first.measurement, second.measurement
    if mine is None or others is None or mine.id != others.id:
        return False
    seen = mine.observation, others.observation
    return seen[0] is seen[1] or (seen[0] is not None and seen[1] is not None and seen[0].summary == seen[1].summary)


def _verdicts(first: Assessment, second: Assessment) -> dict[str, tuple[Verdict, Verdict]]:
    shared = (key for key in first.judgements if key in second.judgements)
    pairs = {key: (first.judgements[key].verdict, second.judgements[key].verdict) for key in shared}
    return {key: pair for key, pair in pairs.items() if pair[0] is not pair[1]}


def _identity_changes(first: Assessment, second: Assessment) -> tuple[Change, ...]:
    return changes(_described(first), _described(second))


def _described(one: Assessment) -> dict[str, Any]:
    candidate, facts = one.planned.candidate, one.planned.facts
    weights = None if one.measurement is None else one.measurement.weights
    return {
        "model": candidate.model,
        "optimization": candidate.optimization,
        "precision": candidate.precision,
        "batch_size": candidate.batch_size,
        "image_size": list(candidate.image_size),
        "num_classes": candidate.num_classes,
        "task": candidate.task,
        **{f"settings.{name}": value for name, value in candidate.settings},
        "family": facts.family,
        "license": facts.license,
        "pretraining": facts.pretraining,
        "weights.source": None if weights is None else weights.source,
        "weights.sha256": None if weights is None else weights.sha256,
    }


def _identity(one: Assessment) -> str | None:
    return None if one.measurement is None else one.measurement.identity


def _place(first: Assessment | None, second: Assessment | None, name: str) -> tuple[Any, ...]:
    last = float("inf")
    ranks = [last if one is None or one.rank is None else one.rank for one in (first, second)]
    return (min(ranks), *sorted(ranks), name)


__all__ = [
    "Basis",
    "CandidateComparison",
    "Change",
    "DecisionComparison",
    "Pairing",
    "Side",
    "changes",
    "compare_candidates",
    "compare_decisions",
    "environment_changes",
    "flat",
    "profile_changes",
]
