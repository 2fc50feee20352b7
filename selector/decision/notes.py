"""What has to be known to read a decision, beside what its plan already says."""

from __future__ import annotations

from collections.abc import Sequence

from selector.decision.records import Assessment, Status
from selector.decision.visits import UNEVEN
from selector.metrics import NotObserved
from selector.requirements import RequirementProfile
from selector.types import Evidence, Measurement


def notes(
    profile: RequirementProfile, evidence: Evidence, assessments: Sequence[Assessment], unevenness: float
) -> tuple[str, ...]:
    """The plan's notes, then stale evidence, an uneven machine and what random weights leave open; each once.

    Args:
        profile: What was asked.
        evidence: What was known.
        assessments: Every candidate.
        unevenness: Of the machine, as `selector.decision.visits` finds it.
    """
    found = [
        *evidence.plan.notes,
        _stale(evidence, assessments),
        _uneven(unevenness),
        _random_weights(profile, assessments),
    ]
    return tuple(dict.fromkeys(note for note in found if note))


def _stale(evidence: Evidence, assessments: Sequence[Assessment]) -> str:
    if not evidence.stale:
        return ""
    counts = [count for one in assessments if (count := evidence.stale.get(one.id, 0))]
    if not counts:
        return ""
    total = sum(counts)
    return (
        f"{_counted(total, 'stored measurement')} of {_counted(len(counts), 'candidate')} "
        f"{'is' if total == 1 else 'are'} stale and not used: made on this device, but with other versions, threads, "
        "power limit or protocol"
    )


def _uneven(unevenness: float) -> str:
    """Said where it makes a figure unstable; below that it only widens intervals a little."""
    if unevenness <= UNEVEN / 2:
        return ""
    return (
        f"The speed of this machine changes from one moment to the next by {100 * unevenness:.0f} % (one standard "
        "deviation): figures that were taken at one time are unstable, and their intervals allow for it; "
        "`selector doctor` says what disturbs it"
    )


def _random_weights(profile: RequirementProfile, assessments: Sequence[Assessment]) -> str:
    count = sum(_left_open_by_random_weights(profile, one) for one in assessments)
    if not count:
        return ""
    return (
        f"{_counted(count, 'candidate')} {'is' if count == 1 else 'are'} undecided because the weights were random: "
        "these tell speed and memory, but neither agreement nor whether a half-precision way keeps the published "
        "accuracy"
    )


def _left_open_by_random_weights(profile: RequirementProfile, assessment: Assessment) -> bool:
    """Whether real weights would have given a figure that is missing.

    int8 is none of them for accuracy: it needs labelled images whatever its weights.
    """
    if assessment.status is not Status.UNDECIDED or not _ran_on_random(assessment.measurement):
        return False
    wanted = [*profile.objective.metrics, *(one.key for one in profile.requirements)]
    missing = [key for key in wanted if isinstance(assessment.metrics[key], NotObserved)]
    half = assessment.planned.candidate.precision in ("bf16", "fp16")
    return any(key.startswith("agreement") or (half and key.startswith("accuracy")) for key in missing)


def _ran_on_random(measurement: Measurement | None) -> bool:
    return measurement is not None and measurement.weights is not None and measurement.weights.source == "random"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
