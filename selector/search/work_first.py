"""Least work first: the cheapest candidates are known soonest, and the time budget buys the most of them."""

from __future__ import annotations

from selector.search.base import STRATEGIES, SearchState, Stop, Strategy
from selector.search.estimate import estimate_seconds
from selector.types import Planned


class WorkFirst(Strategy):
    """Measures all that is open, in order of the seconds that it is expected to take.

    A model's ways stay together where their estimates are equal, so that what one builds the next one finds.
    """

    def next(self, state: SearchState) -> Planned | Stop:
        """The cheapest open candidate."""
        if not state.open:
            return Stop("exhausted", 1.0)
        return min(state.open, key=lambda planned: (estimate_seconds(state.profile, planned), planned.candidate.id))


STRATEGIES.register("work-first", WorkFirst)
