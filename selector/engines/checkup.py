"""The measuring part of a check: one candidate, visit after visit, each in processes of its own."""

from __future__ import annotations

from collections.abc import Callable

from selector.engines.local import LocalEngine, Order
from selector.engines.run import Observer, Options, Prospect
from selector.engines.server import remove_left
from selector.engines.weights import WeightsPolicy
from selector.optimizations.calibration import check_images, find_calibration
from selector.profiler.rule import stopping_rule
from selector.requirements import RequirementProfile
from selector.store import Store
from selector.types import Measurement, Planned


class Checkup:
    """Measures one candidate again until enough is known; every visit is committed, aside from what ranks.

    Args:
        profile: What is asked.
        store: Where visits are kept.
        prospect: Of the candidate alone.
        run_id: The run in the store.
        options: How the run goes.
        observer: Is told how it goes.
        weights: Whether the model runs on its published weights.
    """

    def __init__(
        self,
        profile: RequirementProfile,
        store: Store,
        prospect: Prospect,
        run_id: str,
        *,
        options: Options,
        observer: Observer,
        weights: WeightsPolicy,
    ) -> None:
        self._profile = profile
        self._store = store
        self._prospect = prospect
        self._run_id = run_id
        self._options = options
        self._observer = observer
        self._weights = weights
        self.measured_seconds = 0.0

    def run(self, enough: Callable[[Measurement], bool]) -> None:
        """Visits the candidate until that is enough.

        Args:
            enough: Is given each measurement once it is in the store.

        Raises:
            Stopped: The run was asked to stop.
        """
        remove_left(self._options.cache)
        (planned,) = self._prospect.open
        order = self._order(planned)
        done = 0
        with self._engine() as engine:
            while True:
                self._observer.measures(planned, done, 1)
                result = engine.measure(order, lambda name: self._observer.phase(planned, name))
                self._store.add(result.measurement, aside=True)
                self.measured_seconds += result.measurement.wall_seconds
                self._observer.measured(planned, result.measurement)
                done += 1
                if enough(result.measurement):
                    return

    def _order(self, planned: Planned) -> Order:
        asked, calibration = self._profile.calibration, None
        if asked is not None:
            calibration = find_calibration(asked.images, asked.count)
            check_images(calibration, self._options.cache)
        return Order(
            planned.candidate,
            planned.facts,
            stopping_rule(self._profile),
            self._profile.agreement[planned.candidate.precision],
            self._weights.pretrained(planned.facts),
            calibration,
        )

    def _engine(self) -> LocalEngine:
        return LocalEngine(
            self._prospect.device,
            self._prospect.plan.environment,
            self._options.cache,
            self._run_id,
            stopping=self._options.stopping,
            waiting=self._observer.waits,
            build_seconds=self._options.build_seconds,
            offline=self._weights.offline,
        )
