"""From a profile to the rule by which timing a candidate stops."""

from __future__ import annotations

from selector.metrics import Terms, metric_of
from selector.profiler.protocol import StoppingRule, Target
from selector.requirements import RequirementProfile
from selector.types import Measurement, Outcome


def stopping_rule(profile: RequirementProfile) -> StoppingRule:
    """When timing a candidate may stop: which statistics the profile asks for, and their limits.

    A throughput or price is decided by the mean; its limit in seconds per query follows from batch size, device
    count, price and traffic (`Metric.per_query`). A statistic that the objective ranks by must be narrow, not only on
    one side of its limit.
    """
    ranked = {_statistic(metric) for metric in profile.objective.metrics} - {None}
    asked = [*ranked, *(_statistic(metric) for metric in profile.objective.tie_breakers[:1])]
    limits: dict[str, float | None] = {statistic: None for statistic in asked if statistic is not None}
    for requirement in profile.requirements:
        statistic = _statistic(requirement.metric)
        if statistic is None:
            continue
        limit = _seconds_per_query(profile, requirement.metric, requirement.limit)
        known = limits.get(statistic)
        limits[statistic] = limit if known is None or limit is None else min(known, limit)
    targets = tuple(Target(name, limit, ranked=name in ranked) for name, limit in sorted(limits.items()))
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
    """A limit as seconds per query; None where it cannot be said."""
    convert = metric_of(metric).per_query
    if convert is None:
        return None
    device = profile.device
    return convert(limit, Terms(profile.workload.batch_size, device.price, device.count, profile.traffic))


def _statistic(key: str) -> str | None:
    """The latency statistic that decides a metric, None for metrics without one."""
    return metric_of(key).statistic
