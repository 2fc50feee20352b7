"""The questions that the store asks its database, with as few statements as their arguments allow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import sqlalchemy as sa

from selector.store.rows import plain
from selector.store.schema import ASIDE, environments, exclusions, measurements, observations, runs
from selector.types import Candidate, Environment, Outcome

_CHUNK = 500
"""Values in one IN list; older SQLite takes 999 parameters in a statement."""

Work = tuple[str, int, int, int, int, str, str, str]
"""What is computed and how, wherever: see `work_of`."""

_WORK = (
    measurements.c.architecture,
    measurements.c.num_classes,
    measurements.c.image_height,
    measurements.c.image_width,
    measurements.c.batch_size,
    measurements.c.scenario,
    measurements.c.latency_scope,
    measurements.c.optimization,
)

_MEASUREMENT = (
    sa.select(measurements, observations.c.summary, observations.c.document, observations.c.joined)
    .select_from(measurements.outerjoin(observations))
    .order_by(measurements.c.revision, measurements.c.id)
)


def newest_series(
    connection: sa.Connection, identities: Iterable[str], as_of: int | None = None
) -> Mapping[str, Sequence[sa.RowMapping]]:
    """By identity, the rows of its newest series (without raw samples) in the order in which they were added.

    Args:
        connection: Within a transaction.
        identities: Of any number.
        as_of: Only what was there at this revision.
    """
    other = measurements.alias("other")
    newest = sa.select(sa.func.max(other.c.series)).where(other.c.identity == measurements.c.identity)
    query = _MEASUREMENT.where(measurements.c.series != ASIDE)
    if as_of is not None:
        newest = newest.where(other.c.revision <= as_of)
        query = query.where(measurements.c.revision <= as_of)
    query = query.where(measurements.c.series == newest.correlate(measurements).scalar_subquery())
    found: dict[str, list[sa.RowMapping]] = defaultdict(list)
    for chunk in _chunks(identities):
        for row in connection.execute(query.where(measurements.c.identity.in_(chunk))).mappings():
            found[row["identity"]].append(row)
    return found


def holds_measurement(connection: sa.Connection, measurement_id: str) -> bool:
    """Whether there is a measurement of this id."""
    return connection.scalar(sa.select(measurements.c.id).where(measurements.c.id == measurement_id)) is not None


def number_of_newest_series(connection: sa.Connection, identity: str) -> int:
    """0 when the identity was never measured."""
    query = sa.select(sa.func.max(measurements.c.series)).where(measurements.c.identity == identity)
    return connection.scalar(query) or 0


def ok_in_series(connection: sa.Connection, identity: str, series: int) -> Sequence[sa.RowMapping]:
    """The ok rows of one series, in order."""
    query = _MEASUREMENT.where(
        measurements.c.identity == identity,
        measurements.c.series == series,
        measurements.c.outcome == Outcome.OK.value,
    )
    return connection.execute(query).mappings().all()


def ok_of(connection: sa.Connection, identity: str) -> Sequence[sa.RowMapping]:
    """The ok rows of all series, in order, without those that stand aside."""
    query = _MEASUREMENT.where(
        measurements.c.identity == identity,
        measurements.c.series != ASIDE,
        measurements.c.outcome == Outcome.OK.value,
    )
    return connection.execute(query).mappings().all()


def speaking(series: Sequence[sa.RowMapping]) -> Sequence[sa.RowMapping]:
    """Those rows of a series that speak for it: its ok ones, or else its newest alone."""
    return [row for row in series if row["outcome"] == Outcome.OK.value] or series[-1:]


def of_run(connection: sa.Connection, run_id: str) -> Sequence[sa.RowMapping]:
    """The rows that a run added, in order."""
    return connection.execute(_MEASUREMENT.where(measurements.c.run_id == run_id)).mappings().all()


def last_of_run(
    connection: sa.Connection, run_id: str, number: int, *, failed: bool = False
) -> Sequence[sa.RowMapping]:
    """The rows that a run added last, or the last of those that failed, in order."""
    newest = (
        sa.select(measurements.c.id)
        .where(measurements.c.run_id == run_id)
        .where(measurements.c.outcome != "ok" if failed else sa.true())
        .order_by(measurements.c.revision.desc(), measurements.c.id.desc())
        .limit(number)
    )
    return connection.execute(_MEASUREMENT.where(measurements.c.id.in_(newest))).mappings().all()


def outcomes_of_runs(connection: sa.Connection, run_ids: Iterable[str]) -> Mapping[str, Mapping[str, int]]:
    """By run and outcome, how many measurements it added."""
    query = sa.select(measurements.c.run_id, measurements.c.outcome, sa.func.count()).group_by(
        measurements.c.run_id, measurements.c.outcome
    )
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for chunk in _chunks(run_ids):
        for run_id, outcome, number in connection.execute(query.where(measurements.c.run_id.in_(chunk))):
            counts[run_id][outcome] = number
    return counts


def ways_by_architecture(connection: sa.Connection) -> Mapping[str, Mapping[str, int]]:
    """By architecture and optimization, how many measurements there are, wherever they were taken.

    Only columns of an index are read, so that it takes no longer where logs are large.
    """
    query = sa.select(measurements.c.architecture, measurements.c.optimization, sa.func.count()).group_by(
        measurements.c.architecture, measurements.c.optimization
    )
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for architecture, optimization, number in connection.execute(query):
        counts[architecture][optimization] = number
    return counts


def samples(connection: sa.Connection, measurement_ids: Iterable[str]) -> Iterator[tuple[str, str, bytes]]:
    """(measurement id, encoding, latencies) of those that have any."""
    query = sa.select(observations.c.measurement_id, observations.c.encoding, observations.c.latencies)
    for chunk in _chunks(measurement_ids):
        for row in connection.execute(query.where(observations.c.measurement_id.in_(chunk))):
            yield row.measurement_id, row.encoding, row.latencies


def environment_ids(connection: sa.Connection, device_kind: str | None) -> list[str]:
    """Ids of all environments, or those of one kind of device, last used first."""
    query = sa.select(environments.c.id).order_by(environments.c.revision.desc(), environments.c.id)
    if device_kind is not None:
        query = query.where(environments.c.device_kind == device_kind)
    return list(connection.scalars(query))


def environment_documents(connection: sa.Connection, ids: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(id, document) of environments."""
    query = sa.select(environments.c.id, environments.c.document)
    for chunk in _chunks(ids):
        for row in connection.execute(query.where(environments.c.id.in_(chunk))):
            yield row.id, row.document


def newest_runs(connection: sa.Connection, limit: int | None, but: str = "") -> Sequence[sa.RowMapping]:
    """Rows of `runs`, the one that began last first, without those of the strategy `but`."""
    query = sa.select(runs).where(runs.c.strategy != but).order_by(runs.c.began_revision.desc()).limit(limit)
    return connection.execute(query).mappings().all()


def newest_run_ids(connection: sa.Connection) -> list[str]:
    """Ids to offer where one was not found."""
    return list(connection.scalars(sa.select(runs.c.id).order_by(runs.c.began_revision.desc()).limit(100)))


def runs_like(connection: sa.Connection, ref: str) -> Sequence[sa.RowMapping]:
    """The run of this id, or else up to six whose ids begin so."""
    exact = connection.execute(sa.select(runs).where(runs.c.id == ref)).mappings().all()
    if exact or not ref:
        return exact
    query = sa.select(runs).where(runs.c.id.startswith(ref, autoescape=True)).order_by(runs.c.id.desc()).limit(6)
    return connection.execute(query).mappings().all()


def excluded(connection: sa.Connection, run_id: str) -> tuple[tuple[str, str], ...]:
    """(candidate id, reason) of what a run excluded, in its order."""
    query = (
        sa.select(exclusions.c.candidate_id, exclusions.c.reason)
        .where(exclusions.c.run_id == run_id)
        .order_by(exclusions.c.position)
    )
    return tuple((row.candidate_id, row.reason) for row in connection.execute(query))


def work_of(candidate: Candidate) -> Work:
    """What a candidate computes and how, as the columns of `measurements` have it."""
    height, width = candidate.image_size
    return (
        plain(candidate.architecture),
        candidate.num_classes,
        height,
        width,
        candidate.batch_size,
        candidate.scenario,
        candidate.latency_scope,
        plain(candidate.optimization),
    )


def counts_on_device(
    connection: sa.Connection, architectures: Iterable[str], environment: Environment
) -> Mapping[Work, Mapping[str, int]]:
    """By work and identity, how many measurements there are on the device of `environment`.

    Args:
        connection: Within a transaction.
        architectures: Of these alone.
        environment: Names the device.
    """
    number = sa.func.count().label("number")
    query = (
        sa.select(*_WORK, measurements.c.identity, number)
        .join_from(measurements, environments)
        .where(
            environments.c.device_kind == environment.device_kind,
            environments.c.device_name == plain(environment.device_name),
            environments.c.device_id == plain(environment.device_id),
            measurements.c.series != ASIDE,
        )
        .group_by(*_WORK, measurements.c.identity)
    )
    counts: dict[Work, dict[str, int]] = defaultdict(dict)
    for chunk in _chunks(architectures):
        for *work, identity, count in connection.execute(query.where(measurements.c.architecture.in_(chunk))):
            counts[tuple(work)][identity] = count
    return counts


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    """Each value once, in lists that fit a statement."""
    unique = list(dict.fromkeys(values))
    for start in range(0, len(unique), _CHUNK):
        yield unique[start : start + _CHUNK]
