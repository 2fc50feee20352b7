"""What a search has to know of a requirement profile: who can still win, and how fast it would have to be. Pure.

A *bar* is the longest query with which a candidate meets every limit on time and is preferred to the best so far.
What cannot be foretold (memory, energy, agreement) is taken to hold, so that the chance of a miss is never told too
small; a score of weights bounds nobody beyond the limits.
"""

from __future__ import annotations

import math
from dataclasses import replace

from selector.metrics import METRICS, MetricValue, NotObserved, Terms, evaluate_metric, metric_of
from selector.requirements import RequirementProfile, Verdict, judge, reading_for
from selector.requirements.objective import SCORE
from selector.types import Measurement, Outcome, Planned


class Task:
    """A profile as a search sees it.

    Args:
        profile: What is asked.
    """

    def __init__(self, profile: RequirementProfile) -> None:
        self._profile = profile
        device = profile.device
        self._known: dict[tuple[str, str], float | None] = {}
        self._terms = Terms(profile.workload.batch_size, device.price, device.count, profile.traffic)
        rules = [(step.metric, step.within, step.relative) for step in profile.objective.steps]
        rules += [(name, 0.0, False) for name in profile.objective.tie_breakers]
        self._criteria = list({rule[0]: rule for rule in rules}.values())
        limits = [self._seconds(one.metric, one.limit) for one in profile.requirements]
        self.limit = min((one for one in limits if one is not None), default=math.inf)

    def losses(self, planned: Planned, measurement: Measurement) -> tuple[float, ...] | None:
        """The figures that rank a measured candidate, lower being better; None unless it is proven feasible."""
        if measurement.outcome is not Outcome.OK:
            return None
        reading = reading_for(self._profile, planned, measurement)
        for requirement in self._profile.requirements:
            if judge(requirement, evaluate_metric(requirement.key, reading)).verdict is not Verdict.HOLDS:
                return None
        ranked = []
        for metric, _, _ in self._criteria:
            result = evaluate_metric(metric, reading)
            if isinstance(result, NotObserved) and metric in self._profile.objective.metrics:
                return None
            ranked.append(_loss(metric, result.value) if isinstance(result, MetricValue) else math.inf)
        return tuple(ranked)

    def merit(self, planned: Planned) -> float | None:
        """The figure by which candidates are preferred before anything runs; None where that is their speed."""
        metric = self._criteria[0][0]
        if metric == SCORE or not metric_of(metric).static:
            return None
        loss = self._foretold(metric, planned)
        return -math.inf if loss is None else -loss

    def bar(self, planned: Planned, best: tuple[float, ...] | None) -> float:
        """Seconds per query within which a candidate is feasible and better than `best`; -inf when it cannot be."""
        if best is None:
            return self.limit
        for (metric, within, relative), mine in zip(self._criteria, best, strict=True):
            slack = within * abs(mine) if relative else within
            if metric != SCORE and metric_of(metric).static:
                loss = self._foretold(metric, planned)
                if loss is None or loss < mine:
                    return self.limit
                if loss > mine + slack:
                    return -math.inf
                continue
            seconds = self._seconds(metric, -mine if metric_of(metric).better == "higher" else mine)
            if metric == SCORE or seconds is None:
                return self.limit
            reach = seconds * (1 + within) if relative else (self._seconds(metric, abs(mine + slack)) or seconds)
            return min(self.limit, max(seconds, reach))
        return -math.inf

    def _foretold(self, metric: str, planned: Planned) -> float | None:
        """A static figure as a loss; of a way that may not claim the published one, that of fp32."""
        key = metric, planned.candidate.id
        if key not in self._known:
            self._known[key] = self._published(metric, planned)
        return self._known[key]

    def _published(self, metric: str, planned: Planned) -> float | None:
        plain = replace(planned, candidate=replace(planned.candidate, precision="fp32"))
        result = evaluate_metric(metric, reading_for(self._profile, plain, None))
        return _loss(metric, result.value) if isinstance(result, MetricValue) else None

    def _seconds(self, metric: str, limit: float) -> float | None:
        convert = METRICS.get(metric).per_query
        return None if convert is None or not limit else convert(limit, self._terms)


def _loss(metric: str, value: float) -> float:
    return -value if metric_of(metric).better == "higher" else value
