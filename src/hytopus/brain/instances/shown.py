"""Instances as the API shows them, with their nodes and ports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.db.scope import EVERYTHING
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import ports_of
from hytopus.brain.instances.schemas import InstanceOut, InstanceSummary
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.queries import get as get_node


def _settings(request: Request) -> InstanceSettings:
    settings: InstanceSettings = request.app.state.instance_settings
    return settings


InstanceSettingsDep = Annotated[InstanceSettings, Depends(_settings)]


async def in_full(
    session: AsyncSession, instance: Instance, presence: Presence, settings: InstanceSettings
) -> InstanceOut:
    await session.flush()
    node = await get_node(session, instance.node_id) if instance.node_id else None
    leases = (await ports_of(session, [instance.id]))[instance.id]
    usage = presence.usage(instance.node_id, instance.id)
    return InstanceOut.detailed(instance, node, leases, settings=settings, usage=usage)


async def in_short(session: AsyncSession, instances: Sequence[Instance]) -> list[InstanceSummary]:
    ids = {instance.node_id for instance in instances if instance.node_id}
    found = await session.scalars(select(Node).where(Node.id.in_(ids)), execution_options=EVERYTHING)
    nodes = {node.id: node for node in found}
    leases = await ports_of(session, [instance.id for instance in instances])
    return [
        InstanceSummary.of(instance, nodes.get(instance.node_id or ""), leases[instance.id]) for instance in instances
    ]
