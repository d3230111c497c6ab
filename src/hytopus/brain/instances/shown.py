"""An instance as the API shows it, with its node and ports."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import ports_of
from hytopus.brain.instances.schemas import InstanceOut
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.queries import get as get_node


async def _settings(request: Request) -> InstanceSettings:
    settings: InstanceSettings = request.app.state.instance_settings
    return settings


InstanceSettingsDep = Annotated[InstanceSettings, Depends(_settings)]


async def in_full(
    session: AsyncSession, instance: Instance, presence: Presence, settings: InstanceSettings
) -> InstanceOut:
    await session.flush()
    node = await get_node(session, instance.node_id) if instance.node_id else None
    leases = (await ports_of(session, [instance.id]))[instance.id] if instance.node_id else []
    usage = presence.usage(instance.node_id, instance.id)
    return InstanceOut.detailed(instance, node, leases, settings=settings, usage=usage)
