"""The measuring part of one run: strategy, engine and store in a loop."""

from __future__ import annotations

import time
from collections.abc import Mapping

from selector.decision import decide
from selector.decision.finalists import Finalists, finalists
from selector.engines.examiner import Examiner
from selector.engines.local import LocalEngine, Order
from selector.engines.run import Observer, Options, Prospect
from selector.engines.runoff import RunOffFailed
from selector.engines.server import Stopped, remove_left
from selector.engines.weights import WeightsPolicy
from selector.optimizations.calibration import CalibrationSet, check_images, find_calibration
from selector.profiler.rule import stopping_rule, suffices
from selector.requirements import RequirementProfile
from selector.search import Account, SearchState, Stop, resolve_strategy
from selector.search.expecting import expecting
from selector.store import Store
from selector.store.evidence import gather, stored
from selector.types import Certificate, Measurement, Planned, speed_identity

_NAMED = 5
"""Candidates that a certificate names as likeliest to be missed."""
_RUN_OFFS = 4
"""At most: after one, somebody else may be ahead, with others near."""


class Campaign:
    """Measures what is open, until the strategy, the time budget or the user says stop.

    Args:
        profile: What is asked.
        store: Every measurement is committed to it as it is made.
        prospect: What is to be done.
        run_id: The run in the store.
        options: How the run goes.
        observer: Is told how it goes.
        weights: Which models run on their published weights.
        started: `time.monotonic()` at the run's beginning; the time budget counts from there, but for the time in
            which another run held the device.
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
        started: float,
    ) -> None:
        self._profile = profile
        self._store = store
        self._prospect = prospect
        self._run_id = run_id
        self._options = options
        self._observer = observer
        self._weights = weights
        self._started = started
        self._rule = stopping_rule(profile)
        self._calibration: CalibrationSet | None = None
        self._examiner = Examiner(
            profile,
            store,
            prospect.plan,
            run_id,
            order=self._order,
            observer=observer,
            force=options.force,
        )
        self._measuring_seconds = 0.0
        _, self._strategy = resolve_strategy(prospect.strategy)
        self._wanted = {one.candidate.id for one in prospect.open}

    @property
    def measured_seconds(self) -> float:
        """Spent in measuring, examining included."""
        return self._measuring_seconds + self._examiner.seconds

    def run(self) -> Certificate:
        """Measures, and says how the search went."""
        remove_left(self._options.cache)
        asked = self._profile.calibration
        if asked is not None:
            self._calibration = find_calibration(asked.images, asked.count)
            check_images(self._calibration, self._options.cache)
        self._examiner.prepare(self._options.cache, self._prospect.plan.environment.threads)
        measured = dict(self._prospect.stored)
        stop = Stop("exhausted", 1.0)
        if self._prospect.open or self._examiner.wanted() or self._finalists() is not None:
            try:
                with self._engine() as engine:
                    stop = self._measure_all(engine, measured) if self._prospect.open else stop
                    if stop.because not in ("time_budget", "interrupted"):
                        self._examiner.run(engine, lambda: self._is_over(engine))
                        self._run_offs(engine)
            except Stopped:
                stop = Stop("interrupted", None)
        return self._certificate(stop, measured)

    def _certificate(self, stop: Stop, measured: Mapping[str, Measurement]) -> Certificate:
        """How the search went, whoever ended it; what it leaves open is told of the state in which it ended."""
        wanted = len(self._prospect.open) + len(self._prospect.stored)
        considered = tuple(
            one
            for one in self._prospect.plan.considered
            if one.candidate.id in measured or one.candidate.id in self._wanted
        )
        left = tuple(one for one in considered if one.candidate.id not in measured)
        environment = self._prospect.plan.environment
        account = Account(stop.confidence)
        if left:
            account = self._strategy.account(self._state(left, measured, 0.0, considered))
        return Certificate(
            self._prospect.strategy,
            wanted,
            len(measured),
            account.confidence if stop.confidence is None else stop.confidence,
            stop.because,
            self._profile.evaluation.confidence,
            expecting(self._profile, environment, considered, measured).seconds(left),
            account.missed[:_NAMED],
        )

    def _state(
        self,
        left: tuple[Planned, ...],
        measured: Mapping[str, Measurement],
        elapsed: float,
        considered: tuple[Planned, ...],
    ) -> SearchState:
        environment = self._prospect.plan.environment
        return SearchState(self._profile, left, dict(measured), elapsed, considered, environment)

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

    def _measure_all(self, engine: LocalEngine, measured: dict[str, Measurement]) -> Stop:
        """Measures one candidate after the other, and notes each in `measured` under every id that it speaks for."""
        strategy = self._strategy
        environment = self._prospect.plan.environment
        budget = self._profile.evaluation.time_budget
        if engine.waited and not self._options.force:
            measured.update(self._measured_meanwhile())
        left = tuple(one for one in self._prospect.open if one.candidate.id not in measured)
        identities = {one.candidate.id: speed_identity(one.candidate, environment) for one in left}
        done = 0
        considered = tuple(
            one
            for one in self._prospect.plan.considered
            if one.candidate.id in measured or one.candidate.id in identities
        )
        while True:
            elapsed = time.monotonic() - self._started - engine.waited
            if self._options.stopping():
                return Stop("interrupted", None)
            if left and budget is not None and elapsed >= budget:
                return Stop("time_budget", None)
            state = self._state(left, measured, elapsed, considered)
            proposal = strategy.next(state)
            if isinstance(proposal, Stop):
                return proposal
            self._observer.measures(proposal, done, len(left))
            measurement = self._measure(engine, proposal)
            self._observer.measured(proposal, measurement)
            done += 1
            # Weights do not change speed: every tag of the architecture is now measured.
            for one in left:
                if identities[one.candidate.id] == measurement.identity:
                    measured[one.candidate.id] = measurement
            left = tuple(one for one in left if one.candidate.id not in measured)

    def _is_over(self, engine: LocalEngine) -> bool:
        """Whether the user or the time budget says stop."""
        budget = self._profile.evaluation.time_budget
        elapsed = time.monotonic() - self._started - engine.waited
        return self._options.stopping() or (budget is not None and elapsed >= budget)

    def _finalists(self) -> Finalists | None:
        """Who should meet before a winner is called."""
        return finalists(decide(self._profile, gather(self._store, self._prospect.plan)))

    def _run_offs(self, engine: LocalEngine) -> None:
        """Lets finalists meet until whoever is ahead has met everyone near."""
        planned = {one.candidate.id: one for one in self._prospect.plan.considered}
        for _ in range(_RUN_OFFS):
            who = self._finalists()
            if who is None or self._is_over(engine):
                return
            those = [planned[one.id] for one in who.assessments]
            self._observer.meets(those)
            try:
                run_off = engine.run_off([self._order(one) for one in those], who.statistic)
            except RunOffFailed as error:
                self._observer.met(None, str(error))
                return
            self._store.add_run_off(run_off)
            self._measuring_seconds += run_off.wall_seconds
            self._observer.met(run_off, "; ".join(run_off.disturbed_by))
            if run_off.disturbed_by:
                return

    def _order(self, planned: Planned) -> Order:
        return Order(
            planned.candidate,
            planned.facts,
            self._rule,
            self._profile.agreement[planned.candidate.precision],
            self._weights.pretrained(planned.facts),
            self._calibration,
        )

    def _measured_meanwhile(self) -> dict[str, Measurement]:
        """What the run that held the device has measured of what was open."""
        found = stored(self._store, self._prospect.open, self._prospect.plan.environment)
        return {name: measurement for name, measurement in found.items() if suffices(measurement, self._rule)}

    def _measure(self, engine: LocalEngine, planned: Planned) -> Measurement:
        result = engine.measure(self._order(planned), lambda name: self._observer.phase(planned, name))
        if result.weights_missing:
            self._weights.give_up(planned.facts)
        self._store.add(result.measurement, new_series=self._options.force)
        self._measuring_seconds += result.measurement.wall_seconds
        return result.measurement
