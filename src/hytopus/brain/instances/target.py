"""The instance that a route names: to be changed, or to be asked about on its node."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.accounts.dependencies import ActorDep
from hytopus.brain.activity.actor import Actor
from hytopus.brain.db.engine import Database
from hytopus.brain.http.dependencies import ClockDep, WriteDep
from hytopus.brain.instances.errors import InstanceHasNoNode
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import find
from hytopus.brain.instances.schemas import InstanceOut
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.shown import InstanceSettingsDep, in_full
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.remote import PresenceDep


@dataclass(frozen=True, slots=True)
class Target:
    """A locked instance in the request's one transaction, who wants something of it, and when."""

    row: Instance
    session: AsyncSession
    actor: Actor
    now: datetime
    presence: Presence
    settings: InstanceSettings

    async def shown(self) -> InstanceOut:
        return await in_full(self.session, self.row, self.presence, self.settings)


async def _target(
    instance: str,
    session: WriteDep,
    actor: ActorDep,
    clock: ClockDep,
    presence: PresenceDep,
    settings: InstanceSettingsDep,
) -> Target:
    row = await find(session, instance, lock=True)
    return Target(row, session, actor, clock.now(), presence, settings)


TargetDep = Annotated[Target, Depends(_target)]
"""By name or id, from the path's `{instance}`; raises `InstanceNotFound`."""


async def on_node(database: Database, reference: str) -> tuple[Instance, str]:
    """The instance and the id of its node; raises `InstanceNotFound` and `InstanceHasNoNode`. Holds no session."""
    async with database.read() as session:
        row = await find(session, reference)
    return row, node_of(row)


def node_of(instance: Instance) -> str:
    """The id of its node; raises `InstanceHasNoNode`."""
    if instance.node_id is None:
        raise InstanceHasNoNode(instance=instance.name, state=instance.state.value)
    return instance.node_id
