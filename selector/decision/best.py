"""The best candidate while a run goes on: cheap enough to be asked after every measurement.

It is a hint for whoever waits, not a decision: figures are compared by their values, without intervals, ties and
run-offs. Whoever is best so far meets every requirement as `decide` would judge it on what is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from selector.decision.assessing import Assessor
from selector.decision.figures import metric_of
from selector.decision.ranking import criteria_of
from selector.decision.reasons import figure
from selector.decision.records import Assessment, Status
from selector.metrics import MetricValue
from selector.requirements import RequirementProfile
from selector.types import Evidence, Measurement, Plan, Planned, speed_identity

_USUAL = ("latency_p50", "throughput")


class Best:
    """Is told measurements and knows the best feasible candidate. Each costs what assessing it costs, no more.

    Args:
        profile: What is asked.
        plan: What is considered.
        known: Measurements that are there beforehand, by candidate id.
    """

    def __init__(
        self, profile: RequirementProfile, plan: Plan, known: Mapping[str, Measurement] | None = None
    ) -> None:
        self._measurements: dict[str, Measurement] = {}
        self._assessor = Assessor(profile, Evidence(plan, self._measurements))
        self._criteria = criteria_of(profile)
        self._key = _telling(profile)
        self._best: tuple[tuple[float, ...], str] | None = None
        self._figure = ""
        self._speaks_for: dict[str, list[Planned]] = defaultdict(list)
        for planned in plan.considered:
            if planned.unavailable is None:
                self._speaks_for[speed_identity(planned.candidate, plan.environment)].append(planned)
        for planned in plan.considered:
            measurement = (known or {}).get(planned.candidate.id)
            if measurement is not None:
                self._judge(planned, measurement)

    @property
    def id(self) -> str:
        """The best so far; "" while none is feasible."""
        return "" if self._best is None else self._best[1]

    @property
    def figure(self) -> str:
        """Its objective's figure: "top-1 79.1 % (published)"."""
        return self._figure

    def add(self, measurement: Measurement) -> None:
        """Takes a measurement in, for every candidate that it speaks for: tags of one architecture share it."""
        for planned in self._speaks_for.get(measurement.identity, ()):
            self._judge(planned, measurement)

    def told(self, planned: Planned, measurement: Measurement) -> str:
        """The figure by which a measured candidate is told: the first measured one that the profile speaks of."""
        self._enter(planned, measurement)
        result = self._assessor.assess(planned).metrics[self._key]
        return figure(self._key, result) if isinstance(result, MetricValue) else ""

    def _enter(self, planned: Planned, measurement: Measurement) -> None:
        name = planned.candidate.id
        if self._measurements.get(name) is not measurement:
            self._measurements[name] = measurement
            self._assessor.figures.pop(name, None)

    def _judge(self, planned: Planned, measurement: Measurement) -> None:
        self._enter(planned, measurement)
        one = self._assessor.assess(planned)
        if self._best is not None and self._best[1] == one.id:
            self._best = None  # measured again: what was known of it is no longer true
            self._reconsider()
        if one.status is Status.RANKED:
            self._offer(one)

    def _reconsider(self) -> None:
        """Finds the best again among all that are measured."""
        for group in self._speaks_for.values():
            for planned in group:
                if planned.candidate.id in self._measurements:
                    one = self._assessor.assess(planned)
                    if one.status is Status.RANKED:
                        self._offer(one)

    def _offer(self, one: Assessment) -> None:
        loss = tuple(rule.span(one.metrics[rule.key]).value for rule in self._criteria)
        if self._best is None or (loss, one.id) < self._best:
            self._best = loss, one.id
            objective = self._criteria[0].key
            self._figure = figure(objective, one.metrics[objective])


def _telling(profile: RequirementProfile) -> str:
    """The metric by which a measurement is told while a run goes on."""
    objective = profile.objective
    keys = (*(one.key for one in profile.requirements), *objective.metrics, *objective.tie_breakers)
    offline = profile.workload.scenario == "offline"
    usual = _USUAL[1] if offline else _USUAL[0]
    return next((key for key in keys if metric_of(key).statistic is not None), usual)
