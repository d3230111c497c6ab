"""crashes.

Revision 0014, after 0012.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "crashes",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("instance_id", sa.String(length=16), nullable=False),
        sa.Column("instance_name", sa.String(length=64), nullable=False),
        sa.Column("node_id", sa.String(length=16), nullable=False),
        sa.Column("node_name", sa.String(length=64), nullable=False),
        sa.Column("game", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.String(length=200), nullable=False),
        sa.Column("layers", sa.String(length=1000), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("excerpt", sa.JSON(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("s3_key", sa.String(length=500), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crashes")),
    )
    with op.batch_alter_table("crashes", schema=None) as batch_op:
        batch_op.create_index("ix_crashes_at", ["at", "id"], unique=False)
        batch_op.create_index("ix_crashes_fingerprint", ["fingerprint", "at"], unique=False)
        batch_op.create_index("ix_crashes_instance", ["instance_id", "at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("crashes", schema=None) as batch_op:
        batch_op.drop_index("ix_crashes_instance")
        batch_op.drop_index("ix_crashes_fingerprint")
        batch_op.drop_index("ix_crashes_at")

    op.drop_table("crashes")
