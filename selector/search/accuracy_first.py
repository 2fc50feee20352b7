"""The most accurate first, by published figures: what people do who trust a leaderboard."""

from __future__ import annotations

from selector.catalog import published_top1
from selector.search.base import STRATEGIES, SearchState, Stop, Strategy
from selector.types import Planned


class AccuracyFirst(Strategy):
    """Measures all that is open, in falling order of the published accuracy; what has none comes last."""

    def next(self, state: SearchState) -> Planned | Stop:
        """The open candidate with the highest published top-1."""
        if not state.open:
            return Stop("exhausted", 1.0)
        return min(state.open, key=lambda planned: (-(published_top1(planned.facts) or 0.0), planned.candidate.id))


STRATEGIES.register("accuracy-first", AccuracyFirst)
