"""The store: what may be written to it and asked of it."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING

import sqlalchemy as sa

from selector.errors import StoreError, UnknownNameError, UsageError
from selector.store import examinations as examination_rows
from selector.store import queries
from selector.store import run_offs as run_off_rows
from selector.store.codec import dumps, to_document
from selector.store.faults import translated
from selector.store.liveness import Liveness
from selector.store.loading import Loader
from selector.store.merging import Joined, join
from selector.store.opening import connect, parse_address, writing
from selector.store.records import CHECK, RunEnd, RunRecord
from selector.store.rows import (
    environment_row,
    measurement_row,
    observation_row,
    plain,
)
from selector.store.schema import ASIDE, environments, exclusions, measurements, observations, runs, state
from selector.types import (
    Candidate,
    Certificate,
    Environment,
    Examination,
    LatencySummary,
    Measurement,
    Outcome,
    Plan,
    RunOff,
    Timing,
    speed_identity,
)

if TYPE_CHECKING:
    from selector.requirements import RequirementProfile

DEFAULT_URL = "sqlite:///selector.db"


class Store:
    """Runs and measurements in a database. A context manager; several threads may use one.

    A *series* is the measurements of one identity that count together: what is added later joins the newest series,
    so that more samples can be taken where they do not suffice, unless it is added as the beginning of a new one
    (measuring again).

    Args:
        url: Any SQLAlchemy URL. A store that is not there is made, its folder is not.
        read_only: Write nothing, neither rows nor an older schema's update.
        timeout: Seconds to wait while another process writes.

    Raises:
        StoreError: It cannot be opened; the message says what to change. All methods raise it when the database
            fails.
    """

    def __init__(self, url: str = DEFAULT_URL, read_only: bool = False, timeout: float = 10.0) -> None:
        address = parse_address(url)
        self.name = address.name
        self.read_only = read_only
        self._timeout = timeout
        self._alive = Liveness(address.path)
        self._load = Loader(address.name, self._alive)
        self._engine: sa.Engine | None = connect(address, read_only, timeout)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives all connections back. Closing twice is harmless."""
        self._alive.close()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def begin_run(
        self, profile: RequirementProfile, plan: Plan, excluded: Sequence[tuple[str, str]], strategy: str
    ) -> str:
        """Notes that a run begins, and what it considers.

        Args:
            profile: What is asked.
            plan: What is considered, where.
            excluded: (candidate id, reason) of candidates that will not be measured.
            strategy: Name of the search strategy, or `CHECK`; a check does not make its environment the newest.

        Returns:
            The run's id, e.g. ``20261123-014501-3fa9`` (UTC); ids sort by time.
        """
        document = profile.as_dict()
        started = dt.datetime.now(dt.UTC)
        with self._writing() as (connection, revision):
            self._use_environment(connection, plan.environment, None if strategy == CHECK else revision)
            run_id = _new_run_id(connection, started)
            self._alive.begin(run_id, revision)  # before anybody can see it
            connection.execute(
                runs.insert().values(
                    id=run_id,
                    environment_id=plan.environment.id,
                    began_revision=revision,
                    started=started,
                    status="running",
                    strategy=plain(strategy),
                    profile_name=plain(str(document.get("name", ""))),
                    unavailable=dumps(_unavailable(plan)),
                    notes=dumps(to_document(plan.notes)),
                    profile=dumps(to_document(document)),
                )
            )
            if excluded:
                connection.execute(
                    exclusions.insert(),
                    [
                        {"run_id": run_id, "position": place, "candidate_id": plain(which), "reason": plain(why)}
                        for place, (which, why) in enumerate(excluded)
                    ],
                )
        return run_id

    def finish_run(
        self, run_id: str, status: RunEnd, certificate: Certificate | None = None, timing: Timing | None = None
    ) -> None:
        """Notes how a run ended.

        Raises:
            UnknownNameError: No such run.
        """
        with self._writing() as (connection, revision):
            result = connection.execute(
                runs.update()
                .where(runs.c.id == run_id)
                .values(
                    status=status,
                    finished=dt.datetime.now(dt.UTC),
                    ended_revision=revision,
                    certificate=None if certificate is None else dumps(to_document(certificate)),
                    timing=None if timing is None else dumps(to_document(timing)),
                )
            )
            if result.rowcount == 0:
                raise UnknownNameError("run", run_id, queries.newest_run_ids(connection))
        self._alive.end(run_id)

    def add(self, measurement: Measurement, *, new_series: bool = False, aside: bool = False) -> None:
        """Keeps a measurement, a failure too. It is on disk when this returns.

        Args:
            measurement: Its id is new to the store.
            new_series: Begin a new series of its identity: earlier measurements speak for it no more.
            aside: Keep it for its run alone: it speaks for no candidate, joins no series and makes nothing stale.

        Raises:
            StoreError: A measurement of this id is in the store, or it cannot be written.
        """
        row = measurement_row(measurement)
        observation = measurement.observation
        if observation is not None and len(observation.latencies) != 8 * observation.summary.samples:
            raise StoreError(
                f"measurement {measurement.id!r} brings {len(observation.latencies) // 8} latencies, its summary "
                f"tells of {observation.summary.samples}; only measurements with their raw samples are kept"
            )
        with self._writing() as (connection, revision):
            self._use_environment(connection, measurement.environment, None if aside else revision)
            if queries.holds_measurement(connection, measurement.id):
                raise StoreError(f"measurement {measurement.id!r} is in the store {self.name} already")
            newest = queries.number_of_newest_series(connection, measurement.identity)
            series = ASIDE if aside else newest + 1 if new_series or newest == 0 else newest
            joined = None if aside else self._joined(connection, measurement, series)
            connection.execute(measurements.insert().values(**row, series=series, revision=revision))
            if observation is not None:
                connection.execute(observations.insert().values(observation_row(measurement.id, observation, joined)))

    def add_run_off(self, run_off: RunOff) -> None:
        """Keeps a run-off with the samples of all its rounds. It is on disk when this returns.

        Raises:
            StoreError: It cannot be written.
        """
        with self._writing() as (connection, revision):
            self._use_environment(connection, run_off.environment, revision)
            run_off_rows.insert(connection, run_off, revision)

    def add_examination(self, examination: Examination) -> None:
        """Keeps what a candidate answered to labelled images. It is on disk when this returns.

        Raises:
            StoreError: It cannot be written.
        """
        with self._writing() as (connection, revision):
            self._use_environment(connection, examination.environment, revision)
            examination_rows.insert(connection, examination, revision)

    def examinations(self, identities: Iterable[str], *, as_of: int | None = None) -> dict[str, Examination]:
        """The newest examination of each identity (see `selector.types.accuracy_identity`).

        Args:
            identities: Of any number.
            as_of: A revision: leave out what was added after it.

        Returns:
            By identity; those never examined are missing.
        """
        with self._reading() as connection:
            return examination_rows.newest(connection, identities, as_of)

    def run_offs(
        self,
        identities: Iterable[str],
        environment: Environment,
        *,
        with_samples: bool = False,
        as_of: int | None = None,
    ) -> list[RunOff]:
        """The run-offs in one environment that still say something of these identities, newest first.

        One that was measured again since (a new series) is left out of the duels.

        Args:
            identities: Of any number.
            environment: Where.
            with_samples: Load the rounds too; else `RunOff.latencies` is empty.
            as_of: A revision: leave out what was added after it.
        """
        wanted = set(identities)
        with self._reading() as connection:
            found = run_off_rows.select(connection, environment, wanted, as_of)
            if not with_samples:
                return found
            return [replace(one, latencies=run_off_rows.latencies(connection, one.id)) for one in found]

    def latest(
        self, identities: Iterable[str], *, with_samples: bool = False, as_of: int | None = None
    ) -> dict[str, Measurement]:
        """What speaks for each identity now: the newest series, merged into one measurement.

        The latencies of its ok measurements are joined in the order in which they were added and summarized
        together, their energy is added up, everything else is the newest's. A series without an ok measurement is
        spoken for by its newest failure.

        Args:
            identities: Of any number.
            with_samples: Load raw latencies too; else `Observation.latencies` is empty.
            as_of: A revision: leave out what was added after it (see `RunRecord.revision`).

        Returns:
            By identity; those never measured are missing.
        """
        with self._reading() as connection:
            series = queries.newest_series(connection, identities, as_of)
            speaking = {identity: queries.speaking(rows) for identity, rows in series.items()}
            newest = self._load.measurements(connection, [rows[-1] for rows in speaking.values()], for_series=True)
            ids = {identity: [row["id"] for row in rows] for identity, rows in speaking.items()}
            samples = self._load.samples(connection, chain.from_iterable(ids.values())) if with_samples else {}
        return {
            one.identity: _with_latencies(one, b"".join(samples.get(each, b"") for each in ids[one.identity]))
            for one in newest
        }

    def measurements(
        self, run_id: str, *, with_samples: bool = False, last: int | None = None, failed: bool = False
    ) -> list[Measurement]:
        """What a run measured, unmerged, in order; failures too.

        Args:
            run_id: The run.
            with_samples: Load raw latencies too; else `Observation.latencies` is empty.
            last: Only so many, those that it added last.
            failed: Whether these are the last of those that failed.
        """
        with self._reading() as connection:
            rows = (
                queries.of_run(connection, run_id)
                if last is None
                else queries.last_of_run(connection, run_id, last, failed=failed)
            )
            found = self._load.measurements(connection, rows)
            samples = self._load.samples(connection, [one.id for one in found] if with_samples else [])
        return [_with_latencies(one, samples.get(one.id, b"")) for one in found]

    def latencies(self, measurement_id: str) -> bytes:
        """The raw samples of one measurement: float64 little-endian seconds per query, in order.

        Raises:
            UsageError: There is no such measurement, or it has no observation.
        """
        with self._reading() as connection:
            samples = self._load.samples(connection, [measurement_id])
        if measurement_id not in samples:
            raise UsageError(f"the store {self.name} has no latencies of a measurement {measurement_id!r}")
        return samples[measurement_id]

    def medians(self, identity: str) -> list[float]:
        """The median of each evaluation that measured an identity, in order: what sessions differ by.

        Args:
            identity: Of any candidate.

        Returns:
            Seconds per query, one for each run; checks and failures are left out.
        """
        with self._reading() as connection:
            found = self._load.measurements(connection, queries.ok_of(connection, identity))
        by_run = {one.run_id: one.observation.summary for one in found if one.observation is not None}
        return [summary.percentiles["p50"].value for summary in by_run.values() if "p50" in summary.percentiles]

    def outcomes(self, run_ids: Iterable[str]) -> Mapping[str, Mapping[str, int]]:
        """How many measurements each run added, by run id and outcome; counted by the database.

        Args:
            run_ids: Of any number; runs without measurements are missing.
        """
        with self._reading() as connection:
            return queries.outcomes_of_runs(connection, run_ids)

    def measured_ways(self) -> Mapping[str, Mapping[str, int]]:
        """How many measurements there are, by architecture and optimization; counted by the database."""
        with self._reading() as connection:
            return queries.ways_by_architecture(connection)

    def runs(
        self, limit: int | None = None, *, with_excluded: bool = False, with_checks: bool = True
    ) -> list[RunRecord]:
        """Runs, newest first.

        Args:
            limit: At most so many.
            with_excluded: Load their exclusions too (thousands each); else `RunRecord.excluded` is empty.
            with_checks: Those that measured an earlier choice again, too.
        """
        with self._reading() as connection:
            rows = queries.newest_runs(connection, limit, but="" if with_checks else CHECK)
            return [self._load.run(connection, row, with_excluded) for row in rows]

    def has_run(self, ref: str) -> bool:
        """Whether there is a run of this id, or whose id begins so."""
        with self._reading() as connection:
            return bool(queries.runs_like(connection, plain(ref)))

    def run(self, ref: str) -> RunRecord:
        """One run, with its exclusions.

        Args:
            ref: Its id, a unique beginning of it, or "latest", which is the newest evaluation and never a check.

        Raises:
            UnknownNameError: No such run.
            UsageError: Several ids begin so.
        """
        with self._reading() as connection:
            if ref == "latest":
                rows = queries.newest_runs(connection, 1, but=CHECK)
            else:
                rows = queries.runs_like(connection, plain(ref))
            if not rows:
                raise UnknownNameError("run", ref, queries.newest_run_ids(connection))
            if len(rows) > 1:
                raise UsageError(
                    f"several runs begin with {ref!r}: {', '.join(row['id'] for row in rows)}. Write more of the id"
                )
            return self._load.run(connection, rows[0], with_excluded=True)

    def environments(self, device_kind: str | None = None) -> list[Environment]:
        """The environments that were measured in, last used first.

        Args:
            device_kind: Of this kind of device alone.
        """
        with self._reading() as connection:
            return self._load.environments(connection, queries.environment_ids(connection, device_kind))

    def stale(self, candidates: Iterable[Candidate], environment: Environment) -> dict[str, int]:
        """How many measurements of each candidate, on this device, have another identity than it has now.

        They were taken with other versions, threads, driver or settings. Architecture, classes, image and batch
        size, scenario, scope and optimization are the same.

        Args:
            candidates: Whose stale measurements are counted.
            environment: The device, and what decides today's identities.

        Returns:
            By candidate id; candidates without stale measurements are missing.
        """
        asked = list(candidates)
        with self._reading() as connection:
            counts = queries.counts_on_device(connection, {plain(one.architecture) for one in asked}, environment)
        stale: dict[str, int] = {}
        for candidate in asked:
            current = speed_identity(candidate, environment)
            by_identity = counts.get(queries.work_of(candidate), {})
            count = sum(number for identity, number in by_identity.items() if identity != current)
            if count:
                stale[candidate.id] = count
        return stale

    def revision(self) -> int:
        """A number that every write raises: what was read at one revision holds as long as it stays."""
        with self._reading() as connection:
            return int(connection.execute(sa.select(state.c.revision)).scalar_one())

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        """A connection whose queries all see the same moment (on SQLite; elsewhere as the server is set)."""
        with translated(self.name, self._timeout), self._open_engine().connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[tuple[sa.Connection, int]]:
        """One transaction and the revision it makes; committed at the end of the block, undone by an exception."""
        if self.read_only:
            raise StoreError(f"the store {self.name} was opened for reading only")
        engine = self._open_engine()
        with translated(self.name, self._timeout), writing(engine.connect()) as connection, connection.begin():
            # First of all: on a database server this row is the lock that puts writers in order.
            connection.execute(state.update().values(revision=state.c.revision + 1))
            yield connection, int(connection.execute(sa.select(state.c.revision)).scalar_one())

    def _open_engine(self) -> sa.Engine:
        if self._engine is None:
            raise StoreError(f"the store {self.name} is closed")
        return self._engine

    def _use_environment(self, connection: sa.Connection, environment: Environment, revision: int | None) -> None:
        """Notes an environment and that it is used now; without a revision it is not, and a new one stands last."""
        this = environments.c.id == environment.id
        if revision is None:
            if connection.scalar(sa.select(environments.c.id).where(this)) is not None:
                return
        elif connection.execute(environments.update().where(this).values(revision=revision)).rowcount:
            return
        connection.execute(environments.insert().values(**environment_row(environment), revision=revision or 0))

    def _joined(self, connection: sa.Connection, measurement: Measurement, series: int) -> Joined | None:
        """What a measurement says together with the ok ones before it, None where it is alone or not ok."""
        if measurement.outcome is not Outcome.OK or measurement.observation is None:
            return None
        earlier = self._load.measurements(connection, queries.ok_in_series(connection, measurement.identity, series))
        samples = self._load.samples(connection, [one.id for one in earlier])
        seen = [replace(one.observation, latencies=samples[one.id]) for one in earlier if one.observation is not None]
        return join([*seen, measurement.observation], _summarize) if seen else None


def _new_run_id(connection: sa.Connection, started: dt.datetime) -> str:
    while True:
        run_id = f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        if connection.scalar(sa.select(runs.c.id).where(runs.c.id == run_id)) is None:
            return run_id


def _unavailable(plan: Plan) -> dict[str, str]:
    return {
        planned.candidate.optimization: planned.unavailable
        for planned in plan.considered
        if planned.unavailable is not None
    }


def _with_latencies(measurement: Measurement, latencies: bytes) -> Measurement:
    observation = measurement.observation
    if observation is None or observation.latencies == latencies:
        return measurement
    return replace(measurement, observation=replace(observation, latencies=latencies))


def _summarize(latencies: bytes) -> LatencySummary:
    # numpy and scipy are imported only where a measurement joins others.
    from selector.profiler.statistics import decode, summarize

    return summarize(decode(latencies))
