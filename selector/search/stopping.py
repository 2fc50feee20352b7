"""When a search may end, and which candidate is worth the next measurement. Pure.

Whatever the objective, a candidate has a *bar*: the longest time with which it would meet every limit and be better
than the best so far. The chance that something better is missed is bounded over all candidates that are not
measured: a rule per candidate would stop wrongly far too often.

Student's distribution is a normal one whose precision is itself drawn (from a gamma distribution). What defeats a
predictor is a make of model, not one size of it, so candidates of one make share that draw: alone each has exactly
Student's chance, together they surprise together. The makes are joined by the union bound.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln, ndtr

from selector.search.features import Floats, Integers

_LOWEST, _HIGHEST, _NODES = math.log(0.03), math.log(2.6), 20


def missed(surprises: Floats, makes: Integers, freedom: float) -> float:
    """Bound on the chance that at least one of the candidates passes its bar.

    Args:
        surprises: Bars in deviations above the prediction; -inf for what cannot be better.
        makes: Number of each candidate's make.
        freedom: Degrees of freedom of Student's distribution.
    """
    finite = surprises > -np.inf
    if not finite.any():
        return 0.0
    order = np.argsort(makes[finite], kind="stable")
    ordered = makes[finite][order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    nodes, weights = _precisions(freedom)
    beyond = ndtr(nodes[:, None] * surprises[finite][order][None, :])
    none = np.add.reduceat(np.log1p(-np.minimum(beyond, 1 - 1e-12)), first, axis=1)
    return float(min(1.0, (weights @ -np.expm1(none)).sum()))


def _precisions(freedom: float) -> tuple[Floats, Floats]:
    """Nodes and weights of the square root of the precision: chi-square over its freedom, in logarithmic steps."""
    steps = np.linspace(_LOWEST, _HIGHEST, _NODES)
    half = freedom / 2
    square = np.exp(2 * steps)
    density = np.exp(math.log(2) + half * math.log(half) - gammaln(half) + 2 * half * steps - half * square)
    return np.exp(steps), density * (steps[1] - steps[0])


def chance_of_best(chances: Floats, merit: Floats) -> Floats:
    """Chance that each candidate passes its bar and no preferred one does, taken as independent.

    Args:
        chances: Of passing the bar.
        merit: By which they are preferred, largest first; of equal ones the likelier is first.
    """
    order = np.lexsort((-chances, -merit))
    none_before = np.concatenate([[1.0], np.cumprod(1.0 - chances[order])[:-1]])
    best = np.empty_like(chances)
    best[order] = chances[order] * none_before
    return best
