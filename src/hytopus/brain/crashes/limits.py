"""How many crashes are taken in: a server that ends all the time, or a node that was broken into, must fill nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.commands import record
from hytopus.brain.activity.models import Event
from hytopus.brain.crashes.settings import CrashSettings
from hytopus.brain.instances.models import Instance
from hytopus.brain.nodes.models import Node

WITHIN: Final = timedelta(hours=1)


async def is_within_limits(
    session: AsyncSession, instance: Instance, node: Node, settings: CrashSettings, *, now: datetime
) -> bool:
    """Whether one more is taken in; if not, an event says so, once in the time it counts for.

    Counted are the events, whose time is the Brain's: what a node says of when it happened may be invented.
    """
    of_instance = (Event.subject_kind == "instance") & (Event.subject_id == instance.id)
    if await _count(session, of_instance, settings.instance_per_hour, now) >= settings.instance_per_hour:
        what = f"{instance.name} has crashed {settings.instance_per_hour} times within an hour"
        data = {"instance_id": instance.id, "name": instance.name, "node_id": node.id}
        await _tell(session, ("instance", instance.id), what, data, now)
        return False
    of_node = Event.data["node_id"].as_string() == node.id
    if await _count(session, of_node, settings.node_per_hour, now) >= settings.node_per_hour:
        what = f"Node {node.name} has told of {settings.node_per_hour} crashes within an hour"
        await _tell(session, ("node", node.id), what, {"node_id": node.id}, now)
        return False
    return True


async def _count(session: AsyncSession, about: ColumnElement[bool], most: int, now: datetime) -> int:
    recent = (Event.kind == "instance.crashed") & (Event.at > now - WITHIN)
    return len(list(await session.scalars(select(Event.id).where(about, recent).limit(most))))


async def _tell(
    session: AsyncSession, subject: tuple[str, str], what: str, data: dict[str, str], now: datetime
) -> None:
    kind = f"{subject[0]}.crashes_dropped"
    about = (Event.subject_kind == subject[0]) & (Event.subject_id == subject[1])
    told = select(Event.id).where(about, Event.kind == kind, Event.at > now - WITHIN).limit(1)
    if await session.scalar(told) is None:
        message = f"{what}; further ones are not kept until it becomes quieter."
        record(session, kind, subject=subject, message=message, at=now, data=data)
