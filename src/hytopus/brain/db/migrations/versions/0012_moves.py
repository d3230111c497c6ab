"""How far the moves of instances are, and how nodes are drained.

Revision 0012, after 0011.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("instances", schema=None) as batch_op:
        batch_op.add_column(sa.Column("move", sa.JSON(), nullable=True))
    with op.batch_alter_table("nodes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("drain_force", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("drain_move", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("nodes", schema=None) as batch_op:
        batch_op.drop_column("drain_move")
        batch_op.drop_column("drain_force")
    with op.batch_alter_table("instances", schema=None) as batch_op:
        batch_op.drop_column("move")
