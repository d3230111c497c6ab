"""Letting go of a node: the ports there, and the copies that stay behind."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.db.signals import signal
from hytopus.brain.instances.models import Instance, Leftover, PortLease


async def release(session: AsyncSession, instance: Instance) -> None:
    """Let go of its node: ports, and whatever was built there."""
    await session.execute(delete(PortLease).where(PortLease.instance_id == instance.id))
    instance.node_id = instance.placement = instance.progress = None
    instance.needs_prepare, instance.ran, instance.leased_s = True, False, 0.0


async def leave_behind(
    session: AsyncSession, node_id: str, instance_id: str, generation: int, *, keep: bool = False
) -> None:
    """The node holds a copy that is not wanted any more; it is told to destroy it until it says that it has.

    `keep`: it is only stopped there. Whether it is kept is decided when it is left, not when it is heard of again.
    """
    leftover = await session.get(Leftover, (node_id, instance_id))
    if leftover is None:
        session.add(Leftover(node_id=node_id, instance_id=instance_id, generation=generation, keep=keep))
        await session.flush()
    else:
        leftover.generation = max(leftover.generation, generation)
    signal(session, "node", node_id)
