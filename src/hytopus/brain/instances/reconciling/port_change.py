"""Another port for an instance whose own was taken on its node by something that is none of ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.commands import record
from hytopus.brain.instances.models import Instance, PortLease
from hytopus.brain.instances.queries import leased_ports
from hytopus.brain.instances.reconciling.steps import begin, count_restart, tell_node
from hytopus.brain.instances.states import State, advance
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.queries import get as get_node
from hytopus.wire.messages import InstanceReport, NodeStatus

PORT_TAKEN: Final = "port_taken"

_STARTING: Final = (State.PREPARING, State.STARTING, State.RUNNING)


async def change_port(session: AsyncSession, instance: Instance, report: InstanceReport, *, at: datetime) -> bool:
    """Whether a start that failed for a port goes on with another one.

    Only for a port that nobody asked for by number, and only so often: then the failure is one for people.
    """
    if report.status is not NodeStatus.FAILED or report.problem is None or report.problem.code != PORT_TAKEN:
        return False
    if instance.state not in _STARTING or instance.node_id is None or not count_restart(instance, at=at):
        return False
    node = await get_node(session, instance.node_id)
    lease = await _lease(session, instance, report.problem.params.get("port", ""))
    if node is None or lease is None or lease.name in instance.requested_ports:
        return False
    taken = (await leased_ports(session, [node.id])).get(node.id, set())
    port = next((port for port in _candidates(node, lease.port) if port not in taken), None)
    if port is None or not await _hold(session, lease, port):
        return False
    await _swap(session, instance, lease, port, at=at)
    return True


async def _lease(session: AsyncSession, instance: Instance, port: str) -> PortLease | None:
    if not port.isdecimal():
        return None
    mine = select(PortLease).where(PortLease.instance_id == instance.id, PortLease.port == int(port))
    return await session.scalar(mine.where(PortLease.node_id == instance.node_id))


def _candidates(node: Node, port: int) -> Iterator[int]:
    """From the next number on, so that the ports of another program are left behind quickly."""
    pool = range(node.port_first, node.port_last + 1) if node.port_first else range(0)
    yield from (number for number in pool if number > port)
    yield from (number for number in pool if number < port)


async def _hold(session: AsyncSession, lease: PortLease, port: int) -> bool:
    """False when a placement has just taken it: the key of the table has the last word."""
    try:
        async with session.begin_nested():
            session.add(
                PortLease(
                    node_id=lease.node_id,
                    port=port,
                    instance_id=lease.instance_id,
                    name=lease.name,
                    protocol=lease.protocol,
                )
            )
    except IntegrityError:
        return False
    return True


async def _swap(session: AsyncSession, instance: Instance, lease: PortLease, port: int, *, at: datetime) -> None:
    old = lease.port
    await session.delete(lease)
    await session.flush()
    message = f"{instance.name} gets port {port}: something else on its node uses {old}."
    record(
        session,
        "instance.port_changed",
        subject=("instance", instance.id),
        message=message,
        at=at,
        data={"name": instance.name, "port": port, "before": old, "node_id": instance.node_id},
    )
    if instance.state is State.RUNNING:
        advance(session, instance, State.STARTING, at=at, why="It ended, and its port was taken meanwhile.")
    instance.needs_prepare = True
    begin(session, instance, at=at, why=f"Port {old} is taken; it gets another.")
    tell_node(session, instance)
