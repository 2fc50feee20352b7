"""Everything, in the plan's order: what every other strategy is compared with."""

from __future__ import annotations

from selector.search.base import STRATEGIES, SearchState, Stop, Strategy
from selector.types import Planned


class Exhaustive(Strategy):
    """Measures all that is open, in the order of the plan."""

    def next(self, state: SearchState) -> Planned | Stop:
        """The first open candidate."""
        return state.open[0] if state.open else Stop("exhausted", 1.0)


STRATEGIES.register("exhaustive", Exhaustive)
