"""How long a run still takes: the estimate, corrected by what has been seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from selector.requirements import RequirementProfile
from selector.search.estimate import estimate_seconds
from selector.types import Environment, Planned, speed_identity


class Remaining:
    """Seconds that a run still takes, told candidate by candidate.

    What is left is estimated beforehand and multiplied by how much longer (or shorter) the candidates so far took
    than was estimated of them. One candidate of average size is taken to have gone as estimated, so that the first
    few do not throw the figure about.

    Args:
        profile: What is asked; its time budget is a limit.
        wanted: What is to be measured.
        environment: Where.
    """

    def __init__(self, profile: RequirementProfile, wanted: Sequence[Planned], environment: Environment) -> None:
        self._environment = environment
        self._left: dict[str, float] = {}
        self._counts: Counter[str] = Counter()
        for one in wanted:
            identity = speed_identity(one.candidate, environment)
            self._counts[identity] += 1
            if identity not in self._left:  # one measurement speaks for every tag of an architecture
                self._left[identity] = estimate_seconds(profile, one, environment)
        self._budget = profile.evaluation.time_budget
        self._weight = sum(self._left.values()) / len(self._left) if self._left else 0.0
        self._estimated = self._taken = self._elapsed = 0.0

    def seen(self, planned: Planned, seconds: float) -> int:
        """Takes in that a candidate has ended after so many seconds, well or not.

        Returns:
            How many of the wanted candidates are settled by that.
        """
        identity = speed_identity(planned.candidate, self._environment)
        self._elapsed += seconds
        if identity in self._left:
            self._estimated += self._left.pop(identity)
            self._taken += seconds
        return self._counts.pop(identity, 0)

    def seconds(self, running: float = 0.0) -> float:
        """What is left.

        Args:
            running: Seconds that the candidate at work has taken so far.
        """
        if not self._left:
            return 0.0
        expected = self._estimated + self._weight
        factor = (self._taken + self._weight) / expected if expected else 1.0
        left = max(0.0, factor * sum(self._left.values()) - running)
        return left if self._budget is None else max(0.0, min(left, self._budget - self._elapsed - running))
