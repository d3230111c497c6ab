"""Instances as the API shows them, with their nodes and ports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from hytopus.brain.db.scope import EVERYTHING
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import first_ports_of, ports_of
from hytopus.brain.instances.schemas import InstanceOut, InstanceSummary
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.queries import get as get_node


async def _settings(request: Request) -> InstanceSettings:
    settings: InstanceSettings = request.app.state.instance_settings
    return settings


SUMMARY: Final = load_only(
    Instance.name,
    Instance.game,
    Instance.state,
    Instance.state_since,
    Instance.wanted,
    Instance.node_id,
    Instance.details,
    Instance.players,
    Instance.started_at,
    Instance.created_at,
    Instance.disk_over_since,
    Instance.problem,
    Instance.attempt,
    Instance.retry_at,
    Instance.setback,
    raiseload=True,
)
"""What `in_short` needs of each: lists are long, and rows are wide."""

InstanceSettingsDep = Annotated[InstanceSettings, Depends(_settings)]


async def in_full(
    session: AsyncSession, instance: Instance, presence: Presence, settings: InstanceSettings
) -> InstanceOut:
    await session.flush()
    node = await get_node(session, instance.node_id) if instance.node_id else None
    leases = (await ports_of(session, [instance.id]))[instance.id] if instance.node_id else []
    usage = presence.usage(instance.node_id, instance.id)
    return InstanceOut.detailed(instance, node, leases, settings=settings, usage=usage)


async def in_short(session: AsyncSession, instances: Sequence[Instance]) -> list[InstanceSummary]:
    """Of rows that were loaded with `SUMMARY` at least."""
    ids = {instance.node_id for instance in instances if instance.node_id}
    named = select(Node).where(Node.id.in_(ids)).options(load_only(Node.name, Node.address, raiseload=True))
    found = await session.scalars(named, execution_options=EVERYTHING)
    nodes = {node.id: node for node in found}
    ports = await first_ports_of(session, [instance.id for instance in instances])
    return [
        InstanceSummary.of(instance, nodes.get(instance.node_id or ""), ports.get(instance.id))
        for instance in instances
    ]
