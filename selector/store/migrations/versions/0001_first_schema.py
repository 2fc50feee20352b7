"""First schema.

Revision ID: 0001
Revises: nothing
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes all tables and the one row of `state`."""
    state = op.create_table(
        "state",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_state")),
    )
    op.bulk_insert(state, [{"id": 1, "revision": 0}])
    op.create_table(
        "environments",
        sa.Column("id", sa.String(64), nullable=False, comment="Environment.id, a content hash"),
        sa.Column("device_kind", sa.String(32), nullable=False),
        sa.Column("device_name", sa.Text, nullable=False),
        sa.Column("device_id", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False, comment="when it was last used"),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_environments")),
    )
    _create_runs()
    _create_measurements()


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("environment_id", sa.String(64), nullable=False),
        sa.Column("began_revision", sa.BigInteger, nullable=False),
        sa.Column("ended_revision", sa.BigInteger, nullable=True),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("profile_name", sa.Text, nullable=False),
        sa.Column("certificate", sa.Text, nullable=True),
        sa.Column("timing", sa.Text, nullable=True),
        sa.Column("unavailable", sa.Text, nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name=op.f("fk_runs_environment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_began_revision"), "runs", ["began_revision"])
    op.create_table(
        "exclusions",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("candidate_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_exclusions_run_id")),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_exclusions")),
    )


def _create_measurements() -> None:
    op.create_table(
        "measurements",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("series", sa.Integer, nullable=False, comment="of this identity, counted from 1"),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("environment_id", sa.String(64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
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
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name=op.f("fk_measurements_environment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurements")),
    )
    for columns in (
        ["identity", "series", "revision"],
        ["architecture", "optimization"],
        ["run_id"],
        ["environment_id"],
    ):
        op.create_index(op.f(f"ix_measurements_{'_'.join(columns)}"), "measurements", columns)
    op.create_table(
        "observations",
        sa.Column("measurement_id", sa.String(64), nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False, comment="the observation without latencies and summary"),
        sa.Column("joined", sa.Text, nullable=True, comment="with the ok ones before it in its series, if any"),
        sa.Column("encoding", sa.String(16), nullable=False, comment="of latencies: 'f8' or 'f8+zlib'"),
        sa.Column("latencies", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["measurement_id"], ["measurements.id"], name=op.f("fk_observations_measurement_id")),
        sa.PrimaryKeyConstraint("measurement_id", name=op.f("pk_observations")),
    )


def downgrade() -> None:
    """Drops all tables, and with them all that was measured."""
    for table in ("observations", "measurements", "exclusions", "runs", "environments", "state"):
        op.drop_table(table)
