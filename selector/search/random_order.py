"""Random order: the yardstick that every other strategy has to beat, and the template for a new one."""

from __future__ import annotations

from selector.search.base import STRATEGIES, SearchState, Stop, Strategy
from selector.types import Planned, content_hash


class RandomOrder(Strategy):
    """Measures all that is open, in an order that only the candidates' names decide."""

    def next(self, state: SearchState) -> Planned | Stop:
        """The open candidate whose name has the smallest hash."""
        if not state.open:
            return Stop("exhausted", 1.0)
        return min(state.open, key=lambda planned: content_hash(["random", planned.candidate.id]))


STRATEGIES.register("random", RandomOrder)
