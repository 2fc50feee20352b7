"""The verdict in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from selector.decision.figures import metric_of, show
from selector.decision.reasons import figure, listed
from selector.decision.records import Assessment, Miss, Status
from selector.metrics import MetricResult, MetricValue, label
from selector.requirements import Requirement, RequirementProfile
from selector.types import Environment, Outcome

REFERENCE = "eager"
"""The way of running that speed-ups are told against."""

_FATES = {
    Status.UNDECIDED: ("is undecided", "are undecided"),
    Status.REJECTED: ("is rejected", "are rejected"),
    Status.FAILED: ("failed", "failed"),
    Status.UNAVAILABLE: ("is unavailable", "are unavailable"),
    Status.NOT_MEASURED: ("is not measured", "are not measured"),
}
_OPEN = (Status.UNDECIDED, Status.FAILED, Status.NOT_MEASURED)
"""Of these nobody knows that they do not meet the requirements."""


def headline(
    profile: RequirementProfile,
    environment: Environment,
    ranked: Sequence[Assessment],
    assessments: Mapping[str, Assessment],
    misses: Sequence[Miss],
) -> str:
    """What was decided, in one sentence, for every case.

    Args:
        profile: What was asked.
        environment: Where.
        ranked: Feasible candidates, best first.
        assessments: Every candidate by id.
        misses: The nearest misses.
    """
    where = device(environment)
    if ranked:
        return _choice(profile, where, ranked, assessments)
    if not assessments:
        return f"There is nothing to choose from on {where}: no candidate matches the profile."
    return _no_choice(where, tuple(assessments.values()), misses)


def device(environment: Environment) -> str:
    """The device in a sentence; a simulated one is never taken for real, whatever it calls itself."""
    said = environment.device_kind != "fake" or "simulated" in environment.device_name
    return environment.device_name if said else f"{environment.device_name} (simulated)"


def none_feasible(assessments: Iterable[Assessment]) -> str:
    """That no candidate is feasible; only "proven" where some might still be."""
    proven = "proven " if any(one.status in _OPEN for one in assessments) else ""
    return f"No candidate is {proven}feasible"


def is_measured(assessment: Assessment) -> bool:
    """Whether there are readings of it."""
    return assessment.measurement is not None and assessment.measurement.outcome in (Outcome.OK, Outcome.UNSTABLE)


def _choice(
    profile: RequirementProfile, where: str, ranked: Sequence[Assessment], assessments: Mapping[str, Assessment]
) -> str:
    winner = ranked[0]
    measured = sum(is_measured(one) for one in assessments.values())
    parts = [
        ", ".join(_figures(profile, winner)),
        _tied(winner),
        _speedup(profile, winner, assessments.get(f"{winner.planned.candidate.model}@{REFERENCE}")),
        f"{measured:,} of {_counted(len(assessments))} measured",
    ]
    return f"{winner.id} on {where} is the choice: {'; '.join(part for part in parts if part)}."


def _no_choice(where: str, assessments: Sequence[Assessment], misses: Sequence[Miss]) -> str:
    counts = Counter(one.status for one in assessments)
    fates = _fates(counts)
    nearest = f"; the nearest miss is {misses[0].assessment.id}: {misses[0].relaxation}" if misses else ""
    if any(one.measurement is not None for one in assessments):
        return f"{none_feasible(assessments)} on {where}: {fates}{nearest}."
    if counts[Status.NOT_MEASURED]:
        return f"Nothing is measured yet on {where}: {fates}."
    return f"No candidate is left to measure on {where}: {fates}{nearest}."


def _fates(counts: Mapping[Status, int]) -> str:
    """What became of the candidates: "all 6 candidates are rejected", "of 6 candidates 4 are rejected, 2 failed"."""
    total = sum(counts.values())
    told = {status: words[counts[status] > 1] for status, words in _FATES.items() if counts[status]}
    if len(told) == 1:
        (fate,) = told.values()
        return f"the only candidate {fate}" if total == 1 else f"all {total:,} candidates {fate}"
    return f"of {_counted(total)} {', '.join(f'{counts[status]:,} {fate}' for status, fate in told.items())}"


def _figures(profile: RequirementProfile, winner: Assessment) -> list[str]:
    """The objective, then everything that was required: "79.1 % top-1 (published)", "p95 9.8 ms of 30 ms"."""
    limits = {one.key: one for one in profile.requirements}
    keys = dict.fromkeys([*profile.objective.metrics, *limits])
    return [_phrase(key, winner.metrics[key], limits.get(key)) for key in keys]


def _phrase(key: str, result: MetricResult, limit: Requirement | None) -> str:
    text = figure(key, result)
    if metric_of(key).kind == "fraction" and isinstance(result, MetricValue):
        share = show(key, result.value)
        text = f"{share} {label(key)}{text.removeprefix(f'{label(key)} {share}')}"
    if limit is None:
        return text
    bound = show(key, limit.limit)
    return f"{text} of {bound}" if limit.comparison.startswith("<") else f"{text} of at least {bound}"


def _tied(winner: Assessment) -> str:
    return f"tied with {listed(winner.tied_with)}" if winner.tied_with else ""


def _speedup(profile: RequirementProfile, winner: Assessment, reference: Assessment | None) -> str:
    """How many times as fast as the reference way of the same model, where that was measured."""
    if reference is None or reference.id == winner.id:
        return ""
    key = "throughput" if profile.workload.scenario == "offline" else "latency_p50"
    mine, other = winner.metrics[key], reference.metrics[key]
    if not (isinstance(mine, MetricValue) and isinstance(other, MetricValue)) or not (mine.value and other.value):
        return ""
    factor = mine.value / other.value if metric_of(key).better == "higher" else other.value / mine.value
    if 0.95 < factor < 1.05:
        return ""
    return (
        f"{factor:.0f} times as fast as {REFERENCE}" if factor >= 10 else f"{factor:.1f} times as fast as {REFERENCE}"
    )


def _counted(number: int) -> str:
    return f"{number:,} candidate{'' if number == 1 else 's'}"
