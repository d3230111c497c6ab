"""After a restore: a node tells what it holds and what it has destroyed, and the Brain believes it.

What was created after the backup becomes a row again, with the same id, ports and secrets; what was destroyed after it
is destroyed; what was started, stopped or changed stands as its node says. Nothing that runs is touched.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.commands import record
from hytopus.brain.db.signals import signal
from hytopus.brain.instances.models import Instance, PortLease
from hytopus.brain.instances.queries import locked
from hytopus.brain.instances.reconciling.settle import settle
from hytopus.brain.instances.reconciling.steps import destroyed
from hytopus.brain.instances.reports.observe import learn, stray, take_in, vanished
from hytopus.brain.instances.reports.recollection import Memory, Recollection
from hytopus.brain.instances.reports.record_shape import believed
from hytopus.brain.instances.residence import release
from hytopus.brain.instances.states import AT_REST, State, Wanted, advance
from hytopus.brain.nodes.models import Node
from hytopus.kit.logs import get_logger
from hytopus.wire.messages import NodeStatus, PortBinding
from hytopus.wire.problems import as_dict

log = get_logger(__name__)

_STATES = {
    NodeStatus.PREPARING: State.PREPARING,
    NodeStatus.PREPARED: State.STOPPED,
    NodeStatus.STARTING: State.STARTING,
    NodeStatus.RUNNING: State.RUNNING,
    NodeStatus.STOPPING: State.STOPPING,
    NodeStatus.STOPPED: State.STOPPED,
    NodeStatus.FAILED: State.FAILED,
}
_ALIVE = (NodeStatus.STARTING, NodeStatus.RUNNING)


async def relearn(session: AsyncSession, node: Node, told: Recollection, *, at: datetime) -> list[str]:
    """Take everything over; gives the ids of those that stay unknown, because nothing is remembered of them."""
    for death in told.destroyed:
        await _bury(session, node, death.instance_id, death.generation, at=at)
    await session.flush()  # nothing is flushed by itself, and what follows looks at the rows
    held = {memory.report.instance_id for memory in told.instances}
    mine = select(Instance).where(Instance.node_id == node.id, Instance.state != State.DESTROYED)
    for instance in await session.scalars(mine.order_by(Instance.id).with_for_update()):
        if instance.id not in held:
            await vanished(session, instance, node, at=at)
    await session.flush()
    unknown = [
        memory.report.instance_id
        for memory in sorted(told.instances, key=lambda memory: memory.report.instance_id)
        if not memory.superseded and not await _take_up(session, node, memory, at=at)
    ]
    node.relearn = False
    signal(session, "placement")
    return unknown


async def _bury(session: AsyncSession, node: Node, instance_id: str, generation: int, *, at: datetime) -> None:
    instance = await locked(session, instance_id)
    if instance is None or instance.state is State.DESTROYED or instance.generation > generation:
        return
    if instance.node_id not in (None, node.id):
        return
    instance.wanted = Wanted.DESTROYED
    if instance.state not in (State.REQUESTED, State.STOPPED, State.FAILED, State.LOST):
        advance(session, instance, State.STOPPED, at=at, why="It was destroyed after the backup.")
    await destroyed(session, instance, at=at, why="Its node remembers that it was destroyed after the backup.")


async def _take_up(session: AsyncSession, node: Node, memory: Memory, *, at: datetime) -> bool:
    instance = await locked(session, memory.report.instance_id)
    if instance is None:
        return await _adopt(session, node, memory, at=at)
    if instance.state is State.DESTROYED or not _belongs_here(instance, node, memory):
        await stray(session, instance, node.id, memory.report, at=at)
        return True
    if memory.prepared_generation > instance.generation and memory.record:
        await _change(session, instance, memory)
    if instance.node_id != node.id:
        instance.node_id, instance.waiting = node.id, None
        instance.ran = True
    await _take_ports(session, node, instance, memory.ports, at=at)
    await _catch_up(session, instance, node, memory, at=at)
    return True


def _belongs_here(instance: Instance, node: Node, memory: Memory) -> bool:
    return instance.node_id in (None, node.id) or memory.report.generation > instance.generation


async def _catch_up(session: AsyncSession, instance: Instance, node: Node, memory: Memory, *, at: datetime) -> None:
    """It exists here, too: bring it to where its node has it, the way a report would."""
    report = memory.report
    instance.report_sequence = report.sequence
    if memory.destroying:
        instance.wanted = Wanted.DESTROYED
    if report.status in _ALIVE:
        learn(session, instance, report, at=at)
    elif report.generation > instance.generation:
        instance.generation = report.generation
    if report.status in (NodeStatus.PREPARED, NodeStatus.PREPARING) and instance.state not in (
        *AT_REST,
        State.PREPARING,
    ):
        advance(session, instance, State.STOPPED, at=at, why="It was prepared anew after the backup.")
    if report.status is NodeStatus.STOPPED and not report.restored and instance.wanted is Wanted.RUNNING:
        instance.wanted = Wanted.STOPPED  # whoever stopped it meant it
    if report.status is not NodeStatus.PREPARING:
        instance.needs_prepare = not memory.prepared
    await take_in(session, instance, node, report, at=at)


async def _adopt(session: AsyncSession, node: Node, memory: Memory, *, at: datetime) -> bool:
    """Make the row anew; False if nobody remembers what it is."""
    try:
        values = believed(memory.record)
        async with session.begin_nested():
            instance = Instance(**{**_standing(node, memory, at), **values})
            instance.name = await _free_name(session, instance.id, str(values["name"]))
            session.add(instance)
            await session.flush()
    except (ValueError, KeyError, SQLAlchemyError) as error:
        why = getattr(error, "orig", error)  # without the statement, which would hold the secrets
        log.warning("instance not adopted", instance=memory.report.instance_id, node=node.name, why=str(why))
        return False
    await _take_ports(session, node, instance, memory.ports, at=at)
    renamed = f" under the name {instance.name}" if instance.name != values["name"] else ""
    record(
        session,
        "instance.adopted",
        subject=("instance", instance.id),
        message=f"{values['name']} was created after the backup; it was adopted from node {node.name}{renamed}.",
        at=at,
        data={"name": instance.name, "node_id": node.id, "state": instance.state.value},
    )
    signal(session, "instance", instance.id)
    signal(session, "node", node.id)
    await settle(session, instance, node, at=at)
    return True


def _standing(node: Node, memory: Memory, at: datetime) -> dict[str, Any]:
    """How it stands, as its node says."""
    report = memory.report
    state = State.STOPPED if memory.destroying else _STATES.get(report.status, State.FAILED)
    return {
        "id": report.instance_id,
        "state": state,
        "state_since": at,
        "wanted": _wanted(memory),
        "generation": report.generation,
        "node_id": node.id,
        "needs_prepare": not memory.prepared,
        "discard_changes": False,
        "ran": True,
        "restarts": 0,
        "report_sequence": report.sequence,
        "log_tail": list(report.log_tail),
        "timings_ms": dict(report.timings_ms),
        "players": list(report.players),
        "started_at": at if report.status is NodeStatus.RUNNING else None,
        "progress_at": at if state is State.PREPARING else None,
        "problem": None if report.problem is None else as_dict(report.problem),
    }


def _wanted(memory: Memory) -> Wanted:
    """What somebody must have asked for, for it to stand as it does."""
    if memory.destroying:
        return Wanted.DESTROYED
    stopped = memory.report.status in (NodeStatus.STOPPING, NodeStatus.STOPPED) and not memory.report.restored
    return Wanted.STOPPED if stopped else Wanted.RUNNING


async def _change(session: AsyncSession, instance: Instance, memory: Memory) -> None:
    """It was prepared anew after the backup: what it is made of, its node knows better."""
    try:
        values = believed(memory.record)
    except ValueError as error:
        log.warning("record not understood", instance=instance.name, why=str(error))
        return
    name = values.pop("name", instance.name)
    for key, value in values.items():
        setattr(instance, key, value)
    if name != instance.name:
        instance.name = await _free_name(session, instance.id, str(name))
    await session.flush()


async def _free_name(session: AsyncSession, instance_id: str, name: str) -> str:
    """The name, or one with the end of the id where another instance has taken it."""
    taken = select(Instance.id).where(
        Instance.name == name, Instance.state != State.DESTROYED, Instance.id != instance_id
    )
    return name if await session.scalar(taken) is None else f"{name[:57]}-{instance_id[-6:]}"


async def _take_ports(
    session: AsyncSession, node: Node, instance: Instance, ports: tuple[PortBinding, ...], *, at: datetime
) -> None:
    """What it holds on its node; an instance that seems to hold one of them and is not there lets go of its node."""
    if not ports:
        return
    await session.execute(delete(PortLease).where(PortLease.instance_id == instance.id))
    for port in ports:
        lease = await session.get(PortLease, (node.id, port.host))
        if lease is not None:
            await _let_go(session, lease, at=at)
        session.add(
            PortLease(node_id=node.id, port=port.host, instance_id=instance.id, name=port.name, protocol=port.protocol)
        )
    await session.flush()


async def _let_go(session: AsyncSession, lease: PortLease, *, at: datetime) -> None:
    other = await locked(session, lease.instance_id)
    await session.delete(lease)
    await session.flush()
    if other is None or other.state not in AT_REST:
        return
    await release(session, other)
    if other.state is State.STOPPED:
        advance(session, other, State.REQUESTED, at=at, why="Its ports went to another instance after the backup.")
