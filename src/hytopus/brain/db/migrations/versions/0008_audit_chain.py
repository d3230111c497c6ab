"""The audit log becomes a chain that the database refuses to change.

Revision 0008, after 0007.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_FIELDS = ("actor_kind", "actor_id", "actor_name", "address", "request_id", "action", "target", "outcome")
_WHY = "the audit log is only ever appended to"


def upgrade() -> None:
    with op.batch_alter_table("audit_records", schema=None) as batch_op:
        batch_op.add_column(sa.Column("previous_hash", sa.String(length=64), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("hash", sa.String(length=64), nullable=False, server_default=""))
        batch_op.create_index(batch_op.f("ix_audit_records_hash"), ["hash"], unique=False)
    _chain_what_is_there()
    for statement in _triggers(op.get_bind().dialect.name):
        op.execute(statement)


def _chain_what_is_there() -> None:
    table = sa.table(
        "audit_records",
        sa.column("id", sa.Integer()),
        sa.column("at", sa.DateTime(timezone=True)),
        *(sa.column(name, sa.String()) for name in (*_FIELDS, "previous_hash", "hash")),
        sa.column("before", sa.JSON()),
        sa.column("after", sa.JSON()),
    )
    bind, previous, last = op.get_bind(), "0" * 64, 0
    while rows := bind.execute(table.select().where(table.c.id > last).order_by(table.c.id).limit(500)).all():
        for row in rows:
            digest = _hash(row, previous)
            values = {"previous_hash": previous, "hash": digest}
            bind.execute(table.update().where(table.c.id == row.id).values(values))
            previous, last = digest, row.id


def _hash(row: sa.Row[tuple[object, ...]], previous: str) -> str:
    at: datetime = row.at
    moment = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    said = [previous, moment.isoformat(timespec="microseconds"), *(getattr(row, name) for name in _FIELDS)]
    text = json.dumps([*said, row.before, row.after], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _triggers(dialect: str) -> list[str]:
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER audit_records_no_{verb.lower()} BEFORE {verb} ON audit_records "
            f"BEGIN SELECT RAISE(ABORT, '{_WHY}'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        (
            "CREATE OR REPLACE FUNCTION hytopus_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_WHY}'; END $$"
        ),
        (
            "CREATE TRIGGER audit_records_no_change BEFORE UPDATE OR DELETE ON audit_records "
            "FOR EACH ROW EXECUTE FUNCTION hytopus_append_only()"
        ),
        (
            "CREATE TRIGGER audit_records_no_truncate BEFORE TRUNCATE ON audit_records "
            "FOR EACH STATEMENT EXECUTE FUNCTION hytopus_append_only()"
        ),
    ]
