"""Scheduling on real databases: batches, several Brains at once, room that appears."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from hytopus.brain.db.engine import Database
from hytopus.brain.instances.loops import placement_controller
from hytopus.brain.instances.models import Instance, PortLease
from hytopus.brain.instances.queries import held_by_node, leased_ports
from hytopus.brain.instances.scheduling.rooms import demand_of
from hytopus.brain.instances.scheduling.scheduler import commit
from hytopus.brain.instances.states import State
from hytopus.brain.nodes.models import Node
from hytopus.brain.placement.place import Placed
from hytopus.kit.rush import Rush
from hytopus.wire.messages import Heartbeat, NodeLoad, NodeStatus
from tests.harness.brain import Brain
from tests.harness.factories import add, load, make_instance, make_node, on_node, reload
from tests.services.waiting import eventually


@pytest.fixture
def brain(database: Database) -> Brain:
    return Brain(database)


async def placed_on(brain: Brain) -> Counter[str]:
    async with brain.database.read() as session:
        rows = await session.scalars(select(Instance.node_id).where(Instance.node_id.is_not(None)))
        return Counter(str(node_id) for node_id in rows)


async def test_a_batch_fills_the_nodes_evenly_and_the_rest_waits(brain: Brain) -> None:
    nodes = [make_node() for _ in range(3)]
    await add(brain.database, *nodes, *(make_instance() for _ in range(30)))
    assert await brain.schedule() == 30 - 3 * 8
    assert set((await placed_on(brain)).values()) == {8}
    async with brain.database.read() as session:
        held = await held_by_node(session)
        ports = await leased_ports(session)
    assert {held[node.id].memory_mb for node in nodes} == {8192}
    assert all(len(ports[node.id]) == 8 for node in nodes)


async def test_two_brains_that_decide_at_once_never_over_commit(brain: Brain) -> None:
    """Each decides on what it saw; whoever commits second finds the room gone, and the port."""
    node = make_node(slots=4)
    instances = [make_instance() for _ in range(8)]
    await add(brain.database, node, *instances)
    decided = [Placed(demand_of(instance), node.id, (30000,), 50.0, 1) for instance in instances]

    async def one_brain(batch: list[Placed]) -> int:
        async with brain.database.write() as session:
            return await commit(session, batch, brain.presence, at=brain.clock.now())

    done = await asyncio.gather(one_brain(decided[:4]), one_brain(decided[4:]), one_brain(decided[2:6]))
    assert sum(done) == 4
    assert (await placed_on(brain))[node.id] == 4
    async with brain.database.read() as session:
        leases = list(await session.scalars(select(PortLease.port)))
    assert sorted(leases) == [30000, 30001, 30002, 30003]


async def test_what_was_stopped_meanwhile_is_not_placed(brain: Brain) -> None:
    node = await brain.has_node()
    await brain.has_template()
    instance = await brain.create()
    await brain.ask("stop")
    async with brain.database.write() as session:
        stale = Placed(demand_of(instance), node.id, (30000,), 50.0, 1)
        assert await commit(session, [stale], brain.presence, at=brain.clock.now()) == 0


async def test_ports_of_foreign_processes_and_engines_that_are_down_are_avoided(brain: Brain) -> None:
    first = await brain.has_node(name="first", port_last=30001)
    second = await brain.has_node(name="second")
    brain.presence.heartbeat(first.id, Heartbeat("", False, NodeLoad(foreign_ports=(30000,))))
    brain.presence.heartbeat(second.id, Heartbeat("", False, NodeLoad(engine_up=False)))
    await add(brain.database, make_instance(name="a"), make_instance(name="b"))
    assert await brain.schedule() == 1
    async with brain.database.read() as session:
        assert await leased_ports(session) == {first.id: {30001}}


async def test_asked_for_ports_regions_tags_and_nodes_are_respected(brain: Brain) -> None:
    eu = await brain.has_node(name="eu", region="eu", tags=["ssd"])
    await brain.has_node(name="us", region="us")
    dev = await brain.has_node(name="dev", dev_mode=True)
    rows = {
        "region": make_instance(region="eu"),
        "tags": make_instance(tags=["ssd"]),
        "pinned": make_instance(pinned_node=eu.id),
        "port": make_instance(requested_ports={"game": 30050}, region="eu"),
        "dev": make_instance(dev=True),
        "nowhere": make_instance(region="mars"),
    }
    await add(brain.database, *rows.values())
    assert await brain.schedule() == 1
    found = {key: (await reload(brain.database, row)).node_id for key, row in rows.items()}
    assert found == {"region": eu.id, "tags": eu.id, "pinned": eu.id, "port": eu.id, "dev": dev.id, "nowhere": None}
    async with brain.database.read() as session:
        assert 30050 in (await leased_ports(session))[eu.id]


async def test_what_waits_is_placed_when_a_node_gets_room(brain: Brain) -> None:
    node = await brain.has_node(slots=1)
    running, lease = on_node(node, State.RUNNING)
    waiting = make_instance(name="waiting")
    await add(brain.database, running, lease, waiting)
    assert await brain.schedule() == 1
    await brain.ask("destroy", running.name)
    await brain.hears_status(node, NodeStatus.STOPPED, running.name, exit_code=0)
    assert await brain.schedule() == 0
    placed = await brain.get("waiting")
    assert (placed.state, placed.waiting) == (State.PREPARING, None)


async def test_a_stopped_instance_keeps_its_disk_and_ports_but_not_its_memory(brain: Brain) -> None:
    node = await brain.has_node()
    asleep, lease = on_node(node, State.STOPPED, memory_mb=4096, disk_mb=5000)
    await add(brain.database, asleep, lease)
    async with brain.database.read() as session:
        held = (await held_by_node(session))[node.id]
        assert (held.slots, held.memory_mb, held.disk_mb) == (0, 0, 5000)
        assert await leased_ports(session) == {node.id: {30000}}


async def test_an_older_copy_on_the_new_node_is_built_over_and_not_destroyed(brain: Brain) -> None:
    old = await brain.has_node(name="old")
    await brain.has_template()
    instance = await brain.create()
    await brain.schedule()
    async with brain.database.write() as session:
        row = await session.get(Node, old.id)
        assert row is not None
        row.draining, row.drain_deadline = True, brain.clock.now() + timedelta(minutes=1)
    await brain.reconcile(instance)
    assert (await brain.get()).state is State.REQUESTED
    assert [type(command).__name__ for command in await brain.told(old)] == ["DestroyInstance"]
    await brain.change_node(old, {"draining": False, "drain_deadline": None})
    await brain.schedule()
    assert [type(command).__name__ for command in await brain.told(old)] == ["PrepareInstance"]
    async with brain.database.write() as session:
        assert (await load(session, instance)).generation == 2


async def test_who_comes_alone_is_placed_at_once(brain: Brain) -> None:
    """However soon after another one: only a rush gathers. No time passes here, so nobody may wait for any."""
    await brain.has_template()
    await brain.has_node()
    placing = placement_controller(brain.database, brain.presence, brain.clock, Rush(brain.clock), brain.settings)
    running = asyncio.create_task(placing.run())
    try:
        for count, name in enumerate(("lobby", "arena", "castle"), start=1):
            await brain.create(name)
            await eventually(_has_placed(brain, count), what=f"{name} to have a node")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _has_placed(brain: Brain, count: int) -> Callable[[], Any]:
    async def look() -> bool:
        return (await placed_on(brain)).total() == count

    return look
