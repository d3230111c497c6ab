"""Load, plan, apply: what has to be done to an instance because time has passed or its node has changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from hytopus.brain.db.engine import Database
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import locked
from hytopus.brain.instances.reconciling.fences import Fences
from hytopus.brain.instances.reconciling.patience import Patience
from hytopus.brain.instances.reconciling.plan import Action, Admit, Place, Rest, Wait, plan
from hytopus.brain.instances.reconciling.settle import settle, situation_of
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.states import TRANSITIONAL, State, Wanted
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.queries import get as get_node
from hytopus.brain.nodes.states import NodeState
from hytopus.kit.clock import Clock
from hytopus.kit.together import Together

_LOOK: Final = (
    select(Instance, Node)
    .outerjoin(Node, Node.id == Instance.node_id)
    .options(
        load_only(
            Instance.state,
            Instance.state_since,
            Instance.wanted,
            Instance.node_id,
            Instance.definition,
            Instance.ran,
            Instance.kill_at,
            Instance.progress_at,
            Instance.retry_at,
            Instance.problem,
            Instance.move,
            Instance.persistent,
            Instance.on_node_loss,
            Instance.replace_after_s,
            Instance.leased_s,
        ),
        load_only(
            Node.state,
            Node.state_since,
            Node.draining,
            Node.drain_deadline,
            Node.drain_force,
            Node.lost_at,
            Node.off,
            Node.leases,
        ),
    )
    .where(Instance.id.in_(bindparam("ids", expanding=True)))
)
"""All that `situation_of` needs, and no more: this is what the Brain does most."""


Look = Callable[[str], Awaitable[tuple[Instance, Node | None] | None]]


def looking(database: Database) -> Look:
    """Looks at an instance and its node; at many in one statement when many are to be looked at."""
    return Together(partial(_look, database))


async def reconcile(
    database: Database,
    instance_id: str,
    look: Look,
    *,
    clock: Clock,
    settings: InstanceSettings,
    fences: Fences,
    patience: Patience,
) -> float | None:
    """Take the steps that are due; returns the seconds until the next one can be due.

    Looking costs a part of a read. Only when there is something to do is the row locked, loaded and planned for again,
    so that nothing acts on what was true a moment ago.
    """
    found = await look(instance_id)
    if found is None:
        return None
    action = plan(situation_of(*found, settings, fences, patience), clock.now())
    if isinstance(action, Rest | Wait | Place | Admit):
        return _seconds_until(action, clock.now())
    async with database.write() as session:
        instance = await locked(session, instance_id)
        if instance is None:
            return None
        node = await _node_of(session, instance)
        action = await settle(
            session, instance, node, at=clock.now(), settings=settings, fences=fences, patience=patience
        )
    return _seconds_until(action, clock.now())


async def _look(database: Database, ids: Sequence[str]) -> list[tuple[Instance, Node | None] | None]:
    async with database.read() as session:
        rows = await session.execute(_LOOK, {"ids": ids})
        found = {instance.id: (instance, node) for instance, node in rows}
    return [found.get(instance_id) for instance_id in ids]


async def due(database: Database) -> list[str]:
    """Instances for which time or their node may have something in store."""
    away = or_(Node.id.is_(None), Node.state != NodeState.ONLINE, Node.draining)
    live = Instance.state != State.DESTROYED
    query = (
        select(Instance.id)
        .outerjoin(Node, Node.id == Instance.node_id)
        .where(
            or_(
                Instance.state.in_(TRANSITIONAL),
                and_(live, Instance.wanted == Wanted.DESTROYED),
                and_(live, Instance.node_id.is_not(None), away),
                and_(Instance.state == State.RUNNING, Instance.wanted != Wanted.RUNNING),
                and_(Instance.state == State.STOPPED, Instance.wanted == Wanted.RUNNING, Instance.node_id.is_(None)),
            )
        )
    )
    async with database.read() as session:
        return list(await session.scalars(query))


async def instances_on(database: Database, node_id: str) -> list[str]:
    """Instances that a change of their node may concern."""
    async with database.read() as session:
        return list(
            await session.scalars(
                select(Instance.id).where(Instance.node_id == node_id, Instance.state != State.DESTROYED)
            )
        )


async def _node_of(session: AsyncSession, instance: Instance) -> Node | None:
    return None if instance.node_id is None else await get_node(session, instance.node_id)


def _seconds_until(action: Action, now: datetime) -> float | None:
    return (action.until - now).total_seconds() if isinstance(action, Wait) else None
