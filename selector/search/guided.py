"""Guided search: the candidate most likely to be the best is next, until nothing better is likely to be missed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from selector.search.base import STRATEGIES, Account, SearchState, Stop, Strategy
from selector.search.expecting import Expecting
from selector.types import Measurement, Missed, Outcome, Planned

if TYPE_CHECKING:
    from selector.search.predicting.features import Floats, Work
    from selector.search.predicting.guide import Guide, Proposal
    from selector.search.task import Task

Cell = tuple[str, str, int, int, int]

_OPENING = 3
_UNKNOWN_PARAMETERS, _PER_GMAC = 1e7, 5e6


class Guided(Strategy):
    """Predicts what is not measured, measures what may be best, and stops at the profile's confidence.

    What a candidate took is learned from every measurement, failures say nothing of time. The arithmetic is that of
    `selector.search.predicting.guide`, which is replayed on published tables.
    """

    def __init__(self) -> None:
        self._rows: dict[Cell, int] = {}
        self._planned: dict[str, Planned] = {}
        self._row_of: dict[str, int] = {}
        self._chosen: dict[int, Planned] = {}
        self._for_best: tuple[float, ...] | None = None
        self._bars: Floats
        self._merit: Floats | None = None
        self._expecting: Expecting | None = None
        self._losses: dict[tuple[str, str], tuple[float, ...] | None] = {}
        self._task: Task | None = None
        self._guide: Guide | None = None
        self._seen: set[str] = set()

    def next(self, state: SearchState) -> Planned | Stop:
        """The candidate with the largest chance of being the best for the seconds that it is expected to take."""
        if not state.open:
            return Stop("exhausted", 1.0)
        proposal, chosen = self._proposed(state)
        if proposal.index is None:
            return Stop("confidence", max(1.0 - proposal.risk, 1e-9))
        return chosen[proposal.index]

    def account(self, state: SearchState) -> Account:
        """How sure it is that nothing better is missed, and who might be."""
        if not state.open:
            return Account(1.0)
        proposal, chosen = self._proposed(state)
        chances = [Missed(one.candidate.id, float(proposal.chances[row])) for row, one in chosen.items()]
        likely = sorted((one for one in chances if one.chance > 0), key=lambda one: (-one.chance, one.candidate))
        return Account(1.0 - proposal.risk if proposal.risk < 1 else None, tuple(likely))

    def _proposed(self, state: SearchState) -> tuple[Proposal, dict[int, Planned]]:
        """What the guide says of a state in which something is open, with the candidate that each open row means."""
        import numpy as np

        guide, task = self._prepared(state)
        best = self._best(state, task)
        names = {planned.candidate.id for planned in state.open}
        rows = {self._row_of[name] for name in names}
        chosen = {row: one for row, one in self._chosen.items() if one.candidate.id in names}
        if chosen.keys() != rows or best != self._for_best:
            chosen = self._choose(state, task, best)
        self._chosen, self._for_best = chosen, best
        open_ = np.zeros(len(self._rows), dtype=bool)
        open_[list(chosen)] = True
        return guide.propose(open_, self._bars, self._merit, self._expected(chosen)), chosen

    def _expected(self, chosen: dict[int, Planned]) -> Floats:
        """Seconds that measuring the candidate of each row is expected to take, as learned so far."""
        import numpy as np

        assert self._expecting is not None
        costs = np.ones(len(self._rows))
        factors = {
            way: self._expecting.factor(way) for way in {one.candidate.optimization for one in chosen.values()}
        }
        for row, one in chosen.items():
            costs[row] = self._expecting.estimate(one) * factors[one.candidate.optimization]
        return costs

    def _best(self, state: SearchState, task: Task) -> tuple[float, ...] | None:
        """Figures of the best candidate that is proven feasible."""
        best = None
        for name, measurement in state.measured.items():
            if name not in self._planned:
                continue
            key = name, measurement.id
            if key not in self._losses:
                self._losses[key] = task.losses(self._planned[name], measurement)
            losses = self._losses[key]
            if losses is not None and (best is None or losses < best):
                best = losses
        return best

    def _choose(self, state: SearchState, task: Task, best: tuple[float, ...] | None) -> dict[int, Planned]:
        """By row, the open candidate that speaks for it, with its bar and merit.

        Tags of one architecture take the same time: the one that has most to win speaks for all.
        """
        import numpy as np

        count = len(self._rows)
        self._bars, merit = np.full(count, -np.inf), np.full(count, -np.inf)
        chosen: dict[int, Planned] = {}
        by_speed = True
        for planned in sorted(state.open, key=lambda one: one.candidate.id):
            row = self._row_of[planned.candidate.id]
            seconds = task.bar(planned, best)
            bar = math.log(seconds) if seconds > 0 else -math.inf
            worth = task.merit(planned)
            by_speed = by_speed and worth is None
            worth = -math.inf if worth is None else worth
            if row not in chosen or (bar, worth) > (self._bars[row], merit[row]):
                chosen[row], self._bars[row], merit[row] = planned, bar, worth
        self._merit = None if by_speed else merit
        return chosen

    def _prepared(self, state: SearchState) -> tuple[Guide, Task]:
        """The guide over all that was ever open or is known, told of what was measured since."""
        from selector.search.task import Task

        if (
            self._guide is None
            or self._task is None
            or self._expecting is None
            or any(one.candidate.id not in self._planned for one in (*state.considered, *state.open))
        ):
            known = {one.candidate.id: one for one in (*state.considered, *state.open)}
            self._planned, self._seen, self._losses, self._chosen = known, set(), {}, {}
            self._expecting = Expecting(state.profile, state.environment)
            cells = {_cell(known[name]): known[name] for name in sorted(known, reverse=True)}
            self._rows = {cell: row for row, cell in enumerate(sorted(cells))}
            self._row_of = {name: self._rows[_cell(one)] for name, one in known.items()}
            self._guide = _new_guide([cells[cell] for cell in self._rows], state.profile.evaluation.confidence)
            self._task = Task(state.profile)
        rows = {self._row_of[name] for name in self._seen}
        for name in sorted(state.measured.keys() & self._planned.keys() - self._seen):
            self._seen.add(name)
            row = self._row_of[name]
            seconds = _seconds(state.measured[name])
            if seconds is not None and row not in rows:
                rows.add(row)
                self._guide.observe(row, math.log(seconds))
                self._expecting.learn(self._planned[name], state.measured[name])
        return self._guide, self._task


def _cell(planned: Planned) -> Cell:
    """What decides a candidate's speed within one profile: not the weights' tag."""
    one = planned.candidate
    return one.architecture, one.optimization, *one.image_size, one.num_classes


def _new_guide(planned: list[Planned], confidence: float) -> Guide:
    import numpy as np

    from selector.search.predicting.cost_model import Blend, CostModel, Kernel, hyperparameters, work_mean
    from selector.search.predicting.features import features_of
    from selector.search.predicting.guide import Guide

    features = features_of([_work(one) for one in planned])
    names = {name: number for number, name in enumerate(sorted({one.candidate.optimization for one in planned}))}
    ways = [names[one.candidate.optimization] for one in planned]
    mean = work_mean(features) + np.log([one.candidate.batch_size for one in planned])
    figures = [hyperparameters(kind) for kind in ("cold", "free")]
    return Guide(
        Blend([CostModel(mean, Kernel(features, one, ways), one.own) for one in figures]), confidence, _OPENING
    )


def _work(planned: Planned) -> Work:
    from selector.search.predicting.features import Work

    facts, candidate = planned.facts, planned.candidate
    scale = math.prod(candidate.image_size) / math.prod(facts.image_size)
    parameters = facts.parameters or _UNKNOWN_PARAMETERS
    gmacs = (facts.gmacs if facts.gmacs is not None else parameters / _PER_GMAC) * scale
    # Without a count, the ratio that is usual among convolutional networks stands in.
    activations = facts.activations * scale / 1e6 if facts.activations is not None else 5.0 * gmacs
    return Work(
        facts.architecture, facts.family, gmacs, activations, parameters / 1e6, float(math.prod(candidate.image_size))
    )


def _seconds(measurement: Measurement) -> float | None:
    """Mean seconds of a query; None where nothing was timed."""
    if measurement.outcome is not Outcome.OK or measurement.observation is None:
        return None
    mean = measurement.observation.summary.mean.value
    return mean if mean > 0 else None


STRATEGIES.register("guided", Guided)
