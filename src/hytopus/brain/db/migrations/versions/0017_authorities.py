"""Certificate authorities that Brains share, and which of them signed a node's certificate.

Revision 0017, after 0016.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "authorities",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("certificate_pem", sa.String(), nullable=False),
        sa.Column("key_pem", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_authorities")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_authorities_fingerprint")),
    )
    with op.batch_alter_table("node_certificates", schema=None) as batch_op:
        batch_op.add_column(sa.Column("authority", sa.String(length=64), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("node_certificates", schema=None) as batch_op:
        batch_op.drop_column("authority")
    op.drop_table("authorities")
