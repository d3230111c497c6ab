"""What becomes of instances when their node is drained or removed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import Actor
from hytopus.brain.instances.models import Instance, Leftover
from hytopus.brain.instances.reconciling.settle import settle
from hytopus.brain.instances.states import AWAKE, State
from hytopus.brain.nodes import commands as nodes
from hytopus.brain.nodes.errors import NodeNotEmpty
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.schemas import DrainProgress


async def remove_node(session: AsyncSession, node: Node, *, force: bool, actor: Actor, at: datetime) -> None:
    """Forget a node. Refused while it holds instances, unless forced: then they are given up as failed."""
    held = list(
        await session.scalars(
            select(Instance)
            .where(Instance.node_id == node.id, Instance.state != State.DESTROYED)
            .order_by(Instance.id)
            .with_for_update()
        )
    )
    if held and not force:
        names = ", ".join(sorted(instance.name for instance in held)[:5])
        raise NodeNotEmpty(node=node.name, count=len(held), names=names + (", …" if len(held) > 5 else ""))
    await session.execute(delete(Leftover).where(Leftover.node_id == node.id))
    await nodes.remove(session, node, actor=actor, at=at)
    for instance in held:
        await settle(session, instance, None, at=at)


async def drain_progress(session: AsyncSession, node_ids: list[str]) -> dict[str, DrainProgress]:
    """For each node what its drain has not put to rest yet, what stays there, and what it has to clear away."""
    rows = await session.execute(
        select(Instance.node_id, Instance.name, Instance.state)
        .where(Instance.node_id.in_(node_ids), Instance.state != State.DESTROYED)
        .order_by(Instance.name)
    )
    awake: dict[str, list[str]] = {node_id: [] for node_id in node_ids}
    staying: dict[str, list[str]] = {node_id: [] for node_id in node_ids}
    for node_id, name, state in rows:
        under_way = state in AWAKE or state is State.MOVING
        (awake if under_way else staying)[str(node_id)].append(name)
    copies = await session.execute(
        select(Leftover.node_id, func.count())
        .where(Leftover.node_id.in_(node_ids), Leftover.keep.is_(False))
        .group_by(Leftover.node_id)
    )
    clearing: dict[str, int] = {str(node_id): count for node_id, count in copies}
    return {node_id: DrainProgress(awake[node_id], staying[node_id], clearing.get(node_id, 0)) for node_id in node_ids}
