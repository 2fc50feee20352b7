"""What run-offs say of two candidates."""

from __future__ import annotations

from collections.abc import Iterable

from selector.decision.figures import metric_of
from selector.metrics import Direction
from selector.types import Interval, RunOff


class Meetings:
    """Pairs that were timed in turn. The newest run-off of a pair speaks; a disturbed one says nothing.

    Args:
        run_offs: Newest first.
    """

    def __init__(self, run_offs: Iterable[RunOff] = ()) -> None:
        self._ratios: dict[tuple[str, str, str], Interval] = {}
        for run_off in run_offs:
            if run_off.disturbed_by:
                continue
            for duel in run_off.duels:
                self._ratios.setdefault((duel.first, duel.second, duel.statistic), duel.ratio)
                self._ratios.setdefault((duel.second, duel.first, duel.statistic), _inverse(duel.ratio))
        self.identities = frozenset(first for first, _, _ in self._ratios)

    def ratio(self, first: str | None, second: str | None, metric: str) -> Interval | None:
        """Seconds per query of `first` relative to those of `second`, by the statistic of a metric.

        Args:
            first: Speed identity, or None where nothing was measured.
            second: Likewise.
            metric: E.g. "latency_p95"; None comes back for one that no latency decides.
        """
        statistic = metric_of(metric).statistic
        if first is None or second is None or statistic is None:
            return None
        return self._ratios.get((first, second, statistic))

    def beats(
        self, first: str | None, second: str | None, metric: str, better: Direction, natural: Direction
    ) -> bool:
        """Whether `first` was better than `second` beyond the noise.

        Args:
            first: Speed identity.
            second: Speed identity.
            metric: What they are compared by.
            better: Which direction counts as better here.
            natural: Which direction of the metric means less time.
        """
        ratio = self.ratio(first, second, metric)
        if ratio is None or ratio.low is None or ratio.high is None:
            return False
        return ratio.high < 1 if better == natural else ratio.low > 1


def _inverse(ratio: Interval) -> Interval:
    return Interval(
        1 / ratio.value,
        None if ratio.high is None else 1 / ratio.high,
        None if not ratio.low else 1 / ratio.low,
    )
