"""Numbers of events and audit records that do not run out on PostgreSQL; SQLite's never did.

Revision 0020, after 0019.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_TABLES = ("events", "audit_records")


def upgrade() -> None:
    _become(sa.Integer(), sa.BigInteger(), "bigint")


def downgrade() -> None:
    _become(sa.BigInteger(), sa.Integer(), "integer")


def _become(before: sa.Integer, after: sa.Integer, sequence: str) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in _TABLES:
        op.alter_column(table, "id", existing_type=before, type_=after, existing_nullable=False)
        op.execute(f"ALTER SEQUENCE {table}_id_seq AS {sequence}")
