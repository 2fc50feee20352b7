"""From a profile to the rule by which timing a candidate stops."""

from __future__ import annotations

from selector.profiler.protocol import StoppingRule, Target
from selector.requirements import RequirementProfile
from selector.types import Measurement, Outcome


def stopping_rule(profile: RequirementProfile) -> StoppingRule:
    """When timing a candidate may stop: which statistics the profile asks for, and their limits.

    A throughput or price is decided by the mean; its limit in seconds per query follows from batch size, device
    count and price. A statistic that the objective ranks by must be narrow, not only on one side of its limit.
    """
    _, ranked = _statistic(profile.objective.metric)
    asked = [ranked, *(_statistic(metric)[1] for metric in profile.objective.tie_breakers[:1])]
    limits: dict[str, float | None] = {statistic: None for statistic in asked if statistic is not None}
    for requirement in profile.requirements:
        family, statistic = _statistic(requirement.metric)
        if statistic is None:
            continue
        limit = _seconds_per_query(profile, family, requirement.limit)
        known = limits.get(statistic)
        limits[statistic] = limit if known is None or limit is None else min(known, limit)
    targets = tuple(Target(name, limit, ranked=name == ranked) for name, limit in sorted(limits.items()))
    return StoppingRule(targets or (Target("p50"),), profile.evaluation.candidate_time)


def suffices(measurement: Measurement, rule: StoppingRule) -> bool:
    """Whether a stored measurement answers a profile; a failure does, it is not tried again unless asked."""
    if measurement.outcome is not Outcome.OK or measurement.observation is None:
        return True
    return rule.verdict(measurement.observation.summary) is not None


def _seconds_per_query(profile: RequirementProfile, family: str, limit: float) -> float | None:
    """A limit of a rate or price as seconds per query; None where it cannot be said."""
    if family == "throughput":
        return profile.workload.batch_size * profile.device.count / limit
    if family == "cost":
        price = profile.device.price
        return limit * profile.workload.batch_size / (1e6 * price) if price else None
    return limit


def _statistic(metric: str) -> tuple[str, str | None]:
    """The family of a metric, and the latency statistic that decides it, None for metrics without one."""
    if metric.startswith("latency_"):
        return "latency", metric.removeprefix("latency_")
    if metric == "throughput":
        return "throughput", "mean"
    return ("cost", "mean") if metric == "cost_per_million" else (metric, None)
