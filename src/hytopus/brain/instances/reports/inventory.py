"""A node has come (back) with a list of everything it holds: adopt it, correct it, or have it destroyed.

The list is the truth of that moment. Instances the Brain has never heard of are kept and reported, never killed: it
may be the Brain that lost its memory. Taking an instance over that is nobody's is for nodes alone of which the Brain
knows that they know better (`Node.relearn`, after a restore): any other could claim what was never placed on it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.instances.models import Instance, Leftover
from hytopus.brain.instances.queries import locked
from hytopus.brain.instances.reconciling.settle import settle
from hytopus.brain.instances.reports.observe import stray, take_in, vanished
from hytopus.brain.instances.reports.strangers import tell_of
from hytopus.brain.instances.states import State, advance
from hytopus.brain.nodes.commands import register
from hytopus.brain.nodes.errors import NodeNotFound
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.queries import get as get_node
from hytopus.wire.messages import InstanceReport, NodeStatus, RegisterNode


async def register_node(session: AsyncSession, node_id: str, message: RegisterNode, *, at: datetime) -> Node:
    """A session begins. Raises `NodeNotFound` and `NodeIdentityInUse`.

    Only entries marked `restored` count here; reports that were held back are for `observe`, before this.
    """
    node = await get_node(session, node_id, lock=True)
    if node is None:
        raise NodeNotFound(node=node_id, hint="")
    await register(session, node, message, at=at)
    held = {report.instance_id: report for report in message.inventory if report.restored}
    ours = await _instances_of(session, node_id)
    for instance in ours:
        await _reconcile(session, instance, node, held.get(instance.id), at=at)
    known = {instance.id for instance in ours}
    for instance_id in sorted(held.keys() - known):
        await _not_ours(session, node, held[instance_id], at=at)
    await session.execute(delete(Leftover).where(Leftover.node_id == node_id, Leftover.instance_id.not_in(held)))
    return node


async def _instances_of(session: AsyncSession, node_id: str) -> list[Instance]:
    mine = select(Instance).where(Instance.node_id == node_id, Instance.state != State.DESTROYED)
    return list(await session.scalars(mine.order_by(Instance.id).with_for_update()))


async def _reconcile(
    session: AsyncSession, instance: Instance, node: Node, report: InstanceReport | None, *, at: datetime
) -> None:
    instance.report_sequence = 0 if report is None else report.sequence
    if report is None or report.status is NodeStatus.DESTROYED:
        await vanished(session, instance, node, at=at)
        return
    if report.generation < instance.generation and instance.state is State.LOST:
        # It never heard of the last start: what it holds is at rest, and the command for it comes again.
        advance(session, instance, State.PREPARING if instance.needs_prepare else State.STARTING, at=at)
        await settle(session, instance, node, at=at)
        return
    if _has_no_process(report) and instance.state is State.RUNNING:
        report = _as_ended(report)
    await take_in(session, instance, node, report, at=at)


def _has_no_process(report: InstanceReport) -> bool:
    return report.status in (NodeStatus.PREPARED, NodeStatus.PREPARING)


def _as_ended(report: InstanceReport) -> InstanceReport:
    return InstanceReport(
        report.instance_id, report.generation, NodeStatus.FAILED, sequence=report.sequence, at=report.at, restored=True
    )


async def _adopt(
    session: AsyncSession, instance: Instance, node: Node, report: InstanceReport, *, at: datetime
) -> None:
    """The Brain came back from a backup that is older than the placement. Which ports it has, the node knows alone."""
    if instance.state is State.DESTROYED:
        return
    instance.node_id, instance.waiting = node.id, None
    instance.needs_prepare, instance.ran = False, True
    instance.report_sequence = report.sequence
    await take_in(session, instance, node, report, at=at)


async def _not_ours(session: AsyncSession, node: Node, report: InstanceReport, *, at: datetime) -> None:
    instance = await locked(session, report.instance_id)
    if instance is not None and node.relearn and _is_free(instance, report):
        await _adopt(session, instance, node, report, at=at)
        return
    if instance is not None:
        await stray(session, instance, node.id, report, at=at)
        return
    await tell_of_unknown(session, node, report, at=at)


def _is_free(instance: Instance, report: InstanceReport) -> bool:
    return instance.node_id is None and report.generation > instance.generation


async def tell_of_unknown(session: AsyncSession, node: Node, report: InstanceReport, *, at: datetime) -> None:
    """Once for each: a node holds what nobody knows anything of."""
    await tell_of(
        session,
        "node.held_an_unknown_instance",
        node.id,
        message=f"Node {node.name} holds an instance {report.instance_id} that is unknown here. It is kept.",
        data={"name": node.name, "instance_id": report.instance_id, "status": report.status.value},
        at=at,
    )
