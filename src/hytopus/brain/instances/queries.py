"""Looking instances up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Integer, bindparam, case, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.db.nearest import as_hint, nearest
from hytopus.brain.db.scope import EVERYTHING
from hytopus.brain.instances.errors import InstanceNotFound
from hytopus.brain.instances.models import Instance, PortLease
from hytopus.brain.instances.states import AWAKE, State

_LOCKED: Final = select(Instance).where(Instance.id == bindparam("id")).with_for_update()
_ALL: Final = select(Instance).where(Instance.id.in_(bindparam("ids", expanding=True))).order_by(Instance.id)
_LOCKED_ALL: Final = _ALL.with_for_update()
_FREE: Final = _ALL.with_for_update(skip_locked=True)
_PLACED: Final = select(Instance.node_id, Instance.id).where(
    Instance.node_id.in_(bindparam("nodes", expanding=True)), Instance.state != State.DESTROYED
)


async def locked(session: AsyncSession, instance_id: str) -> Instance | None:
    """The row, for whoever is going to change it."""
    instance: Instance | None = await session.scalar(_LOCKED, {"id": instance_id})
    return instance


async def locked_all(
    session: AsyncSession, instance_ids: Collection[str], *, waiting: bool = True
) -> dict[str, Instance]:
    """Several rows by id, locked in the one order that everybody keeps to, or two who need the same deadlock.

    Without `waiting`, those are left out that somebody else has locked.
    """
    rows = await session.scalars(_LOCKED_ALL if waiting else _FREE, {"ids": list(instance_ids)})
    return {instance.id: instance for instance in rows}


async def instances_of(session: AsyncSession, node_ids: Collection[str]) -> dict[str, set[str]]:
    """Ids of the instances that are placed on each of these nodes, destroyed ones left out."""
    found: dict[str, set[str]] = {}
    for node_id, instance_id in await session.execute(_PLACED, {"nodes": list(node_ids)}):
        found.setdefault(str(node_id), set()).add(instance_id)
    return found


async def find(session: AsyncSession, reference: str, *, lock: bool = False) -> Instance:
    """By id (also one that is destroyed) or by name; raises `InstanceNotFound`, with the nearest names."""
    named = (Instance.name == reference) & (Instance.state != State.DESTROYED)
    wanted = select(Instance).where(or_(Instance.id == reference, named)).order_by(Instance.name == reference).limit(1)
    instance: Instance | None = await session.scalar(wanted.with_for_update() if lock else wanted)
    if instance is None:
        near = await nearest(session, Instance.name, reference, Instance.state != State.DESTROYED)
        raise InstanceNotFound(instance=reference, hint=as_hint(near))
    return instance


async def ports_of(session: AsyncSession, instance_ids: Sequence[str]) -> dict[str, list[PortLease]]:
    """The ports each instance holds, in the order they were allotted."""
    leases = await session.scalars(
        select(PortLease).where(PortLease.instance_id.in_(instance_ids)).order_by(PortLease.port)
    )
    ports: dict[str, list[PortLease]] = {instance_id: [] for instance_id in instance_ids}
    for lease in leases:
        ports[lease.instance_id].append(lease)
    return ports


async def usage(session: AsyncSession, template_id: str | None = None) -> dict[tuple[str, str], list[str]]:
    """(template id, version) -> names of the instances not destroyed that have locked it."""
    rows = await session.execute(
        select(Instance.name, Instance.layers).where(Instance.state != State.DESTROYED).order_by(Instance.name)
    )
    used: dict[tuple[str, str], list[str]] = {}
    for name, layers in rows:
        for key in {(layer["template_id"], layer["version"]) for layer in layers}:
            if template_id in (None, key[0]):
                used.setdefault(key, []).append(name)
    return used


async def count_by_state(session: AsyncSession) -> dict[State, int]:
    """How many instances are in each state; every state is there."""
    rows = await session.execute(select(Instance.state, func.count()).group_by(Instance.state))
    counts = dict.fromkeys(State, 0)
    for state, count in rows:
        counts[state] = count
    return counts


async def count_by_node(session: AsyncSession) -> dict[str, dict[State, int]]:
    """For each node that has any: how many instances are in each state, destroyed ones left out."""
    rows = await session.execute(
        select(Instance.node_id, Instance.state, func.count())
        .where(Instance.node_id.is_not(None), Instance.state != State.DESTROYED)
        .group_by(Instance.node_id, Instance.state)
    )
    counts: dict[str, dict[State, int]] = {}
    for node_id, state, count in rows:
        counts.setdefault(str(node_id), {})[state] = count
    return counts


@dataclass(frozen=True, slots=True)
class Held:
    """What instances hold of a node: disk as long as they live there, the rest while they are awake."""

    slots: int = 0
    cpus: float = 0.0
    memory_mb: int = 0
    disk_mb: int = 0


async def held_by_node(session: AsyncSession, node_ids: Sequence[str] | None = None) -> dict[str, Held]:
    """Reservations of each node that has any."""
    awake = case((Instance.state.in_(AWAKE), 1), else_=0)
    query = (
        select(
            Instance.node_id,
            func.sum(awake),
            func.sum(awake * Instance.cpus),
            func.sum(awake * Instance.memory_mb),
            func.sum(Instance.disk_mb),
        )
        .where(Instance.node_id.is_not(None), Instance.state != State.DESTROYED)
        .group_by(Instance.node_id)
    )
    if node_ids is not None:
        query = query.where(Instance.node_id.in_(node_ids))
    rows = await session.execute(query, execution_options=EVERYTHING)
    return {str(row[0]): Held(int(row[1]), float(row[2]), int(row[3]), int(row[4])) for row in rows}


async def leased_ports(session: AsyncSession, node_ids: Sequence[str] | None = None) -> dict[str, set[int]]:
    """Ports in use on each node that has any."""
    query = select(PortLease.node_id, cast(PortLease.port, Integer))
    if node_ids is not None:
        query = query.where(PortLease.node_id.in_(node_ids))
    ports: dict[str, set[int]] = {}
    for node_id, port in await session.execute(query):
        ports.setdefault(node_id, set()).add(port)
    return ports
