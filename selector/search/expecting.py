"""How long measuring takes on this device: the estimate, corrected way by way by what was seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from selector.requirements import RequirementProfile
from selector.search.estimate import estimate_seconds
from selector.types import Environment, Measurement, Outcome, Planned, speed_identity

_DOUBT = 1.0
"""How many measurements the estimate counts for, and what is known of all ways for a single one."""


class Expecting:
    """Expected seconds of measuring candidates, builds included, learned from those that were measured.

    An estimate is of the right order only, and is wrong in the same direction for candidates of one way: a compiler
    is fast here and slow there. Its logarithm is shifted by what all measured candidates took beyond it, then by what
    those of the same way took.

    Args:
        profile: Batch size and time cap.
        environment: Where, None where that is not known.
    """

    def __init__(self, profile: RequirementProfile, environment: Environment | None) -> None:
        self._profile, self._environment = profile, environment
        self._estimates: dict[str, float] = {}
        self._beyond: dict[str, list[float]] = {}

    def learn(self, planned: Planned, measurement: Measurement) -> None:
        """Takes in what a candidate took; one that failed says little of those that will not."""
        if measurement.outcome is Outcome.OK and measurement.wall_seconds > 0:
            beyond = math.log(measurement.wall_seconds / self.estimate(planned))
            self._beyond.setdefault(planned.candidate.optimization, []).append(beyond)

    def estimate(self, planned: Planned) -> float:
        """Seconds as estimated before anything was seen."""
        name = planned.candidate.id
        if name not in self._estimates:
            self._estimates[name] = estimate_seconds(self._profile, planned, self._environment)
        return self._estimates[name]

    def factor(self, way: str) -> float:
        """By what the estimates of one way are to be multiplied."""
        seen = [one for several in self._beyond.values() for one in several]
        everywhere = math.fsum(seen) / (len(seen) + _DOUBT)
        mine = self._beyond.get(way, [])
        return math.exp((math.fsum(mine) + _DOUBT * everywhere) / (len(mine) + _DOUBT))

    def seconds(self, planned: Iterable[Planned]) -> float:
        """In all; what shares a speed measurement counts once."""
        factors: dict[str, float] = {}
        once: dict[str, float] = {}
        for one in planned:
            way = one.candidate.optimization
            if way not in factors:
                factors[way] = self.factor(way)
            key = one.candidate.id if self._environment is None else speed_identity(one.candidate, self._environment)
            once.setdefault(key, self.estimate(one) * factors[way])
        return math.fsum(once.values())


def expecting(
    profile: RequirementProfile,
    environment: Environment | None,
    planned: Iterable[Planned],
    measured: Mapping[str, Measurement],
) -> Expecting:
    """What is expected after some were measured; each measurement is learned from once.

    Args:
        profile: Batch size and time cap.
        environment: Where.
        planned: Candidates that may be among the measured.
        measured: By candidate id.
    """
    found, seen = Expecting(profile, environment), set()
    for one in planned:
        measurement = measured.get(one.candidate.id)
        if measurement is not None and measurement.id not in seen:
            seen.add(measurement.id)
            found.learn(one, measurement)
    return found
