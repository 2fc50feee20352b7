"""The questions of `selector init`: each changes one thing in a profile; an answer that cannot be is asked again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from selector.errors import ProfileError, UsageError

if TYPE_CHECKING:
    from selector.requirements import Requirement, RequirementProfile

NONE = "none"
_SIGN = re.compile("[<>=≤≥]")

PRIORITIES: Mapping[str, tuple[str, ...]] = {
    "accuracy": ("accuracy_top1", "latency_p50", "memory_peak"),
    "latency": ("latency_p50", "accuracy_top1", "memory_peak"),
    "throughput": ("throughput", "accuracy_top1", "memory_peak"),
    "memory": ("memory_peak", "accuracy_top1", "latency_p50"),
    "size": ("parameters", "accuracy_top1", "latency_p50"),
}
"""What matters most, in a word, to the metric that is pushed and those that settle ties."""


@dataclass(frozen=True)
class Question:
    """One thing that is asked.

    Attributes:
        text: The question.
        default: Its answer in a profile, as people write it.
        change: The profile with an answer; raises `UsageError` when the answer cannot be.
        fits: Whether it is asked at all.
    """

    text: str
    default: Callable[[RequirementProfile], str]
    change: Callable[[RequirementProfile, str], RequirementProfile]
    fits: Callable[[RequirementProfile], bool] = lambda _: True


def ask(profile: RequirementProfile) -> RequirementProfile:
    """The profile with the user's answers; asked on standard error, with what the profile says as the default.

    Raises:
        typer.Abort: The user ended it.
    """
    for question in QUESTIONS:
        if question.fits(profile):
            profile = _asked(question, profile)
    return profile


def _asked(question: Question, profile: RequirementProfile) -> RequirementProfile:
    default = question.default(profile)

    def read(answer: str) -> RequirementProfile:
        if answer == default:
            return profile  # the default may say less than the profile does
        try:
            return answered(question, profile, answer)
        except UsageError as error:
            raise typer.BadParameter(str(error)) from None

    changed: RequirementProfile = typer.prompt(question.text, default=default, value_proc=read, err=True)
    return changed


def answered(question: Question, profile: RequirementProfile, answer: str) -> RequirementProfile:
    """The profile with one answer.

    Raises:
        UsageError: The answer cannot be; the message is for the user.
    """
    try:
        return question.change(profile, answer.strip())
    except ProfileError as error:
        first = error.problems[0]
        hint = f", {first.suggestion}" if first.suggestion else ""
        raise UsageError(f"{first.message}{hint}") from None


def changed(profile: RequirementProfile, **sections: Any) -> RequirementProfile:
    """The profile with other sections, checked whole.

    Args:
        profile: As it was.
        **sections: As in `RequirementProfile.as_dict`; a mapping is merged into what was there.

    Raises:
        ProfileError: They cannot be.
    """
    from selector.requirements import RequirementProfile

    document = profile.as_dict()
    for name, value in sections.items():
        document[name] = {**document[name], **value} if isinstance(value, dict) else value
    return RequirementProfile.from_dict(document)


def with_device(profile: RequirementProfile, target: str) -> RequirementProfile:
    """The profile for another device."""
    return changed(profile, device={"target": target})


def _latency_key(profile: RequirementProfile) -> str:
    keys = [one.key for one in profile.requirements if one.metric.startswith("latency_")]
    return next(iter(keys), "latency_p95")


def _limit(profile: RequirementProfile, key: str) -> str:
    return next((one.text for one in profile.requirements if one.key == key), NONE)


def _with_limit(profile: RequirementProfile, key: str, sign: str, answer: str) -> RequirementProfile:
    """With a limit of its own, or without one; a comparison may be left out."""
    from selector.requirements import Requirement

    kept: list[Requirement] = [one for one in profile.requirements if one.key != key]
    if answer.lower() not in (NONE, "", "no", "-"):
        kept.insert(0, Requirement.parse(key, answer if _SIGN.match(answer) else f"{sign} {answer}"))
    return changed(profile, requirements=[one.model_dump() for one in kept])


def _priority(profile: RequirementProfile) -> str:
    metric = profile.objective.metric
    return next((name for name, ranked in PRIORITIES.items() if ranked[0] == metric), metric)


def _with_priority(profile: RequirementProfile, answer: str) -> RequirementProfile:
    from selector.metrics import METRICS
    from selector.requirements.requirement import read_metric

    ranked = PRIORITIES.get(answer.lower()) or (read_metric(answer).name, *PRIORITIES["accuracy"])
    metric, *others = dict.fromkeys(ranked)
    offline = profile.workload.scenario == "offline"
    meaningless = ["latency_"] if offline else []
    meaningless += ["accuracy_"] if profile.workload.task == "feature-extraction" else []
    breakers = [name for name in others if not name.startswith(tuple(meaningless))]
    direction = "minimize" if METRICS.get(metric).better == "lower" else "maximize"
    return changed(profile, objective={"direction": direction, "metric": metric, "tie_breakers": breakers})


def _models(profile: RequirementProfile) -> str:
    chosen = profile.candidates
    if not chosen.models:
        return " ".join(chosen.families)
    count = len(chosen.models)
    return f"the {count} entr{'y' if count == 1 else 'ies'} of {profile.name}"


def _with_families(profile: RequirementProfile, answer: str) -> RequirementProfile:
    from selector.catalog import load_catalog

    families = [name for name in re.split(r"[,\s]+", answer) if name]
    load_catalog().select((), families)  # names that do not exist are told
    return changed(profile, candidates={"models": [], "families": families, "exclude": []})


QUESTIONS: tuple[Question, ...] = (
    Question("Name of the profile", lambda profile: profile.name, lambda profile, name: changed(profile, name=name)),
    Question("Device (auto, cpu, cuda, fake)", lambda profile: profile.device.target, with_device),
    Question(
        "Images in one query",
        lambda profile: str(profile.workload.batch_size),
        lambda profile, count: changed(profile, workload={"batch_size": count}),
    ),
    Question(
        'Latency of a query at most, e.g. 50 ms, or "none"',
        lambda profile: _limit(profile, _latency_key(profile)),
        lambda profile, text: _with_limit(profile, _latency_key(profile), "<", text),
        lambda profile: profile.workload.scenario != "offline",
    ),
    Question(
        'Published top-1 accuracy at least, e.g. 80 %, or "none"',
        lambda profile: _limit(profile, "accuracy_top1"),
        lambda profile, text: _with_limit(profile, "accuracy_top1", ">=", text),
        lambda profile: profile.workload.task == "image-classification",
    ),
    Question(f"What matters most ({', '.join(PRIORITIES)})", _priority, _with_priority),
    Question("Families of models, e.g. convnext swin (`selector models --families`)", _models, _with_families),
)
"""In the order in which they are asked."""
