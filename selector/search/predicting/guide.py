"""The course of a guided search over log times: what to measure next and when it may end. Pure.

Production and benchmarks/replay.py run this very class: it knows candidates as numbers and never sees a time that
was not observed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selector.search.predicting.cost_model import Blend, CostModel
from selector.search.predicting.features import Floats
from selector.search.predicting.stopping import chance_of_best, missed

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Proposal:
    """What a guided search says of the state it is in.

    Attributes:
        index: The candidate to measure next, or None when the search may end.
        risk: Bound on the chance that something better is not measured.
        chances: Of each candidate to be feasible and better than the best so far; 0 where it is measured.
    """

    index: int | None
    risk: float
    chances: Floats


class Guide:
    """Proposes candidates until the risk is small enough.

    Args:
        model: Predicts log seconds.
        confidence: Asked for, below 1.
        opening: How many informative measurements come first.
    """

    def __init__(self, model: CostModel | Blend, confidence: float, opening: int) -> None:
        self.model = model
        self._risk = 1.0 - confidence
        self._opening = opening
        self._observed = 0

    def observe(self, index: int, seconds: float) -> None:
        """Takes in what a candidate took: log seconds."""
        self.model.observe(index, seconds)
        self._observed += 1

    def propose(self, open_: Mask, bars: Floats, merit: Floats | None, cost: Floats | None = None) -> Proposal:
        """The next candidate.

        Args:
            open_: Which are not measured.
            bars: Log seconds within which a candidate meets every limit and is better than the best so far; -inf
                for those that cannot be better.
            merit: By what candidates within their bars are preferred, or None for their speed.
            cost: Expected seconds of measuring each, or None where all cost the same.
        """
        chances = np.where(open_, self.model.below(bars), 0.0)
        eligible = open_ & (bars > -np.inf)
        risk = missed(chances)
        if not eligible.any() or (risk <= self._risk and self._observed >= self._opening):
            return Proposal(None, risk, chances)
        if self._observed < self._opening:
            return Proposal(self._informative(eligible), risk, chances)
        worth = chance_of_best(chances, -self.model.mean if merit is None else merit)
        if cost is not None:
            worth = worth / cost
        worth = np.where(eligible, worth, -1.0)
        return Proposal(int(np.argmax(worth)), risk, chances)

    def _informative(self, eligible: Mask) -> int:
        """The candidate that tells most of all the others: typical ones, not outliers."""
        if self._observed == 0:
            candidates = np.flatnonzero(eligible)
        else:
            spread = self.model.deviation() * eligible
            candidates = np.argsort(-spread, kind="stable")[: max(1, int(eligible.sum()))]
        # A few dozen spread over the rest are enough to find a telling one.
        some = np.sort(candidates)[:: max(1, len(candidates) // 48)]
        weight = eligible.astype(float)
        variance = (self.model.deviation() / self.model.scale) ** 2
        told = [float(weight @ self.model.covariance(index) ** 2) / variance[index] for index in some]
        return int(some[int(np.argmax(told))])
