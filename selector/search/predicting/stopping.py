"""When a search may end, and which candidate is worth the next measurement. Pure.

Whatever the objective, a candidate has a *bar*: the longest time with which it would meet every limit and be better
than the best so far. The chance that something better is missed is bounded over all candidates that are not
measured: a rule per candidate would stop wrongly far too often.
"""

from __future__ import annotations

import numpy as np

from selector.search.predicting.features import Floats


def missed(chances: Floats) -> float:
    """Bound on the chance that at least one of the candidates would have passed its bar."""
    return float(min(1.0, chances.sum()))


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
