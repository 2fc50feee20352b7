"""How long a candidate that nobody has measured will take, and how sure that is.

The logarithm of the time is a Gaussian process around a prior mean: another device's table, or the work of the
model weighed by non-negative least squares. What remains is explained by a step of the whole device, by trends in
the work, by family, first word, stem and architecture of the model's name (each alone and with its own trend), and
by what is its own. Several ways of running a model are correlated. A measurement is taken in by a rank-one update.

Errors are heavy-tailed: some models defeat every predictor. Probabilities are therefore Student's with few degrees
of freedom, and their scale is that of the one-step-ahead residuals seen so far, a robust maximum-likelihood estimate
under that same distribution (Lange, Little and Taylor 1989) with the fitted scale as prior observations.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtr

from selector.search.predicting.features import Features, Floats, Integers

_FILE = Path(__file__).with_name("hyperparameters.json")
_FIRST_ROOM = 32
_HARDLY = 1e-4
_NARROW, _WIDE, _LIGHTER = 0.2, 0.3, 15.0
"""From which deviations on tails grow lighter, and by how many degrees of freedom. A model of a make that is known
can surprise by many deviations; one of an unknown make can be slower without bound, but hardly faster than its work
allows: on the RTX 3090, of 13,000 predictions wider than 0.25 the lowest residual was 3.5 deviations, of narrower
ones many were beyond six."""


@dataclass(frozen=True)
class Hyperparameters:
    """Fixed figures of the cost model, fitted by benchmarks/fit_search.py.

    Attributes:
        device: Standard deviation of the step of a device, in log time.
        trend: Of the slopes over the scaled work.
        smooth: Of what varies smoothly with the work.
        length: Length of that variation, in units of the scaled work.
        groups: Standard deviations of family, first word, stem, architecture.
        sloped: Of the same with a smooth trend inside the group.
        own: Of what is a candidate's own.
        way: Correlation of what two ways of running one model have in common.
        way_step: Standard deviation of the step of a way.
    """

    device: float
    trend: float
    smooth: float
    length: float
    groups: tuple[float, float, float, float]
    sloped: tuple[float, float, float, float]
    own: float
    way: float = 0.7
    way_step: float = 0.7


@cache
def shipped() -> dict[str, Any]:
    """What the fit has written: "work" (weights of the prior mean), "cold" and "transfer" (hyper-parameters)."""
    found: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def hyperparameters(kind: str) -> Hyperparameters:
    """The fitted figures: "cold" around the work, "transfer" around another device's table."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in shipped()[kind].items()
    }
    return Hyperparameters(**values)


def work_mean(features: Features) -> Floats:
    """Log of a non-negative sum of multiply-accumulates, activations, parameters and a step."""
    weights = np.array(shipped()["work"])
    mean: Floats = np.log(features.work @ weights[:3] + weights[3])
    return mean


class Kernel:
    """Covariances of the candidates' log times, without what is each one's own; columns are made when asked for.

    Args:
        features: Of the candidates' models, one row a candidate.
        figures: The hyper-parameters.
        ways: Number of each candidate's way of running, or None where there is one.
    """

    def __init__(self, features: Features, figures: Hyperparameters, ways: Sequence[int] | None = None) -> None:
        self._features = features
        self._figures = figures
        count = len(features.scaled)
        self._ways: Integers = np.zeros(count, np.int64) if ways is None else np.asarray(ways, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ways)

    def column(self, index: int) -> Floats:
        """Covariances of all candidates with one of them."""
        return self.block(np.array([index]))[:, 0]

    def block(self, indices: Integers) -> Floats:
        """Covariances of all candidates with some of them, one column each."""
        figures, scaled = self._figures, self._features.scaled
        difference = scaled[:, None, :] - scaled[None, indices, :]
        near = np.exp(-0.5 * np.einsum("ijk,ijk->ij", difference, difference) / figures.length**2)
        inside = near**4
        total = figures.trend**2 * (scaled @ scaled[indices].T) + figures.smooth**2 * near
        for level in range(4):
            same = self._features.groups[:, level, None] == self._features.groups[None, indices, level]
            total += same * (figures.groups[level] ** 2 + figures.sloped[level] ** 2 * inside)
        same_way = self._ways[:, None] == self._ways[None, indices]
        total *= np.where(same_way, 1.0, figures.way)
        total += figures.device**2 + figures.way_step**2 * same_way * (self._ways[None, indices] > 0)
        return np.asarray(total)

    def diagonal(self) -> Floats:
        """Variance of each candidate."""
        figures, scaled = self._figures, self._features.scaled
        groups = sum(one**2 for one in (*figures.groups, *figures.sloped))
        trend = figures.trend**2 * np.einsum("ij,ij->i", scaled, scaled)
        step = figures.device**2 + figures.way_step**2 * (self._ways > 0)
        return np.asarray(trend + figures.smooth**2 + groups + step)


class Covariances:
    """A kernel whose matrix is computed once, for those who search many times among the same candidates."""

    def __init__(self, kernel: Kernel) -> None:
        self._matrix = kernel.block(np.arange(len(kernel)))

    def __len__(self) -> int:
        return len(self._matrix)

    def column(self, index: int) -> Floats:
        """As of `Kernel`."""
        return np.asarray(self._matrix[:, index])

    def diagonal(self) -> Floats:
        """As of `Kernel`."""
        return np.diagonal(self._matrix).copy()


class CostModel:
    """Predicts log seconds of candidates, and learns.

    Args:
        mean: Prior mean of each candidate.
        kernel: Covariances of the rest.
        own: Standard deviation of what is each candidate's own.
        freedom: Degrees of freedom of Student's distribution.
        weight: How many observations the fitted scale counts for.
    """

    def __init__(
        self,
        mean: Floats,
        kernel: Kernel | Covariances,
        own: float | Floats,
        freedom: float = 5.0,
        weight: float = 8.0,
    ) -> None:
        self.mean = np.array(mean, dtype=float)
        self._kernel = kernel
        self._variance = kernel.diagonal()
        self._own: Floats = np.broadcast_to(np.square(own), self.mean.shape)
        self._freedom, self._weight = freedom, weight
        self._basis = np.empty((_FIRST_ROOM, len(self.mean)))
        self._steps = 0
        self._surprises: list[float] = []
        self.scale = 1.0

    @property
    def surprises(self) -> tuple[float, ...]:
        """One-step-ahead residuals in predicted standard deviations, in order."""
        return tuple(self._surprises)

    def deviation(self) -> Floats:
        """Scale of each prediction, in log time."""
        return self.scale * np.sqrt(np.maximum(self._variance, 0.0) + self._own)

    def below(self, bars: Floats) -> Floats:
        """Chance that each candidate takes less than its bar, given as log seconds; -inf and inf are allowed."""
        deviation = self.deviation()
        freedom = self._freedom + _LIGHTER * np.clip((deviation / self.scale - _NARROW) / (_WIDE - _NARROW), 0.0, 1.0)
        return np.asarray(stdtr(freedom, (bars - self.mean) / deviation))

    def likelihood(self, index: int, seconds: float) -> float:
        """Log density of what a candidate took: log seconds."""
        deviation = self.scale * float(np.sqrt(max(self._variance[index], 0.0) + self._own[index]))
        surprise = (seconds - self.mean[index]) / deviation
        freedom = self._freedom
        return float(-0.5 * (freedom + 1) * np.log1p(surprise**2 / freedom) - np.log(deviation))

    def covariance(self, index: int) -> Floats:
        """Covariances of all with one, given what was observed."""
        known = self._basis[: self._steps]
        return self._kernel.column(index) - known[:, index] @ known

    def observe(self, index: int, seconds: float) -> None:
        """Takes in what a candidate took: log seconds."""
        column = self.covariance(index)
        variance = max(float(column[index]), 0.0) + float(self._own[index])
        residual = seconds - self.mean[index]
        self._surprises.append(float(residual / np.sqrt(variance)))
        if self._steps == len(self._basis):
            self._basis = np.concatenate([self._basis, np.empty_like(self._basis)])
        self._basis[self._steps] = column / np.sqrt(variance)
        self._steps += 1
        self.mean += column * (residual / variance)
        self._variance -= column**2 / variance
        self.scale = self._rescaled()

    def _rescaled(self) -> float:
        """Scale of Student's distribution by expectation maximization, never far below the fitted one."""
        squares = np.square(self._surprises)
        freedom, square = self._freedom, self.scale**2
        for _ in range(20):
            weights = (freedom + 1) / (freedom + squares / square)
            square = (self._weight + float(weights @ squares)) / (self._weight + len(squares))
        return float(np.sqrt(square))


class Blend:
    """Several cost models at once, each believed as far as it has foretold what was observed.

    Which prior fits a device is not known beforehand: the table of a similar device is worth much, that of another
    kind little. The weights are those of Bayesian model averaging over one-step-ahead predictions.

    Args:
        models: Over the same candidates, the one believed most beforehand first.
    """

    def __init__(self, models: Sequence[CostModel]) -> None:
        self._models = tuple(models)
        self._evidence = np.zeros(len(self._models))

    @property
    def weights(self) -> Floats:
        """How far each model is believed; in sum 1."""
        raised = np.exp(self._evidence - self._evidence.max())
        return np.asarray(raised / raised.sum())

    @property
    def leading(self) -> CostModel:
        """The model that is believed most."""
        return self._models[int(np.argmax(self._evidence))]

    @property
    def mean(self) -> Floats:
        """Expected log seconds."""
        return np.asarray(sum(weight * one.mean for weight, one in zip(self.weights, self._models, strict=True)))

    @property
    def scale(self) -> float:
        """Of the leading model."""
        return self.leading.scale

    def deviation(self) -> Floats:
        """Of the leading model."""
        return self.leading.deviation()

    def covariance(self, index: int) -> Floats:
        """Of the leading model, given what was observed."""
        return self.leading.covariance(index)

    def below(self, bars: Floats) -> Floats:
        """Chance that each candidate takes less than its bar."""
        return np.asarray(sum(weight * one.below(bars) for weight, one in self._believed()))

    def _believed(self) -> list[tuple[float, CostModel]]:
        """Models with their weights; those that are hardly believed are passed over."""
        pairs = zip(self.weights.tolist(), self._models, strict=True)
        return [(weight, one) for weight, one in pairs if weight >= _HARDLY]

    def observe(self, index: int, seconds: float) -> None:
        """Takes in what a candidate took: log seconds."""
        for position, one in enumerate(self._models):
            self._evidence[position] += one.likelihood(index, seconds)
            one.observe(index, seconds)
