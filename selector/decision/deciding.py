"""The decision, step by step."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from selector.decision.assessing import Assessor, static_part
from selector.decision.figures import Figures, keys_for
from selector.decision.headline import headline
from selector.decision.meetings import Meetings
from selector.decision.notes import notes
from selector.decision.ranking import Entry, criteria_of, rank
from selector.decision.reasons import Reasons
from selector.decision.records import TIES_LISTED, Assessment, Decision, Miss, Status
from selector.decision.relaxing import admitting, by_nearness, nearest_misses, smallest
from selector.decision.sentences import Sentences
from selector.decision.visits import visits
from selector.requirements import Exclusion, Judgement, Requirement, RequirementProfile
from selector.types import Evidence

CHOICE, NO_CHOICE, CHOICE_DESPITE_FAILURES = 0, 1, 3


def decide(profile: RequirementProfile, evidence: Evidence) -> Decision:
    """Which considered candidate meets the profile best, and what became of all others.

    Pure: another profile over the same evidence, such as one with a limit moved, is decided from scratch. Static
    exclusions are judged for `profile`, whatever the plan was drawn for.

    Args:
        profile: What is asked.
        evidence: What is considered and what was measured.
    """
    return Decider(evidence).decide(profile)


def relaxations(decision: Decision) -> tuple[Miss, ...]:
    """The smallest relaxations, one requirement at a time, and the cheapest pair; see `relaxing.smallest`."""
    assessor = Decider(decision.evidence).assessor(decision.profile)
    return smallest(assessor, (*decision.rejected, *decision.undecided))


def relaxation(decision: Decision, assessment: Assessment) -> Miss | None:
    """What would admit one candidate of the decision; None for a feasible one, or where no limit can help."""
    if assessment.status not in (Status.REJECTED, Status.UNDECIDED):
        return None
    return admitting(Decider(decision.evidence).assessor(decision.profile), assessment)


class Decider:
    """Decides profile after profile on one evidence.

    It gives what `decide` gives, and keeps the figures that it has computed and what they were judged to be: profiles
    that differ in their limits alone, as a slider makes them, share the figures, and only what a moved limit touches
    is judged again.

    Args:
        evidence: What is considered and what was measured.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        seen = visits(evidence.run_offs, evidence.measurements.values())
        settled = {name: seen.settle(one) for name, one in evidence.measurements.items()}
        self._settled = replace(evidence, measurements=settled)
        self._unevenness = seen.unevenness
        self._meetings = Meetings(evidence.run_offs)
        self._figures: dict[str, Figures] = {}
        self._figures_of: Hashable = None
        self._judged: dict[Requirement, dict[str, Judgement]] = {}
        self._exclusions: dict[Hashable, Exclusion | None] = {}
        self._exclusions_of: Hashable = None

    def decide(self, profile: RequirementProfile) -> Decision:
        """See `selector.decision.decide`."""
        evidence = self._evidence
        assessor = self.assessor(profile)
        found: dict[Status, dict[str, Assessment]] = {status: {} for status in Status}
        for planned in evidence.plan.considered:
            one = assessor.assess(planned)
            found[one.status][planned.candidate.id] = one
        ranked = _ranked(profile, found.pop(Status.RANKED), self._meetings)
        undecided = by_nearness(found[Status.UNDECIDED].values())
        rejected = by_nearness(found[Status.REJECTED].values())
        misses = nearest_misses(assessor, sorted((*rejected, *undecided), key=lambda priced: priced[0]))
        everything = {one.id: one for one in ranked}
        everything.update(pair for others in found.values() for pair in others.items())
        return Decision(
            profile=profile,
            evidence=evidence,
            winner=ranked[0] if ranked else None,
            ranked=ranked,
            undecided=tuple(one for _, one in undecided),
            rejected=tuple(sorted((one for _, one in rejected), key=lambda one: one.stage == "static")),
            failed=_by_id(found[Status.FAILED]),
            unavailable=_by_id(found[Status.UNAVAILABLE]),
            not_measured=_by_id(found[Status.NOT_MEASURED]),
            nearest_misses=misses,
            headline=headline(profile, evidence.plan.environment, ranked, everything, misses),
            notes=notes(profile, evidence, tuple(everything.values()), self._unevenness),
            exit_code=NO_CHOICE if not ranked else CHOICE_DESPITE_FAILURES if found[Status.FAILED] else CHOICE,
        )

    def assessor(self, profile: RequirementProfile) -> Assessor:
        """What places candidates under a profile, figures of several visits settled."""
        figures = self._figures_for(profile)
        self._judged = {one: self._judged.get(one, {}) for one in profile.requirements}
        static = static_part(profile)
        if static != self._exclusions_of:
            self._exclusions, self._exclusions_of = {}, static
        judged = {one.key: known for one, known in self._judged.items()}
        return Assessor(profile, self._settled, figures, judged, self._exclusions)

    def _figures_for(self, profile: RequirementProfile) -> dict[str, Figures]:
        """The figures at hand, unless they were computed for other metrics, another price, count or test set.

        With them goes everything that was judged by them.
        """
        weights = tuple(sorted(profile.objective.weights.items()))
        device = profile.device
        wanted = (tuple(keys_for(profile)), device.price, device.count, profile.traffic, weights, profile.dataset)
        if wanted != self._figures_of:
            self._figures, self._figures_of = {}, wanted
            self._judged, self._exclusions_of = {}, None
        return self._figures


def _ranked(
    profile: RequirementProfile, feasible: dict[str, Assessment], meetings: Meetings
) -> tuple[Assessment, ...]:
    """The feasible candidates in order, each with its rank, ties and reasons; `feasible` is empty afterwards."""
    if not feasible:
        return ()
    entries = [
        Entry(name, one.metrics, None if one.measurement is None else one.measurement.identity)
        for name, one in feasible.items()
    ]
    ranking = rank(entries, criteria_of(profile), meetings)
    make = Reasons(ranking, feasible[ranking.entries[0].id].judgements).of
    return tuple(
        _placed(entry.id, feasible.pop(entry.id), place, ranking.ties[place], Sentences(make, place))
        for place, entry in enumerate(ranking.entries)
    )


def _placed(name: str, one: Assessment, place: int, ties: Sequence[str], reasons: Sentences) -> Assessment:
    others = tuple(other for other in ties[: TIES_LISTED + 1] if other != name) if len(ties) > 1 else ()
    return Assessment(
        planned=one.planned,
        status=one.status,
        metrics=one.metrics,
        judgements=one.judgements,
        reasons=reasons,
        tied_with=others[:TIES_LISTED],
        rank=place + 1,
        measurement=one.measurement,
    )


def _by_id(assessed: Mapping[str, Assessment]) -> tuple[Assessment, ...]:
    return tuple(assessed[name] for name in sorted(assessed))
