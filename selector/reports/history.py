"""Runs and what they measured, as rows for those who look back or watch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from selector.quantities import format_quantity
from selector.reports.provenance import device_name, stopped
from selector.reports.text import plain
from selector.reports.values import MISSING, show
from selector.types import Outcome

if TYPE_CHECKING:
    from selector.store import RunRecord
    from selector.types import Environment, Measurement


def run_columns(
    runs: Sequence[RunRecord], outcomes: Mapping[str, Mapping[str, int]], environments: Sequence[Environment] = ()
) -> dict[str, list[Any]]:
    """The runs as columns of a table.

    Args:
        runs: In the order of the rows.
        outcomes: Measurements by run and outcome.
        environments: All of the store, the newest first.
    """
    newest = {one.device_id: one.id for one in reversed(environments)}
    ok = Outcome.OK.value
    counted = [outcomes.get(run.id, {}) for run in runs]
    return {
        "run": [run.id for run in runs],
        "profile": [plain(run.profile_name) for run in runs],
        "kind": ["check" if run.is_check else "evaluation" for run in runs],
        "device": [device_name(run.environment) for run in runs],
        "status": [run.status for run in runs],
        "began (UTC)": [f"{run.started:%Y-%m-%d %H:%M:%S}" for run in runs],
        "took": [took(run) for run in runs],
        "measured": [one.get(ok, 0) for one in counted],
        "failed": [sum(one.values()) - one.get(ok, 0) for one in counted],
        "evidence": [_standing(run, newest.get(run.environment.device_id)) for run in runs],
        "search": [_search(run) for run in runs],
    }


def _standing(run: RunRecord, newest: str | None) -> str:
    """Whether a decision of today uses what a run measured: only that of its device's newest environment."""
    if run.is_check:
        return "stands aside: a check"
    return "in use" if newest in (None, run.environment.id) else "stale: the device's environment has changed"


def took(run: RunRecord) -> str:
    """How long a run took; "–" while it is going on."""
    if run.finished is None:
        return MISSING
    return format_quantity(max(0.0, (run.finished - run.started).total_seconds()), "time")


def _search(run: RunRecord) -> str:
    if run.certificate is None:
        return plain(run.strategy)
    return plain(
        f"{run.certificate.strategy}: {run.certificate.measured:,} of {run.certificate.candidates:,}, "
        f"{stopped(run.certificate.stopped_because)}"
    )


def going_on(runs: Sequence[RunRecord]) -> tuple[RunRecord, ...]:
    """Those that have not ended."""
    return tuple(run for run in runs if run.status == "running")


def since(run: RunRecord, now: dt.datetime | None = None) -> str:
    """How long ago a run began.

    Args:
        run: The run.
        now: In UTC; the present without it.
    """
    now = now or dt.datetime.now(dt.UTC)
    started = run.started if run.started.tzinfo else run.started.replace(tzinfo=dt.UTC)
    return format_quantity(max(0.0, (now - started).total_seconds()), "time")


def measurement_columns(measurements: Sequence[Measurement]) -> dict[str, list[Any]]:
    """Measurements as columns of a table, in the order given."""
    return {
        "candidate": [plain(one.candidate.id) for one in measurements],
        "outcome": [one.outcome.value.replace("_", " ") for one in measurements],
        "p50": [_percentile(one, "p50") for one in measurements],
        "p95": [_percentile(one, "p95") for one in measurements],
        "at (UTC)": [f"{one.created:%H:%M:%S}" for one in measurements],
        "took": [format_quantity(one.wall_seconds, "time") for one in measurements],
        "told": [plain(one.message) for one in measurements],
    }


def _percentile(one: Measurement, percentile: str) -> str:
    found = None if one.observation is None else one.observation.summary.percentiles.get(percentile)
    return MISSING if found is None else show(f"latency_{percentile}", found.value)
