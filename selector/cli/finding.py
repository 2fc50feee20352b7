"""Which candidate `explain` is asked about."""

from __future__ import annotations

from selector.catalog import load_catalog
from selector.decision import Assessment, Decision
from selector.errors import UnknownNameError
from selector.search.left_out import LeftOut, left_out


def find(decision: Decision, reference: str) -> Assessment | LeftOut:
    """The candidate that is meant, or why one that exists is not considered.

    Raises:
        UnknownNameError: There is no such candidate.
        UsageError: Several are meant.
    """
    missing = left_out(decision.profile, load_catalog(), reference)
    considered = {one.id for one in decision.assessments}
    if missing is not None and missing.id == reference and reference not in considered:
        return missing  # its full name may be the beginning of another's, which is not the one that is asked for
    try:
        return decision.find(reference)
    except UnknownNameError:
        if missing is None or missing.id in considered:
            raise
        return missing
