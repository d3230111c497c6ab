"""A small cluster through ordinary days: the ground on which the long simulations stand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from hytopus.brain.activity.models import Event
from hytopus.brain.instances.states import State
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.states import NodeState, advance
from tests.harness.cluster import open_cluster


async def test_instances_run_spread_over_the_nodes() -> None:
    async with open_cluster() as cluster:
        for name in ("a", "b", "c"):
            await cluster.add_node(name)
        await cluster.create(*({"name": f"lobby-{number}", "memory_mb": 512} for number in range(9)))
        await cluster.clock.advance(20)
        instances = await cluster.instances()
        assert {instance.state for instance in instances} == {State.RUNNING}
        assert [len(node.machine.processes) for node in cluster.nodes.values()] == [3, 3, 3]
        await cluster.check()


async def test_a_drain_empties_a_node_and_lifting_it_fills_it_again() -> None:
    async with open_cluster() as cluster:
        node = await cluster.add_node("a")
        await cluster.create({"name": "lobby"})
        await cluster.clock.advance(20)
        await cluster.decide("drain", node, deadline=timedelta(seconds=60))
        await cluster.clock.advance(10)
        assert not node.machine.processes
        await cluster.decide("undrain", node)
        await cluster.clock.advance(10)
        assert len(node.machine.processes) == 1
        assert cluster.world.started == 2


async def test_a_server_that_ignores_its_stop_is_killed_by_the_drain() -> None:
    async with open_cluster() as cluster:
        node = await cluster.add_node("a")
        node.machine.timing.ignores_stop = True
        await cluster.create({"name": "lobby"})
        await cluster.clock.advance(20)
        await cluster.decide("drain", node, deadline=timedelta(seconds=30))
        await cluster.clock.advance(29)
        assert node.machine.processes
        await cluster.clock.advance(2)
        assert not node.machine.processes


async def test_a_brain_outage_stops_nothing_and_is_caught_up_with() -> None:
    async with open_cluster() as cluster:
        node = await cluster.add_node("a")
        await cluster.create({"name": "one"}, {"name": "two"})
        await cluster.clock.advance(20)
        await cluster.kill_brain()
        await cluster.clock.advance(600)
        assert len(node.machine.processes) == 2
        [one, two] = await cluster.instances()
        node.machine.crash(one.id)
        await cluster.clock.advance(60)
        assert node.machine.processes == {one.id, two.id}, "its node has started it again by itself"
        await cluster.start_brain()
        await cluster.clock.advance(60)
        found = {instance.name: (instance.state, instance.attempt) for instance in await cluster.instances()}
        assert found == {"one": (State.RUNNING, 2), "two": (State.RUNNING, 1)}
        assert cluster.world.started == 3


@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5, 4])
async def test_a_long_outage_of_the_brain_fails_nothing_that_was_under_way(seconds: float) -> None:
    async with open_cluster() as cluster:
        await cluster.add_node("a")
        await cluster.create({"name": "lobby"})
        await cluster.clock.advance(seconds)
        assert [instance.state for instance in await cluster.instances()] != [State.RUNNING]
        await cluster.kill_brain()
        await cluster.clock.advance(3600)
        await cluster.start_brain()
        await cluster.clock.advance(60)
        assert [instance.state for instance in await cluster.instances()] == [State.RUNNING]
        assert cluster.world.started == 1


async def test_a_clock_that_somebody_sets_fails_nothing_that_is_under_way() -> None:
    async with open_cluster() as cluster:
        await cluster.add_node("a")
        await cluster.create({"name": "lobby"})
        await cluster.clock.advance(2)
        cluster.clock.jump(3600)
        await cluster.clock.advance(30)
        assert [instance.state for instance in await cluster.instances()] == [State.RUNNING]
        assert cluster.world.started == 1


async def test_a_lost_node_comes_back_with_what_it_ran() -> None:
    async with open_cluster() as cluster:
        node = await cluster.add_node("a")
        await cluster.add_node("b")
        await cluster.create({"name": "lobby", "node": "a"})
        await cluster.clock.advance(20)
        node.faults.partition()
        await cluster.clock.advance(300)
        assert [instance.state for instance in await cluster.instances()] == [State.LOST]
        node.faults.heal()
        await cluster.clock.advance(60)
        assert [instance.state for instance in await cluster.instances()] == [State.RUNNING]
        assert cluster.world.started == 1


async def test_a_node_that_was_rebooted_starts_its_instances_again() -> None:
    async with open_cluster() as cluster:
        node = await cluster.add_node("a")
        await cluster.create({"name": "lobby"})
        await cluster.clock.advance(20)
        await cluster.power_off(node)
        await cluster.clock.advance(200)
        cluster.start_agent(node)
        await cluster.clock.advance(60)
        assert [instance.state for instance in await cluster.instances()] == [State.RUNNING]
        assert cluster.world.started == 2


async def test_without_a_world_it_is_replaced_and_the_old_copy_goes_when_the_node_returns() -> None:
    async with open_cluster() as cluster:
        node = await cluster.add_node("a")
        await cluster.create({"name": "e-lobby", "persistent": False})
        await cluster.clock.advance(20)
        other = await cluster.add_node("b")
        node.faults.partition()
        await cluster.clock.advance(300)
        assert [instance.state for instance in await cluster.instances()] == [State.RUNNING]
        assert len(node.machine.processes) == len(other.machine.processes) == 1
        node.faults.heal()
        await cluster.clock.advance(60)
        assert not node.machine.processes
        assert not node.machine.holds
        await cluster.check()


async def test_with_a_lease_the_node_stops_it_before_it_starts_elsewhere() -> None:
    async with open_cluster() as cluster:
        node = await cluster.add_node("a")
        await cluster.create({"name": "world", "on_node_loss": "replace"})
        await cluster.clock.advance(20)
        other = await cluster.add_node("b")
        node.faults.partition()
        await cluster.clock.advance(55)
        assert node.machine.processes, "its lease has not run out"
        await cluster.clock.advance(20)
        assert not node.machine.processes
        await cluster.clock.advance(600)
        assert [instance.state for instance in await cluster.instances()] == [State.LOST]
        assert await cluster.declare_lost(node)
        await cluster.clock.advance(600)
        assert [instance.state for instance in await cluster.instances()] == [State.RUNNING]
        assert other.machine.processes
        node.faults.heal()
        await cluster.clock.advance(60)
        assert not node.machine.processes
        assert node.machine.holds, "the newest world is kept"
        await cluster.check()


async def test_the_first_that_is_lent_to_a_node_starts_once() -> None:
    """Long after the node has registered, which was the last time that it asked for a lease."""
    async with open_cluster() as cluster:
        node = await cluster.add_node("a")
        await cluster.clock.advance(600)
        await cluster.create({"name": "world", "on_node_loss": "replace"})
        await cluster.clock.advance(30)
        [world] = await cluster.instances()
        assert (world.state, world.generation) == (State.RUNNING, 1)
        assert len(node.machine.processes) == 1


async def test_with_a_lease_it_starts_again_when_the_node_returns_in_time() -> None:
    async with open_cluster() as cluster:
        node = await cluster.add_node("a")
        await cluster.create({"name": "world", "on_node_loss": "replace"})
        await cluster.clock.advance(20)
        node.faults.partition()
        await cluster.clock.advance(400)
        assert not node.machine.processes
        node.faults.heal()
        await cluster.clock.advance(60)
        assert [instance.state for instance in await cluster.instances()] == [State.RUNNING]
        assert len(node.machine.processes) == 1


async def test_a_brain_outage_stops_only_what_was_lent() -> None:
    async with open_cluster() as cluster:
        node = await cluster.add_node("a")
        await cluster.create(
            {"name": "waits"}, {"name": "e-lobby", "persistent": False}, {"name": "lent", "on_node_loss": "replace"}
        )
        await cluster.clock.advance(20)
        assert len(node.machine.processes) == 3
        await cluster.kill_brain()
        await cluster.clock.advance(40)
        assert len(node.machine.processes) == 3
        await cluster.clock.advance(3600)
        assert len(node.machine.processes) == 2
        await cluster.start_brain()
        await cluster.clock.advance(60)
        assert len(node.machine.processes) == 3


async def test_a_node_that_another_brain_took_for_offline_comes_back_with_what_it_ran() -> None:
    async with open_cluster() as cluster:
        node = await cluster.add_node("a")
        await cluster.create({"name": "lobby"})
        await cluster.clock.advance(20)
        brain = cluster.brains["a"]
        assert brain is not None
        for state in (NodeState.SUSPECT, NodeState.OFFLINE):
            async with brain.api.write() as session:
                advance(session, await session.get_one(Node, node.node_id), state, at=cluster.clock.now())
        await cluster.clock.advance(5)
        async with cluster.database.read() as session:
            assert (await session.get_one(Node, node.node_id)).state is NodeState.ONLINE
        assert [instance.state for instance in await cluster.instances()] == [State.RUNNING]
        assert cluster.world.started == 1


async def test_a_clock_that_somebody_sets_loses_nobody() -> None:
    async with open_cluster(brains=2) as cluster:
        for name in ("a", "b"):
            await cluster.add_node(name)
        await cluster.create({"name": "lobby"}, {"name": "arena"})
        await cluster.clock.advance(20)
        cluster.clock.jump(3600)
        await cluster.clock.advance(120)
        async with cluster.database.read() as session:
            told = set(await session.scalars(select(Event.kind)))
        assert not told & {"node.fell_silent", "node.went_offline", "instance.lost"}
