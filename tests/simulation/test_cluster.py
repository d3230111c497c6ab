"""A small cluster through ordinary days: the ground on which the long simulations stand."""

from __future__ import annotations

from datetime import timedelta

from hytopus.brain.instances.states import State
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
        await cluster.start_brain()
        await cluster.clock.advance(60)
        states = {instance.name: instance.state for instance in await cluster.instances()}
        assert states == {"one": State.FAILED, "two": State.RUNNING}
        assert cluster.world.started == 2
        assert two.id in node.machine.processes


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
