"""What a decision consists of: frozen, and complete without the store it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Literal

from selector.decision.chances import CONTENDERS, chances
from selector.decision.meetings import Meetings
from selector.decision.ranking import Entry, criteria_of
from selector.errors import UnknownNameError, UsageError
from selector.metrics import MetricResult
from selector.requirements import Exclusion, Judgement, RequirementProfile
from selector.types import Evidence, Measurement, Planned

Stage = Literal["static", "measured"]

TIES_LISTED = 100
"""Candidates that `Assessment.tied_with` names at most; an objective that hardly parts any would list millions."""


class Status(StrEnum):
    """Where a candidate stands; every candidate has exactly one."""

    RANKED = "ranked"
    UNDECIDED = "undecided"
    REJECTED = "rejected"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True)
class Assessment:
    """One candidate as the profile sees it.

    Attributes:
        planned: The candidate and its model.
        status: Which list it stands in.
        metrics: By name, every metric that the profile mentions and a standard set; computed when first read.
        judgements: By requirement key, each requirement judged; a metric that is not observed is undecided.
        reasons: Sentences with numbers: why it stands where it stands; made when first read.
        stage: For rejected ones, whether static facts or a measurement rejected it.
        tied_with: For ranked ones, ids of the others that it is tied with (`selector.decision.ranking` says what a
            tie is), best placed first and not more than `TIES_LISTED`.
        rank: 1-based place among the ranked.
        exclusion: The static fact that excludes it, for candidates rejected at that stage.
        measurement: What was measured, failures too.
    """

    planned: Planned
    status: Status
    metrics: Mapping[str, MetricResult]
    judgements: Mapping[str, Judgement]
    reasons: Sequence[str] = ()
    stage: Stage | None = None
    tied_with: tuple[str, ...] = ()
    rank: int | None = None
    exclusion: Exclusion | None = None
    measurement: Measurement | None = None

    @property
    def id(self) -> str:
        """``MODEL@OPTIMIZATION``."""
        return self.planned.candidate.id


@dataclass(frozen=True)
class Miss:
    """A candidate that would be feasible if limits gave way.

    Attributes:
        assessment: The candidate.
        judgements: The requirements in its way: those that fail, and those that noise leaves undecided.
        limits: By requirement key, the limit (base unit) that it would meet. With all of them
            (`RequirementProfile.with_limit`) the candidate is feasible; one that was excluded unmeasured is then
            admitted and remains to be measured.
        relaxation: The same as a sentence, e.g. "relax latency_p95 from < 50 ms to < 51.4 ms".
        cost: Sum, over the requirements in its way, of how far the limit has to give, relative to the limit.
    """

    assessment: Assessment
    judgements: tuple[Judgement, ...]
    limits: Mapping[str, float]
    relaxation: str
    cost: float


@dataclass(frozen=True)
class Decision:
    """What was decided, on what grounds, and what became of every candidate.

    Attributes:
        profile: What was asked.
        evidence: What was known.
        winner: The choice, also first in `ranked`; None when no candidate is proven feasible.
        ranked: Feasible candidates, best first.
        undecided: Neither proven to meet the requirements nor proven not to.
        rejected: Proven not to meet a requirement; the nearest first, measured before statically excluded ones.
        failed: Measuring failed, or was too unstable to count.
        unavailable: Their way of running does not exist on this device.
        not_measured: Not excluded, and nothing is known.
        nearest_misses: Rejected or undecided candidates that some limits would admit, measured ones first, each kind
            by the least relaxation; there are some also beside a winner.
        headline: The verdict in one sentence.
        notes: What has to be known to read the decision.
        exit_code: 0 a choice, 1 none, 3 a choice, but candidates failed.
    """

    profile: RequirementProfile
    evidence: Evidence
    winner: Assessment | None
    ranked: tuple[Assessment, ...]
    undecided: tuple[Assessment, ...]
    rejected: tuple[Assessment, ...]
    failed: tuple[Assessment, ...]
    unavailable: tuple[Assessment, ...]
    not_measured: tuple[Assessment, ...]
    nearest_misses: tuple[Miss, ...]
    headline: str
    notes: tuple[str, ...]
    exit_code: int

    @cached_property
    def chances(self) -> Mapping[str, float]:
        """By id, how probable it is that a ranked candidate is really the best; see `selector.decision.chances`.

        Of the first few of the ranking; nobody behind these is taken to be the best.
        """
        entries = [
            Entry(one.id, one.metrics, None if one.measurement is None else one.measurement.identity)
            for one in self.ranked[:CONTENDERS]
        ]
        return chances(entries, criteria_of(self.profile), Meetings(self.evidence.run_offs))

    @property
    def assessments(self) -> tuple[Assessment, ...]:
        """Every candidate once, list after list."""
        return (
            *self.ranked,
            *self.undecided,
            *self.rejected,
            *self.failed,
            *self.unavailable,
            *self.not_measured,
        )

    def find(self, reference: str) -> Assessment:
        """The candidate that `reference` means.

        Args:
            reference: Its id; or ``model@optimization`` with an architecture or the beginning of a model's name; or
                the beginning of an id; or a glob. The first of these that anything matches counts.

        Raises:
            UnknownNameError: It matches none of the considered candidates.
            UsageError: It matches several; the message lists some.
        """
        everything = self.assessments
        for found in _readings(reference, everything):
            matches = list(found)
            if len(matches) == 1:
                return matches[0]
            if matches:
                raise UsageError(_ambiguous(reference, sorted(match.id for match in matches)))
        raise UnknownNameError("candidate", reference, (one.id for one in everything))


def _readings(reference: str, everything: tuple[Assessment, ...]) -> Iterable[Iterable[Assessment]]:
    """What `reference` matches, one way of reading it after the other."""
    model, at, optimization = reference.rpartition("@")
    yield (one for one in everything if one.id == reference)
    if any(sign in reference for sign in "*?["):
        yield (one for one in everything if fnmatchcase(one.id, reference))
    if at:
        same_way = [one for one in everything if one.planned.candidate.optimization == optimization]
        yield (one for one in same_way if one.planned.candidate.architecture == model)
        yield (one for one in same_way if model and one.planned.candidate.model.startswith(model))
    yield (one for one in everything if reference and one.id.startswith(reference))


def _ambiguous(reference: str, matches: list[str], shown: int = 5) -> str:
    listed = ", ".join(matches[:shown])
    more = f" and {len(matches) - shown} more" if len(matches) > shown else ""
    return f"{reference!r} means {len(matches)} candidates: {listed}{more}; write more of its name"
