"""The one clock that several Brains share: the database's."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.db.types import UtcDateTime
from hytopus.kit.clock import Clock


async def database_now(session: AsyncSession, clock: Clock) -> datetime:
    """What time it is for every Brain on this database; on SQLite there is only this machine's clock."""
    if session.get_bind().dialect.name == "sqlite":
        return clock.now()
    moment: datetime | None = await session.scalar(select(func.clock_timestamp(type_=UtcDateTime())))
    assert moment is not None, "a clock always tells the time"
    return moment
