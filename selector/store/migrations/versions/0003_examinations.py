"""What candidates answered to labelled images.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table; what was measured before was examined on nothing."""
    op.create_table(
        "examinations",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("environment_id", sa.String(64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "document", sa.Text, nullable=False, comment="the examination without environment, ranks and firsts"
        ),
        sa.Column("ranks", sa.LargeBinary, nullable=False, comment="a byte an image: classes before the right one"),
        sa.Column(
            "firsts", sa.LargeBinary, nullable=False, comment="int32 little-endian an image, compressed by zlib"
        ),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name=op.f("fk_examinations_environment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_examinations")),
    )
    for columns in (["identity", "revision"], ["run_id"], ["environment_id"]):
        op.create_index(op.f(f"ix_examinations_{'_'.join(columns)}"), "examinations", columns)


def downgrade() -> None:
    """Drops the table, and with it all measured accuracies."""
    op.drop_table("examinations")
