"""Giving waiting instances a node, or room on the node they live on.

A pass decides on one snapshot and commits in batches; each commit locks the nodes it touches and checks their room
again, so a decision on a stale snapshot is dropped and made anew. The unique key on ports is the last guard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy import Select, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from hytopus.brain.db.engine import Database
from hytopus.brain.instances import moving
from hytopus.brain.instances.models import Instance, Leftover, PortLease
from hytopus.brain.instances.rooms import demand_of, rooms_of
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.states import State, Wanted
from hytopus.brain.instances.steps import begin
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.queries import nodes_with_room
from hytopus.brain.nodes.restored import is_learning
from hytopus.brain.placement.demand import Demand
from hytopus.brain.placement.explain import explain, summary
from hytopus.brain.placement.feasible import is_feasible
from hytopus.brain.placement.place import Placed, Snapshot, take
from hytopus.brain.placement.rank import score
from hytopus.brain.placement.room import Room
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger

log = get_logger(__name__)

T = TypeVar("T")

_DEMAND: Final = load_only(
    Instance.name,
    Instance.cpus,
    Instance.memory_mb,
    Instance.disk_mb,
    Instance.region,
    Instance.tags,
    Instance.pinned_node,
    Instance.dev,
    Instance.definition,
    Instance.requested_ports,
    Instance.node_id,
    Instance.waiting,
    Instance.move,
)
"""What `demand_of` and `_note` need: a long queue is looked at often."""


async def schedule(database: Database, presence: Presence, *, clock: Clock, settings: InstanceSettings) -> int:
    """One pass over everything that waits; returns how many still wait."""
    async with database.read() as session:
        waiting = list(await session.scalars(_waiting().options(_DEMAND)))
        if not waiting:
            return 0
        if await is_learning(session):
            return len(waiting)  # it may run on a node that has not come back yet
        rooms = await rooms_of(session, await nodes_with_room(session), presence)
    placed, refused = await _decide([demand_of(instance) for instance in waiting], rooms)
    for batch in _batches(placed, settings.placement_batch):
        async with database.write() as session:
            await commit(session, batch, presence, at=clock.now())
    await _note(database, refused, rooms, {instance.id: instance for instance in waiting}, settings, clock)
    return len(refused)


async def commit(session: AsyncSession, batch: Sequence[Placed], presence: Presence, *, at: datetime) -> int:
    """Carry out what was decided, as far as there still is room for it; returns for how many there was."""
    node_ids = {placed.node_id for placed in batch}
    nodes = list(await session.scalars(select(Node).where(Node.id.in_(node_ids)).order_by(Node.id).with_for_update()))
    rooms = {room.node_id: room for room in await rooms_of(session, nodes, presence)}
    ids = [placed.demand.instance_id for placed in batch]
    rows = await session.scalars(
        _waiting().where(Instance.id.in_(ids)).order_by(None).order_by(Instance.id).with_for_update()
    )
    instances = {instance.id: instance for instance in rows}
    done = 0
    for placed in batch:
        instance, room = instances.get(placed.demand.instance_id), rooms.get(placed.node_id)
        if instance is not None and room is not None:
            done += await _settle_in(session, instance, room, placed, at)
    return done


async def _settle_in(session: AsyncSession, instance: Instance, room: Room, placed: Placed, at: datetime) -> bool:
    demand = demand_of(instance)
    if not is_feasible(demand, room):
        return False
    value = score(demand, room)
    ports = take(demand, room)
    if ports is None:
        return False
    if not demand.resident:
        await _move_in(session, instance, room, ports, at)
        instance.placement = {"at": at.isoformat(), "score": value, "candidates": placed.candidates}
    begin(session, instance, at=at)
    return True


async def _move_in(session: AsyncSession, instance: Instance, room: Room, ports: Sequence[int], at: datetime) -> None:
    instance.node_id = room.node_id
    instance.report_sequence = 0
    instance.started_at = None
    # Whatever an earlier stay has left there; but one that comes home finds its own.
    instance.discard_changes = moving.step_of(instance) != moving.HOME
    for demand, port in zip(demand_of(instance).ports, ports, strict=True):
        session.add(
            PortLease(
                node_id=room.node_id,
                port=port,
                instance_id=instance.id,
                name=demand.name,
                protocol=demand.protocol,
            )
        )
    # An older copy there is built over by this generation.
    await session.execute(delete(Leftover).where(Leftover.node_id == room.node_id, Leftover.instance_id == instance.id))
    log.info("instance placed", instance=instance.name, node=room.name, ports=list(ports))


async def _decide(demands: Sequence[Demand], rooms: Sequence[Room]) -> tuple[list[Placed], list[Demand]]:
    placed: list[Placed] = []
    refused: list[Demand] = []
    snapshot = Snapshot(rooms)
    for index, demand in enumerate(demands):
        decision = snapshot.place(demand)
        if isinstance(decision, Placed):
            placed.append(decision)
        else:
            refused.append(demand)
        if index % 50 == 49:
            await asyncio.sleep(0)  # a long queue must not stop heartbeats from being heard
    return placed, refused


async def _note(
    database: Database,
    refused: Sequence[Demand],
    rooms: Sequence[Room],
    instances: dict[str, Instance],
    settings: InstanceSettings,
    clock: Clock,
) -> None:
    """Keep with each instance why it waits, when that has changed."""
    told: dict[Demand, str] = {}
    changed: list[tuple[str, str]] = []
    for demand in refused:
        shape = replace(demand, instance_id="", name="")
        if shape not in told:
            told[shape] = summary(explain(demand, rooms))
        if (instances[demand.instance_id].waiting or {}).get("summary") != told[shape]:
            changed.append((demand.instance_id, told[shape]))
    for batch in _batches(changed, settings.placement_batch):
        async with database.write() as session:
            await _write_notes(session, dict(batch), clock.now())


async def _write_notes(session: AsyncSession, notes: dict[str, str], at: datetime) -> None:
    rows = await session.scalars(_waiting().where(Instance.id.in_(notes)).with_for_update())
    for instance in rows:
        since = (instance.waiting or {}).get("since", at.isoformat())
        instance.waiting = {"since": since, "summary": notes[instance.id]}


def _waiting() -> Select[Instance]:
    """Instances without a node that are to be prepared, and instances at rest on a node that are to run."""
    unplaced = (Instance.state == State.REQUESTED) & Instance.node_id.is_(None) & (Instance.wanted != Wanted.DESTROYED)
    asleep = (
        Instance.state.in_((State.REQUESTED, State.STOPPED))
        & Instance.node_id.is_not(None)
        & (Instance.wanted == Wanted.RUNNING)
    )
    return select(Instance).where(or_(unplaced, asleep)).order_by(Instance.state_since, Instance.id)


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
