"""Where one candidate stands, before any ranking."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from selector.decision.figures import Figures, keys_for, metric_of
from selector.decision.records import Assessment, Stage, Status
from selector.decision.sentences import Sentences
from selector.metrics import MetricResult, NotObserved, label
from selector.quantities import format_quantity
from selector.requirements import (
    Exclusion,
    Judgement,
    Requirement,
    RequirementProfile,
    Verdict,
    judge,
    reading_for,
    static_exclusion,
)
from selector.types import Certificate, Evidence, Measurement, Outcome, Planned

_Place = tuple[Status, Stage | None, Sequence[str]]
"""Status, the stage of a rejection, and why."""
FACTS_OF_THE_MODEL = frozenset({"accuracy_top1", "accuracy_top5", "parameters", "gmacs"})
"""Static metrics that do not depend on how a model is run, its precision and image size apart."""


class Judgements(Mapping[str, Judgement]):
    """Every requirement of a profile judged for one candidate, by key; judged when first read unless known.

    Args:
        requirements: By key; shared by all candidates of a decision.
        metrics: The candidate's figures.
        known: The judgements, where they are at hand.
        static: What static facts said of one of them; stands where the measurement does not say that it fails.
    """

    __slots__ = ("_known", "_metrics", "_requirements", "_static")

    def __init__(
        self,
        requirements: Mapping[str, Requirement],
        metrics: Mapping[str, MetricResult],
        known: dict[str, Judgement] | None = None,
        static: Judgement | None = None,
    ) -> None:
        self._requirements = requirements
        self._metrics = metrics
        self._known = known
        self._static = static

    def _all(self) -> dict[str, Judgement]:
        if self._known is None:
            known = {key: judge(one, self._metrics[key]) for key, one in self._requirements.items()}
            if self._static is not None and known[self._static.requirement.key].verdict is not Verdict.FAILS:
                known[self._static.requirement.key] = self._static
            self._known = known
        return self._known

    def __getitem__(self, key: str) -> Judgement:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._requirements)

    def __len__(self) -> int:
        return len(self._requirements)

    def __repr__(self) -> str:
        return repr(self._all())


@dataclass(frozen=True)
class Assessor:
    """Places candidates under one profile.

    Attributes:
        profile: What is asked.
        evidence: What is known.
        figures: Metrics by candidate id, as far as they are at hand; filled on the way.
        judged: By requirement key, judgements by candidate id, likewise; of the very requirements of `profile`, on
            the very `figures`. What is judged by a requirement that is not in it is not kept.
        exclusions: What static facts rule out, by what decides it; likewise.
    """

    profile: RequirementProfile
    evidence: Evidence
    figures: dict[str, Figures] = field(default_factory=dict)
    judged: Mapping[str, dict[str, Judgement]] = field(default_factory=dict)
    exclusions: dict[Hashable, Exclusion | None] = field(default_factory=dict)

    def under(self, profile: RequirementProfile) -> Assessor:
        """An assessor of a profile with other limits on the same evidence."""
        return Assessor(profile, self.evidence, self.figures)

    def assess(self, planned: Planned) -> Assessment:
        """The candidate with its status and reasons; a feasible one is `RANKED`, yet without rank.

        The first that applies: excluded by static facts, unavailable, not measured, failed, rejected by a
        requirement, undecided, feasible.
        """
        name = planned.candidate.id
        measurement = self.evidence.measurements.get(name)
        metrics = self.figures.get(name)
        if metrics is None:
            reading = reading_for(self.profile, planned, measurement, self.evidence.examined.get(name))
            metrics = self.figures[name] = Figures(self._keys, reading)
        exclusion = self._excluded(planned)
        known = None
        placed = self._unjudged(planned, measurement, exclusion)
        if placed is None:
            judged = self._judgements(name, metrics)
            placed = self._place(metrics, judged)
            known = None if placed[0] is Status.RANKED else judged
        status, stage, reasons = placed
        static = None if exclusion is None else exclusion.judgement
        return Assessment(
            planned=planned,
            status=status,
            metrics=metrics,
            judgements=Judgements(self._requirements, metrics, known, static),
            reasons=reasons,
            stage=stage,
            exclusion=exclusion,
            measurement=measurement,
        )

    def _judgements(self, name: str, metrics: Figures) -> dict[str, Judgement]:
        found = {}
        for key, one, known in self._tests:
            judgement = None if known is None else known.get(name)
            if judgement is None:
                judgement = judge(one, metrics[key])
                if known is not None:
                    known[name] = judgement
            found[key] = judgement
        return found

    @cached_property
    def _tests(self) -> list[tuple[str, Requirement, dict[str, Judgement] | None]]:
        return [(key, one, self.judged.get(key)) for key, one in self._requirements.items()]

    @cached_property
    def _requirements(self) -> dict[str, Requirement]:
        return {one.key: one for one in self.profile.requirements}

    @cached_property
    def _keys(self) -> dict[str, None]:
        return keys_for(self.profile)

    @cached_property
    def _ranked_by(self) -> tuple[str, ...]:
        return self.profile.objective.metrics

    @cached_property
    def _waiting(self) -> str:
        return not_measured_because(self.profile, self.evidence.certificate)

    def _excluded(self, planned: Planned) -> Exclusion | None:
        """`static_exclusion`, judged once for all ways of one model that share precision and size.

        Unless the profile asks for a static metric of an outside package, which may know more of a way than that.
        """
        candidate = planned.candidate
        key = (candidate.model, candidate.precision, candidate.image_size)
        if key in self.exclusions:
            return self.exclusions[key]
        exclusion = static_exclusion(self.profile, planned)
        if self._of_the_model:
            self.exclusions[key] = exclusion
        return exclusion

    @cached_property
    def _of_the_model(self) -> bool:
        """Whether every static metric that the profile limits is a fact of model, precision and size alone."""
        static = {one.metric for one in self.profile.requirements if metric_of(one.metric).static}
        return static <= FACTS_OF_THE_MODEL

    def _unjudged(
        self, planned: Planned, measurement: Measurement | None, exclusion: Exclusion | None
    ) -> _Place | None:
        """Where a candidate stands whatever its measured figures are, None for one that these decide on."""
        if exclusion is not None:
            return Status.REJECTED, "static", (exclusion.reason,)
        absent = _unavailable(planned, measurement)
        if absent is not None:
            return Status.UNAVAILABLE, None, (absent,)
        if measurement is None:
            return Status.NOT_MEASURED, None, (self._waiting,)
        if measurement.outcome is not Outcome.OK:
            return Status.FAILED, None, (_failure(measurement),)
        return None

    def _place(self, metrics: Figures, judgements: dict[str, Judgement]) -> _Place:
        verdicts = {one.verdict for one in judgements.values()}
        if Verdict.FAILS in verdicts:
            return Status.REJECTED, "measured", Sentences(_failing, judgements)
        missing = self._missing_objective(metrics, judgements)
        if missing or Verdict.UNDECIDED in verdicts:
            undecided = (one.sentence for one in judgements.values() if one.verdict is Verdict.UNDECIDED)
            return Status.UNDECIDED, None, (*undecided, *missing)
        return Status.RANKED, None, ()

    def _missing_objective(self, metrics: Figures, judgements: Mapping[str, Judgement]) -> tuple[str, ...]:
        """What keeps a candidate from being ranked, unless a requirement says the same."""
        wanted_keys = self._ranked_by
        said = "is the objective" if len(wanted_keys) == 1 else "the objective ranks by"
        return tuple(
            f"{label(key)}, which {said}, is not observed: {wanted.reason}"
            for key in wanted_keys
            if isinstance(wanted := metrics[key], NotObserved) and key not in judgements
        )


def static_part(profile: RequirementProfile) -> Hashable:
    """All of a profile that decides what is excluded unmeasured, figures apart."""
    limits = (one for one in profile.requirements if metric_of(one.metric).static or one.metric == "memory_peak")
    return tuple(limits), profile.licenses, profile.pretraining, profile.candidates.max_parameters


def _failing(judgements: Mapping[str, Judgement]) -> tuple[str, ...]:
    return tuple(one.sentence for one in judgements.values() if one.verdict is Verdict.FAILS)


def not_measured_because(profile: RequirementProfile, certificate: Certificate | None) -> str:
    """Why candidates that nothing excludes have no measurement."""
    if certificate is None:
        return "not measured yet"
    if certificate.stopped_because == "time_budget":
        budget = profile.evaluation.time_budget
        given = "the time budget" if budget is None else f"the time budget of {format_quantity(budget, 'time')}"
        return f"not measured: {given} was used up first"
    if certificate.stopped_because == "interrupted":
        return "not measured: the run was interrupted before its turn"
    if certificate.stopped_because == "exhausted":
        return "not measured: it was not among those that the run set out to measure"
    return f"not measured: the search ({certificate.strategy}) stopped first: {certificate.stopped_because}"


def _unavailable(planned: Planned, measurement: Measurement | None) -> str | None:
    if planned.unavailable is not None:
        return planned.unavailable
    if measurement is not None and measurement.outcome is Outcome.UNAVAILABLE:
        return measurement.message or "this way of running is not available on this device"
    return None


def _failure(measurement: Measurement) -> str:
    """The outcome's name and what was said of it: "export_failed: …"."""
    outcome = measurement.outcome.value
    return f"{outcome}: {measurement.message}" if measurement.message else f"{outcome} during {measurement.phase}"
