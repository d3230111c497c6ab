"""The audit log as it grows. Its records are numbered in the order of their commits, so none can appear between two."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from sqlalchemy import Select, func, select

from hytopus.brain.activity.models import AuditRecord
from hytopus.brain.db.engine import Database
from hytopus.kit.clock import Clock

BATCH: Final = 500
LOOK_AGAIN_SECONDS: Final = 1.0
"""How long a record written by another Brain may stay unseen."""


async def follow_audit(
    database: Database, clock: Clock, wanted: Select[AuditRecord], *, after: int | None = None
) -> AsyncGenerator[AuditRecord, None]:
    """Records numbered after `after` (None: from now on), then new ones as they are committed, without end."""
    with database.signals.subscribe("audit") as wake:
        cursor = await _newest(database) if after is None else after
        while True:
            newest = await _newest(database)
            async for record in _between(database, wanted, cursor, newest):
                yield record
            cursor = max(cursor, newest)
            await wake.wait(clock, LOOK_AGAIN_SECONDS)


async def _between(
    database: Database, wanted: Select[AuditRecord], after: int, upto: int
) -> AsyncGenerator[AuditRecord, None]:
    while after < upto:
        async with database.read() as session:
            part = wanted.where(AuditRecord.id > after, AuditRecord.id <= upto).order_by(AuditRecord.id).limit(BATCH)
            records = list(await session.scalars(part))
        for record in records:
            yield record
        after = records[-1].id if len(records) == BATCH else upto


async def _newest(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.max(AuditRecord.id))) or 0
