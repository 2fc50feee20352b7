"""Run-offs and their rounds.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes both tables; what was measured before had no run-offs."""
    op.create_table(
        "run_offs",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("environment_id", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", sa.Text, nullable=False, comment="the run-off without environment and latencies"),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name=op.f("fk_run_offs_environment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_offs")),
    )
    op.create_index(op.f("ix_run_offs_environment_id"), "run_offs", ["environment_id"])
    op.create_index(op.f("ix_run_offs_run_id"), "run_offs", ["run_id"])
    op.create_table(
        "rounds",
        sa.Column("run_off_id", sa.String(64), nullable=False),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("round", sa.Integer, autoincrement=False, nullable=False, comment="counted from 0"),
        sa.Column("latencies", sa.LargeBinary, nullable=False, comment="float64 little-endian seconds per query"),
        sa.ForeignKeyConstraint(["run_off_id"], ["run_offs.id"], name=op.f("fk_rounds_run_off_id")),
        sa.PrimaryKeyConstraint("run_off_id", "identity", "round", name=op.f("pk_rounds")),
    )


def downgrade() -> None:
    """Drops both tables, and with them what the run-offs showed."""
    op.drop_table("rounds")
    op.drop_table("run_offs")
