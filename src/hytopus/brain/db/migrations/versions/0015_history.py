"""Thirty days of measurements, and when a start began.

Revision 0015, after 0014.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "duration_history",
        sa.Column("step", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("bound_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("step", "at", "kind", "bound_ms", name=op.f("pk_duration_history")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fleet_history",
        sa.Column("step", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=48), nullable=False),
        sa.Column("samples", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("step", "at", "name", name=op.f("pk_fleet_history")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "instance_history",
        sa.Column("step", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instance_id", sa.String(length=16), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("cpu_percent", sa.BigInteger(), nullable=False),
        sa.Column("cpu_percent_max", sa.Integer(), nullable=False),
        sa.Column("memory_mb", sa.BigInteger(), nullable=False),
        sa.Column("players", sa.BigInteger(), nullable=False),
        sa.Column("network_in", sa.BigInteger(), nullable=False),
        sa.Column("network_out", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("step", "at", "instance_id", name=op.f("pk_instance_history")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "node_history",
        sa.Column("step", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("node_id", sa.String(length=16), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("cpu_percent", sa.BigInteger(), nullable=False),
        sa.Column("cpu_percent_max", sa.Integer(), nullable=False),
        sa.Column("memory_used_mb", sa.BigInteger(), nullable=False),
        sa.Column("disk_free_mb", sa.BigInteger(), nullable=False),
        sa.Column("running", sa.BigInteger(), nullable=False),
        sa.Column("players", sa.BigInteger(), nullable=False),
        sa.Column("network_in", sa.BigInteger(), nullable=False),
        sa.Column("network_out", sa.BigInteger(), nullable=False),
        sa.Column("cache_hits", sa.BigInteger(), nullable=False),
        sa.Column("cache_misses", sa.BigInteger(), nullable=False),
        sa.Column("s3_requests", sa.BigInteger(), nullable=False),
        sa.Column("s3_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("step", "at", "node_id", name=op.f("pk_node_history")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("instances", schema=None) as batch_op:
        batch_op.add_column(sa.Column("start_began_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("instances", schema=None) as batch_op:
        batch_op.drop_column("start_began_at")

    op.drop_table("node_history")
    op.drop_table("instance_history")
    op.drop_table("fleet_history")
    op.drop_table("duration_history")
