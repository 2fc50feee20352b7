"""From rows to the frozen data they hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from selector.store import queries
from selector.store.codec import from_document, loads
from selector.store.faults import readable
from selector.store.liveness import Liveness
from selector.store.records import RunRecord, RunStatus
from selector.store.rows import read_environment, read_measurement, unpack
from selector.types import Certificate, Environment, Measurement, Timing


class Loader:
    """Reads rows of one store; environments, which many rows share, only once.

    Args:
        place: The store as messages name it.
        alive: Knows which runs go on.
    """

    def __init__(self, place: str, alive: Liveness) -> None:
        self._place = place
        self._alive = alive
        # Never outdated: the id is a hash of the content.
        self._environments: dict[str, Environment] = {}

    def environments(self, connection: sa.Connection, ids: Sequence[str]) -> list[Environment]:
        """The environments of these ids, in their order."""
        missing = set(ids) - self._environments.keys()
        for environment_id, document in queries.environment_documents(connection, missing):
            with readable(self._place, f"environment {environment_id}"):
                self._environments[environment_id] = read_environment(document)
        return [self._environments[environment_id] for environment_id in ids]

    def measurements(
        self, connection: sa.Connection, rows: Sequence[sa.RowMapping], for_series: bool = False
    ) -> list[Measurement]:
        """The measurements of rows, without raw samples.

        Args:
            connection: Within a transaction.
            rows: Of measurements with observations.
            for_series: Let each speak for the ok ones before it in its series too.
        """
        found = []
        where = self.environments(connection, [row["environment_id"] for row in rows])
        for row, environment in zip(rows, where, strict=True):
            with readable(self._place, f"measurement {row['id']}"):
                found.append(read_measurement(row, environment, for_series))
        return found

    def samples(self, connection: sa.Connection, measurement_ids: Iterable[str]) -> dict[str, bytes]:
        """By measurement id, float64 little-endian seconds; those without observation are missing."""
        samples = {}
        for measurement_id, encoding, data in queries.samples(connection, measurement_ids):
            with readable(self._place, f"measurement {measurement_id}"):
                samples[measurement_id] = unpack(encoding, data)
        return samples

    def run(self, connection: sa.Connection, row: sa.RowMapping, with_excluded: bool) -> RunRecord:
        """The run of a row, with its exclusions if they are wanted."""
        [environment] = self.environments(connection, [row["environment_id"]])
        with readable(self._place, f"run {row['id']}"):
            return RunRecord(
                id=row["id"],
                environment=environment,
                profile_document=loads(row["profile"]),
                unavailable=loads(row["unavailable"]),
                notes=tuple(loads(row["notes"])),
                excluded=queries.excluded(connection, row["id"]) if with_excluded else (),
                status=self._status(row),
                strategy=row["strategy"],
                started=row["started"],
                finished=row["finished"],
                certificate=from_document(Certificate, loads(row["certificate"])) if row["certificate"] else None,
                timing=from_document(Timing, loads(row["timing"])) if row["timing"] else Timing(),
                revision=row["ended_revision"],
            )

    def _status(self, row: sa.RowMapping) -> RunStatus:
        status: RunStatus = row["status"]
        over = status == "running" and self._alive.is_over(row["began_revision"])
        return "interrupted" if over else status
