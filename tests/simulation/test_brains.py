"""Several Brains over one database: any of them may die, in the middle of whatever it does."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hytopus.brain.instances.states import TRANSITIONS, State
from tests.harness.cluster import Cluster, open_cluster
from tests.simulation import stories

VERBS = ("stop", "restart", "kill", "destroy", "move")


async def test_the_nodes_of_a_dead_brain_go_to_another_and_nothing_restarts() -> None:
    async with open_cluster(brains=2) as cluster:
        for name in ("a", "b", "c", "d"):
            await cluster.add_node(name)
        await cluster.create(*({"name": f"lobby-{number}"} for number in range(8)))
        await cluster.clock.advance(20)
        started = cluster.world.started
        await cluster.kill_brain("a")
        await cluster.create({"name": "late"})
        await cluster.clock.advance(120)
        assert {instance.state for instance in await cluster.instances()} == {State.RUNNING}
        assert cluster.world.started == started + 1
        await cluster.start_brain("a")
        await cluster.kill_brain("b")
        await cluster.clock.advance(120)
        assert cluster.world.started == started + 1
        await cluster.check()


async def test_brains_that_do_not_hear_each_other_are_only_slower() -> None:
    async with open_cluster(brains=2) as cluster:
        for name in ("a", "b"):
            await cluster.add_node(name)
        cluster.lost_signals = 1.0
        await cluster.create(*({"name": f"lobby-{number}"} for number in range(6)))
        await cluster.clock.advance(200)
        assert {instance.state for instance in await cluster.instances()} == {State.RUNNING}
        assert cluster.world.started == 6


async def test_a_world_moves_while_the_brain_dies_again_and_again() -> None:
    async with open_cluster() as cluster:
        a, b = await cluster.add_node("a"), await cluster.add_node("b")
        await cluster.create({"name": "world", "node": None})
        await cluster.clock.advance(20)
        [world] = await cluster.instances()
        source, target = (a, b) if world.node_id == a.node_id else (b, a)
        source.machine.directories.worlds[world.id] = "a castle"
        await cluster.move("world", target, restart=True)
        for _ in range(12):
            cluster.doom("a", 1, durable=True)
            await cluster.clock.advance(20)
        await cluster.converge()
        [moved] = await cluster.instances()
        assert (moved.state, moved.node_id) == (State.RUNNING, target.node_id)
        assert target.machine.directories.worlds[world.id] == "a castle"
        assert not source.machine.holds


@pytest.mark.parametrize("verb", VERBS)
@settings(max_examples=max(1, stories(50) // len(VERBS)), suppress_health_check=[HealthCheck.too_slow])
@given(transactions=st.integers(1, 24), durable=st.booleans())
async def test_a_brain_dies_in_the_middle_of_a_transaction(verb: str, transactions: int, durable: bool) -> None:
    """Before what it did is durable, or after that and before anybody has heard of it; another one begins at once."""
    async with open_cluster() as cluster:
        for name in ("a", "b"):
            await cluster.add_node(name)
        await cluster.clock.advance(5)
        cluster.doom("a", transactions, durable=durable)
        await cluster.create({"name": "first"}, {"name": "second"})
        await cluster.clock.advance(20)
        await _ask(cluster, verb)
        await cluster.clock.advance(40)
        await cluster.heal()
        await cluster.converge()
        assert all(after in TRANSITIONS[before] for _, before, after in await cluster.transitions())
        assert len(await cluster.instances()) == (1 if verb == "destroy" else 2)


async def _ask(cluster: Cluster, verb: str) -> None:
    if verb != "move":
        await cluster.ask(verb, "first")
        return
    first = next(instance for instance in await cluster.instances() if instance.name == "first")
    away = next(node for node in cluster.nodes.values() if node.node_id != first.node_id)
    await cluster.move("first", away, restart=True)
