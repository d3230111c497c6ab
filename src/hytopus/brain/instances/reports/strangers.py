"""A node holds what it should not hold, or what nobody knows. Told once for each, and not without end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.commands import record
from hytopus.brain.activity.models import Event
from hytopus.kit.logs import get_logger

MOST: Final = 50
"""Events of one kind about one node in `WITHIN`: a node that was broken into may name what it likes."""
WITHIN: Final = timedelta(days=1)

log = get_logger(__name__)


async def tell_of(
    session: AsyncSession, kind: str, node_id: str, *, message: str, data: dict[str, Any], at: datetime
) -> None:
    """The event, unless this node's copy of `data["instance_id"]` was told of before."""
    about = (Event.subject_kind == "node", Event.subject_id == node_id, Event.kind == kind)
    same = Event.data["instance_id"].as_string() == data["instance_id"]
    if await session.scalar(select(Event.id).where(*about, same).limit(1)) is not None:
        return
    recent = list(await session.scalars(select(Event.id).where(*about, Event.at > at - WITHIN).limit(MOST)))
    if len(recent) >= MOST:
        log.warning("a node holds more strange instances than are told of", node=node_id, kind=kind)
        return
    record(session, kind, subject=("node", node_id), message=message, at=at, data=data)
    await session.flush()  # the next of the same report is to find it
