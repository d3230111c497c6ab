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

from sqlalchemy import Delete, Select, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from hytopus.brain.db.engine import Database
from hytopus.brain.instances import moving
from hytopus.brain.instances.models import Instance, Leftover, PortLease
from hytopus.brain.instances.reconciling.steps import begin
from hytopus.brain.instances.scheduling.rooms import demand_of, rooms_of
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.states import State, Wanted
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

_OUTLOOK_S: Final = 5.0
_TRIES: Final = 3
"""Somebody else may take the room that was just seen, again and again."""

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


class Outlook:
    """The fleet as the last pass saw it, and what has been given away since.

    Reading the whole fleet is most of a pass, and while instances come one after the other, a Brain would do little
    else. A view that is some seconds old is good enough to decide on, because each commit checks again; but nothing is
    told to wait on it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: tuple[float, Snapshot, list[Room]] | None = None

    @property
    def snapshot(self) -> Snapshot | None:
        """None where it has to be read anew."""
        if self._seen is None or self._clock.monotonic() - self._seen[0] >= _OUTLOOK_S:
            return None
        return self._seen[1]

    @property
    def rooms(self) -> list[Room]:
        return [] if self._seen is None else self._seen[2]

    def see(self, rooms: list[Room]) -> Snapshot:
        self._seen = (self._clock.monotonic(), snapshot := Snapshot(rooms), rooms)
        return snapshot

    def forget(self) -> None:
        """It has proven wrong, or is not good enough."""
        self._seen = None


async def schedule(
    database: Database,
    presence: Presence,
    outlook: Outlook,
    *,
    clock: Clock,
    settings: InstanceSettings,
    tries: int = _TRIES,
) -> int:
    """One pass over everything that waits; returns how many still wait."""
    remembered = outlook.snapshot is not None
    waiting, snapshot = await _look(database, presence, outlook)
    if snapshot is None:
        return len(waiting)
    placed, refused = await _decide([demand_of(instance) for instance in waiting], snapshot)
    missed = len(placed) - await _carry_out(database, placed, presence, clock, settings)
    if tries > 1 and (missed or (refused and remembered)):
        outlook.forget()
        return await schedule(database, presence, outlook, clock=clock, settings=settings, tries=tries - 1)
    await _note(database, refused, outlook.rooms, {instance.id: instance for instance in waiting}, settings, clock)
    return len(refused) + missed


async def _look(database: Database, presence: Presence, outlook: Outlook) -> tuple[Sequence[Instance], Snapshot | None]:
    """What waits, and what there is for it; nothing where there is nothing to be done."""
    async with database.read() as session:
        waiting = list(await session.scalars(_waiting().options(_DEMAND)))
        if not waiting or await is_learning(session):
            return waiting, None  # it may run on a node that has not come back yet
        if (snapshot := outlook.snapshot) is None:
            snapshot = outlook.see(await rooms_of(session, await nodes_with_room(session), presence))
    return waiting, snapshot


async def _carry_out(
    database: Database, placed: Sequence[Placed], presence: Presence, clock: Clock, settings: InstanceSettings
) -> int:
    done = 0
    for batch in _batches(placed, settings.placement_batch):
        async with database.write() as session:
            done += await commit(session, batch, presence, at=clock.now())
    return done


async def commit(session: AsyncSession, batch: Sequence[Placed], presence: Presence, *, at: datetime) -> int:
    """Carry out what was decided, as far as there still is room for it; returns for how many there was."""
    nodes = await nodes_with_room(session, {placed.node_id for placed in batch}, lock=True)
    rooms = {room.node_id: room for room in await rooms_of(session, nodes, presence)}
    ids = [placed.demand.instance_id for placed in batch]
    rows = await session.scalars(
        _waiting().where(Instance.id.in_(ids)).order_by(None).order_by(Instance.id).with_for_update()
    )
    instances = {instance.id: instance for instance in rows}
    # An older copy there is built over by the new generation.
    copies = {(copy.node_id, copy.instance_id) for copy in await session.scalars(_copies_of(ids))}
    done = 0
    for placed in batch:
        instance, room = instances.get(placed.demand.instance_id), rooms.get(placed.node_id)
        if instance is not None and room is not None and _settle_in(session, instance, room, placed, at):
            done += 1
            if (room.node_id, instance.id) in copies:
                await session.execute(_copy(room.node_id, instance.id))
    return done


def _settle_in(session: AsyncSession, instance: Instance, room: Room, placed: Placed, at: datetime) -> bool:
    demand = demand_of(instance)
    if not is_feasible(demand, room):
        return False
    value = score(demand, room)
    ports = take(demand, room)
    if ports is None:
        return False
    if not demand.resident:
        _move_in(session, instance, room, ports, at)
        instance.placement = {"at": at.isoformat(), "score": value, "candidates": placed.candidates}
    begin(session, instance, at=at)
    return True


def _move_in(session: AsyncSession, instance: Instance, room: Room, ports: Sequence[int], at: datetime) -> None:
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
    log.info("instance placed", instance=instance.name, node=room.name, ports=list(ports))


async def _decide(demands: Sequence[Demand], snapshot: Snapshot) -> tuple[list[Placed], list[Demand]]:
    placed: list[Placed] = []
    refused: list[Demand] = []
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


def _copies_of(instance_ids: Sequence[str]) -> Select[Leftover]:
    return select(Leftover).where(Leftover.instance_id.in_(instance_ids))


def _copy(node_id: str, instance_id: str) -> Delete:
    return delete(Leftover).where(Leftover.node_id == node_id, Leftover.instance_id == instance_id)


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
