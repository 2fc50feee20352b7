"""The tables.

::

    environments ──┬── runs ───── exclusions     what a run considered and excluded unmeasured, in its order
                   └── measurements ── observations     readings of the measurements that have any
    examinations                     what candidates answered to labelled images, the newest of an identity speaks
    run_offs ── rounds               finalists timed in turn: who was how much faster, and the samples of each round
    state                                        one row: the revision, raised by every transaction that writes

Columns beside the documents exist to be searched, counted and sorted by; what is read back comes from the
documents, so that a field which a dataclass gains needs no migration. Documents are JSON texts of
`selector.store.codec`: plain text is what all databases share. Large columns stand last and readings in a table
of their own, so that counting over many rows stays cheap.

An ok observation that joins others in its series carries what all of them say together (`joined`), so that reading
a series needs neither their samples nor statistics.

A measurement's `revision` is the store's after it was added. It orders measurements as they were committed, also
between processes and when the clock was set back, and tells which were there when a run ended.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

SCHEMA_VERSION = "0003"
"""The newest revision under ``migrations/versions``, compared with the stored one without asking Alembic.

Versions are four digits and compare as text. A change of the schema needs a script there, this constant raised,
and a store of the version before kept under ``tests/store/versions``.
"""

ASIDE = 0
"""The series of measurements that stand aside: those of checks, which speak for no candidate."""

VERSION_TABLE = "selector_version"
"""Of its own name: other programs that use Alembic (Optuna, MLflow) may share a database."""


class UtcDateTime(sa.types.TypeDecorator[dt.datetime]):
    """A moment; SQLite keeps no time zone, so UTC is written and UTC is read."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        """Converts to UTC. A moment without time zone is taken for UTC."""
        if value is None:
            return None
        aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        utc = aware.astimezone(dt.UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:  # noqa: ARG002
        """Gives the time zone back."""
        if value is None:
            return None
        return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)


METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ID = sa.String(64)

state = sa.Table(
    "state",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
)

environments = sa.Table(
    "environments",
    METADATA,
    sa.Column("id", _ID, primary_key=True, comment="Environment.id, a content hash"),
    sa.Column("device_kind", sa.String(32), nullable=False),
    sa.Column("device_name", sa.Text, nullable=False),
    sa.Column("device_id", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False, comment="when it was last used"),
    sa.Column("document", sa.Text, nullable=False),
)

runs = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("environment_id", _ID, sa.ForeignKey("environments.id"), nullable=False),
    sa.Column("began_revision", sa.BigInteger, nullable=False, index=True),
    sa.Column("ended_revision", sa.BigInteger, nullable=True),
    sa.Column("started", UtcDateTime, nullable=False),
    sa.Column("finished", UtcDateTime, nullable=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("strategy", sa.Text, nullable=False),
    sa.Column("profile_name", sa.Text, nullable=False),
    sa.Column("certificate", sa.Text, nullable=True),
    sa.Column("timing", sa.Text, nullable=True),
    sa.Column("unavailable", sa.Text, nullable=False),
    sa.Column("notes", sa.Text, nullable=False),
    sa.Column("profile", sa.Text, nullable=False),
)

exclusions = sa.Table(
    "exclusions",
    METADATA,
    sa.Column("run_id", _ID, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("candidate_id", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

measurements = sa.Table(
    "measurements",
    METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("identity", _ID, nullable=False),
    sa.Column("series", sa.Integer, nullable=False, comment="of this identity, counted from 1; ASIDE for none"),
    sa.Column("revision", sa.BigInteger, nullable=False),
    # No foreign key: a measurement may come from elsewhere than a run kept here (another store, a doctor's check).
    sa.Column("run_id", _ID, nullable=False, index=True),
    sa.Column("environment_id", _ID, sa.ForeignKey("environments.id"), nullable=False, index=True),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("wall_seconds", sa.Double, nullable=False),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("phase", sa.String(64), nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("architecture", sa.String(255), nullable=False),
    sa.Column("optimization", sa.String(255), nullable=False),
    sa.Column("precision", sa.String(16), nullable=False),
    sa.Column("batch_size", sa.Integer, nullable=False),
    sa.Column("image_height", sa.Integer, nullable=False),
    sa.Column("image_width", sa.Integer, nullable=False),
    sa.Column("num_classes", sa.Integer, nullable=False),
    sa.Column("scenario", sa.String(32), nullable=False),
    sa.Column("latency_scope", sa.String(32), nullable=False),
    sa.Column("weights", sa.Text, nullable=True),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("candidate", sa.Text, nullable=False),
    sa.Column("log", sa.Text, nullable=False),
    sa.Index("ix_measurements_identity_series_revision", "identity", "series", "revision"),
    sa.Index("ix_measurements_architecture_optimization", "architecture", "optimization"),
)

observations = sa.Table(
    "observations",
    METADATA,
    sa.Column("measurement_id", _ID, sa.ForeignKey("measurements.id"), primary_key=True),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False, comment="the observation without latencies and summary"),
    sa.Column("joined", sa.Text, nullable=True, comment="with the ok ones before it in its series, if any"),
    sa.Column("encoding", sa.String(16), nullable=False, comment="of latencies: 'f8' or 'f8+zlib'"),
    sa.Column("latencies", sa.LargeBinary, nullable=False),
)

run_offs = sa.Table(
    "run_offs",
    METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("environment_id", _ID, sa.ForeignKey("environments.id"), nullable=False, index=True),
    sa.Column("run_id", _ID, nullable=False, index=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("document", sa.Text, nullable=False, comment="the run-off without environment and latencies"),
)

rounds = sa.Table(
    "rounds",
    METADATA,
    sa.Column("run_off_id", _ID, sa.ForeignKey("run_offs.id"), primary_key=True),
    sa.Column("identity", _ID, primary_key=True),
    sa.Column("round", sa.Integer, primary_key=True, autoincrement=False, comment="counted from 0"),
    sa.Column("latencies", sa.LargeBinary, nullable=False, comment="float64 little-endian seconds per query"),
)

examinations = sa.Table(
    "examinations",
    METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("identity", _ID, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("run_id", _ID, nullable=False, index=True),
    sa.Column("environment_id", _ID, sa.ForeignKey("environments.id"), nullable=False, index=True),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("document", sa.Text, nullable=False, comment="the examination without environment, ranks and firsts"),
    sa.Column("ranks", sa.LargeBinary, nullable=False, comment="a byte an image: classes before the right one"),
    sa.Column("firsts", sa.LargeBinary, nullable=False, comment="int32 little-endian an image, compressed by zlib"),
    sa.Index(None, "identity", "revision"),
)
