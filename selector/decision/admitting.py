"""What the lists and limits of models keep out: who would be admitted, and who would win, if they gave way.

A profile's licences, pretraining data and `candidates.max_parameters` exclude models by what is known of them. For
each of them that excludes candidates the profile is decided again: with a value added to the list, with a larger
limit, and without it. Only the candidates that nothing else excludes are looked at again, which gives the same: what
a list lets in changes nothing about the others. Admitted ones that were never measured cannot win; of these the best
published figure is told, where the objective has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from selector.decision.deciding import Decider
from selector.decision.figures import show
from selector.decision.headline import is_measured
from selector.decision.meetings import Meetings
from selector.decision.ranking import Criterion, Entry, criteria_of, rank
from selector.decision.reasons import figure
from selector.decision.records import Assessment, Decision, Status
from selector.decision.sensitivity import brings
from selector.metrics import MetricValue
from selector.quantities import parse_quantity
from selector.requirements import RequirementProfile
from selector.requirements.verdicts import NO_PRETRAINING

KEYS = ("license", "pretraining", "max_parameters")
"""What is looked at, in this order."""
VALUES = 4
"""Values told of a list, at most: those that change the choice first, then those that admit most."""
_DIGITS = (3, 4, 6, 9)
_NAMES = {"license": "licenses", "pretraining": "pretraining"}


@dataclass(frozen=True)
class Admission:
    """What one change to one list or limit would bring.

    Attributes:
        key: "license", "pretraining" or "max_parameters".
        added: Values to add to the list; empty where it is dropped, and for a limit.
        limit: The larger limit of `max_parameters`; None where it is dropped, and for a list.
        candidates: How many are excluded now and would not be; those that cannot run here are not counted.
        measured: How many of these have readings.
        feasible: How many of these meet every requirement.
        winner: Id of the choice that the changed profile leads to; None where nobody is feasible.
        chosen: Id of the choice now; None where there is none.
        brings: What changes with another choice, in clauses: "+0.9 points top-1".
        promise: The best published figure among those that were not measured; "" where the objective has none.
    """

    key: str
    added: tuple[str, ...]
    limit: float | None
    candidates: int
    measured: int
    feasible: int
    winner: str | None
    chosen: str | None
    brings: tuple[str, ...]
    promise: str

    def changed(self, profile: RequirementProfile) -> RequirementProfile:
        """The profile with this change; deciding it gives `winner`."""
        if self.key == "max_parameters":
            most = None if self.limit is None else round(self.limit)
            return profile.model_copy(
                update={"candidates": profile.candidates.model_copy(update={"max_parameters": most})}
            )
        name = _NAMES[self.key]
        allowed = (*getattr(profile, name), *self.added) if self.added else ()
        return profile.model_copy(update={name: allowed})

    @property
    def sentence(self) -> str:
        """For people: "license: allowing mit admits 12 candidates, none of them measured"."""
        return f"{self.key}: {self._change()} {self._admits()}{self._outcome()}"

    def _change(self) -> str:
        if self.limit is not None:
            return f"raising it to {show('parameters', self.limit, _DIGITS[-1])}"
        named = (f'"{one}" (no pretraining named)' if one == NO_PRETRAINING else one for one in self.added)
        return f"allowing {' and '.join(named)}" if self.added else "dropping it"

    def _admits(self) -> str:
        if not self.candidates:
            return "admits nobody: what it excludes is excluded by something else as well, or cannot run here"
        counted = f"admits {self.candidates:,} candidate{'' if self.candidates == 1 else 's'}"
        if self.candidates == 1:
            return f"{counted}, which {'is' if self.measured else 'is not'} measured"
        if self.measured == self.candidates:
            return f"{counted}, all of them measured"
        return f"{counted}, {f'{self.measured:,}' if self.measured else 'none'} of them measured"

    def _outcome(self) -> str:
        promise = f"; the best of those not measured: {self.promise}" if self.promise else ""
        if self.winner is not None and self.winner != self.chosen:
            return f", and makes {', '.join((f'{self.winner} the choice', *self.brings))}{promise}"
        if not self.measured:
            return promise
        told = "; the choice stays" if self.chosen is not None else ", but none is proven feasible"
        return told + promise


def admissions(decision: Decision) -> tuple[Admission, ...]:
    """Of every list and limit of models that excludes candidates: what values to add would bring, and to drop it."""
    return tuple(each_admission(decision))


def each_admission(decision: Decision) -> Iterator[Admission]:
    """As `admissions`, one after the other."""
    decider = Decider(decision.evidence)
    for key in KEYS:
        excluded = [
            one for one in decision.rejected if one.exclusion is not None and one.exclusion.requirement == key
        ]
        if excluded:
            gate = _Gate(decision, decider, key, excluded)
            yield from gate.by_limit() if key == "max_parameters" else gate.by_value()


class _Gate:
    """One list or limit, and whom it alone keeps out."""

    def __init__(self, decision: Decision, decider: Decider, key: str, excluded: Iterable[Assessment]) -> None:
        self._decision = decision
        self._key = key
        self._criteria = criteria_of(decision.profile)
        self._meetings = Meetings(decision.evidence.run_offs)
        free = decider.assessor(_dropped(key).changed(decision.profile))
        again = [free.assess(one.planned) for one in excluded]
        self._kept_out = [one for one in again if one.exclusion is None and one.status is not Status.UNAVAILABLE]

    def by_value(self) -> Iterator[Admission]:
        """The values whose addition admits anybody, and dropping the list where that does more than one of them."""
        wanted = {one.id: self._missing(one) for one in self._kept_out}
        values = sorted({missing for missing in wanted.values() if missing})
        found = [
            self._admission(
                [one for one in self._kept_out if wanted[one.id] and set(wanted[one.id]) <= set(value)], added=value
            )
            for value in values
        ]
        found.sort(key=lambda one: (one.winner == one.chosen, -one.measured, -one.candidates, one.added))
        yield from found[:VALUES]
        if len(found) != 1 or found[0].candidates < len(self._kept_out):
            yield self._admission(self._kept_out)

    def by_limit(self) -> Iterator[Admission]:
        """The least larger limit at which another wins, where there is one, and dropping it."""
        whole = self._admission(self._kept_out)
        if whole.winner != whole.chosen:
            sizes = sorted({_size(one) for one in self._kept_out if one.status is Status.RANKED})
            yield from self._least(sizes)
        yield whole

    def _least(self, sizes: Sequence[int]) -> Iterator[Admission]:
        for size in sizes:
            exact = self._up_to(float(size))
            if exact.winner == exact.chosen:
                continue
            for digits in _DIGITS:  # the same by a number that people would write, where that is as true
                written = float(round(parse_quantity(show("parameters", size, digits), "count")))
                if size <= written and (told := self._up_to(written)).winner == exact.winner:
                    yield told
                    return
            yield exact
            return

    def _up_to(self, limit: float) -> Admission:
        return self._admission([one for one in self._kept_out if _size(one) <= limit], limit=limit)

    def _admission(
        self, admitted: Sequence[Assessment], *, added: tuple[str, ...] = (), limit: float | None = None
    ) -> Admission:
        feasible = {one.id: one for one in admitted if one.status is Status.RANKED}
        everyone = {**{one.id: one for one in self._decision.ranked}, **feasible}
        old = self._decision.winner
        new = everyone[self._first(everyone)] if feasible else old
        return Admission(
            key=self._key,
            added=added,
            limit=limit,
            candidates=len(admitted),
            measured=sum(is_measured(one) for one in admitted),
            feasible=len(feasible),
            winner=None if new is None else new.id,
            chosen=None if old is None else old.id,
            brings=() if old is None or new is None or old.id == new.id else brings(self._decision, old, new),
            promise=_promise([one for one in admitted if one.measurement is None], self._criteria[0]),
        )

    def _first(self, everyone: Mapping[str, Assessment]) -> str:
        entries = [
            Entry(name, one.metrics, None if one.measurement is None else one.measurement.identity)
            for name, one in everyone.items()
        ]
        return rank(entries, self._criteria, self._meetings).entries[0].id

    def _missing(self, one: Assessment) -> tuple[str, ...]:
        """What the list would have to name for one candidate; empty where its licence is unknown: no value helps."""
        facts = one.planned.facts
        if self._key == "license":
            return () if facts.license is None else (facts.license.lower(),)
        seen = set((facts.pretraining or NO_PRETRAINING).split("+"))
        return tuple(sorted(seen - set(self._decision.profile.pretraining)))


def _dropped(key: str) -> Admission:
    return Admission(key, (), None, 0, 0, 0, None, None, (), "")


def _size(one: Assessment) -> int:
    return one.planned.facts.parameters or 0


def _promise(unmeasured: Iterable[Assessment], rule: Criterion) -> str:
    """The best that is published of candidates nobody measured: "convnext_tiny.x, top-1 81.0 % (published)"."""
    known = [one for one in unmeasured if isinstance(one.metrics[rule.key], MetricValue)]
    if not known:
        return ""
    best = min(known, key=lambda one: (rule.span(one.metrics[rule.key]).value, one.id))
    return f"{best.planned.candidate.model}, {figure(rule.key, best.metrics[rule.key])}"
