"""What becomes of instances whose node is lost.

Revision 0011, after 0010.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("instances", schema=None) as batch_op:
        batch_op.add_column(sa.Column("persistent", sa.Boolean(), server_default=sa.true(), nullable=False))
        batch_op.add_column(sa.Column("on_node_loss", sa.String(length=32), server_default="wait", nullable=False))
        batch_op.add_column(sa.Column("replace_after_s", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("lease_s", sa.Double(), server_default="300", nullable=False))
        batch_op.add_column(sa.Column("leased_s", sa.Double(), server_default="0", nullable=False))

    with op.batch_alter_table("leftovers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("keep", sa.Boolean(), server_default=sa.false(), nullable=False))

    with op.batch_alter_table("nodes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lost_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("off", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("leases", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("nodes", schema=None) as batch_op:
        batch_op.drop_column("leases")
        batch_op.drop_column("off")
        batch_op.drop_column("lost_at")

    with op.batch_alter_table("leftovers", schema=None) as batch_op:
        batch_op.drop_column("keep")

    with op.batch_alter_table("instances", schema=None) as batch_op:
        batch_op.drop_column("leased_s")
        batch_op.drop_column("lease_s")
        batch_op.drop_column("replace_after_s")
        batch_op.drop_column("on_node_loss")
        batch_op.drop_column("persistent")
