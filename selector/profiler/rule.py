"""From a profile to the rule by which timing a candidate stops."""

from __future__ import annotations

from selector.metrics import metric_of
from selector.profiler.protocol import StoppingRule, Target
from selector.requirements import RequirementProfile
from selector.types import Measurement, Outcome


def stopping_rule(profile: RequirementProfile) -> StoppingRule:
    """When timing a candidate may stop: which statistics the profile asks for, and their limits.

    A throughput or price is decided by the mean; its limit in seconds per query follows from batch size, device
    count and price. A statistic that the objective ranks by must be narrow, not only on one side of its limit.
    """
    ranked = _statistic(profile.objective.metric)
    asked = [ranked, *(_statistic(metric) for metric in profile.objective.tie_breakers[:1])]
    limits: dict[str, float | None] = {statistic: None for statistic in asked if statistic is not None}
    for requirement in profile.requirements:
        statistic = _statistic(requirement.metric)
        if statistic is None:
            continue
        limit = _seconds_per_query(profile, requirement.metric, requirement.limit)
        known = limits.get(statistic)
        limits[statistic] = limit if known is None or limit is None else min(known, limit)
    targets = tuple(Target(name, limit, ranked=name == ranked) for name, limit in sorted(limits.items()))
    return StoppingRule(targets or (Target("p50"),), profile.evaluation.candidate_time)


def suffices(measurement: Measurement, rule: StoppingRule) -> bool:
    """Whether a stored measurement answers a profile.

    A failure does, it is not tried again unless asked. One that was disturbed does not: it tells of the machine's
    hour, not of the candidate.
    """
    if measurement.outcome is Outcome.UNSTABLE:
        return False
    if measurement.outcome is not Outcome.OK or measurement.observation is None:
        return True
    return rule.verdict(measurement.observation.summary) is not None


def _seconds_per_query(profile: RequirementProfile, metric: str, limit: float) -> float | None:
    """A limit of a rate or price as seconds per query; None where it cannot be said."""
    if metric == "throughput":
        return profile.workload.batch_size * profile.device.count / limit
    if metric == "cost_per_million":
        price = profile.device.price
        return limit * profile.workload.batch_size / (1e6 * price) if price else None
    return limit if metric.startswith("latency_") else None


def _statistic(key: str) -> str | None:
    """The latency statistic that decides a metric, None for metrics without one."""
    return metric_of(key).statistic
