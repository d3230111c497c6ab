"""What becomes of instances whose node is lost, as the Brain sees it, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from hytopus.brain.db.engine import Database
from hytopus.brain.instances.models import Instance, Leftover
from hytopus.brain.instances.states import State, Wanted
from hytopus.brain.nodes import commands as nodes
from hytopus.brain.nodes.errors import NodeNotOffline
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.states import NodeState
from hytopus.wire.messages import DestroyInstance, NodeStatus, PrepareInstance, Problem, StartInstance, StopInstance
from tests.harness.brain import Brain
from tests.harness.factories import OPERATOR, report


@pytest.fixture
def brain(database: Database) -> Brain:
    return Brain(database, lost_after_s=60, replace_after_s=60, lease_s=300, fence_slack_s=60)


async def lose(brain: Brain, node: Node) -> None:
    """Its node is silent, and everybody has noticed."""
    await brain.change_node(node, {"state": NodeState.OFFLINE, "state_since": brain.clock.now()})
    await brain.clock.advance(61)
    await brain.reconcile(await brain.get())


async def declare(brain: Brain, node: Node, *, off: bool = False) -> None:
    async with brain.database.write() as session:
        row = await session.get(Node, node.id, with_for_update=True)
        assert row is not None
        nodes.declare_lost(session, row, off=off, actor=OPERATOR, at=brain.clock.now())


async def leftovers(brain: Brain) -> list[Leftover]:
    async with brain.database.read() as session:
        return list(await session.scalars(select(Leftover)))


async def moved(brain: Brain, other: Node) -> Instance:
    """It starts anew on the other node."""
    assert (await brain.get()).state is State.REQUESTED
    await brain.schedule()
    instance = await brain.get()
    assert (instance.state, instance.node_id) == (State.PREPARING, other.id)
    return instance


async def test_without_a_world_it_is_replaced_after_a_grace_and_the_old_copy_destroyed(brain: Brain) -> None:
    node, old = await brain.running(persistent=False)
    other = await brain.has_node()
    await lose(brain, node)
    assert (await brain.get()).state is State.LOST
    assert await brain.reconcile(old) == pytest.approx(59)
    await brain.clock.advance(60)
    await brain.reconcile(old)
    new = await moved(brain, other)
    assert new.generation > old.generation
    await brain.meets(node, report(old, NodeStatus.RUNNING, restored=True))
    assert (await brain.get()).node_id == other.id
    assert await brain.told(node) == [DestroyInstance(old.id, old.generation, superseded=True)]
    await brain.hears(node, report(old, NodeStatus.DESTROYED))
    assert await leftovers(brain) == []


async def test_it_may_wait_although_it_has_no_world(brain: Brain) -> None:
    node, instance = await brain.running(persistent=False, on_node_loss="wait")
    await lose(brain, node)
    await brain.clock.advance(3600)
    await brain.reconcile(instance)
    assert (await brain.get()).state is State.LOST
    await declare(brain, node)
    await brain.reconcile(instance)
    assert (await brain.get()).state is State.REQUESTED


async def test_its_own_grace_counts(brain: Brain) -> None:
    node, instance = await brain.running(persistent=False, replace_after_s=0)
    await lose(brain, node)
    await brain.reconcile(instance)
    assert (await brain.get()).state is State.REQUESTED


async def test_with_a_world_it_waits_for_ever_and_is_adopted(brain: Brain) -> None:
    node, instance = await brain.running()
    await brain.has_node()
    await lose(brain, node)
    await declare(brain, node, off=True)
    await brain.clock.advance(86_400)
    await brain.reconcile(instance)
    assert (await brain.get()).state is State.LOST
    await brain.meets(node, report(instance, NodeStatus.RUNNING, restored=True))
    found = await brain.get()
    assert (found.state, found.node_id) == (State.RUNNING, node.id)
    async with brain.database.read() as session:
        row = await session.get(Node, node.id)
        assert row is not None
        assert (row.lost_at, row.off) == (None, False)
    assert "node.returned" in await brain.events("node.")


async def leased(brain: Brain) -> tuple[Node, Instance]:
    node = await brain.has_node()
    await brain.has_template()
    await brain.create(on_node_loss="replace")
    await brain.schedule()
    await brain.hears_status(node, NodeStatus.PREPARED)
    [start] = await brain.told(node)
    assert isinstance(start, StartInstance)
    assert start.lease_s == 300
    return node, await brain.hears_status(node, NodeStatus.RUNNING)


async def test_with_a_lease_it_is_replaced_when_declared_lost_and_not_before_the_fence(brain: Brain) -> None:
    node, old = await leased(brain)
    other = await brain.has_node()
    await lose(brain, node)
    await brain.clock.advance(86_400)
    await brain.reconcile(old)
    assert (await brain.get()).state is State.LOST, "nobody has declared it lost"
    await declare(brain, node)
    wait = await brain.reconcile(old)
    assert wait is not None
    assert wait > 300 + 70 + 30 + 60
    await brain.clock.advance(wait - 1)
    await brain.reconcile(old)
    assert (await brain.get()).state is State.LOST
    await brain.clock.advance(2)
    await brain.reconcile(old)
    await moved(brain, other)
    [prepare] = await brain.told(other)
    assert isinstance(prepare, PrepareInstance)
    await brain.meets(node, report(old, NodeStatus.STOPPED, restored=True))
    assert await brain.told(node) == [StopInstance(old.id, old.generation)], "its world is kept"
    await brain.ask("destroy")
    await brain.hears_status(other, NodeStatus.STOPPED)
    await brain.hears(other, report(await brain.by_id(old), NodeStatus.DESTROYED))
    assert await brain.told(node) == [DestroyInstance(old.id, old.generation, superseded=True)]


async def test_a_wall_clock_that_jumps_ahead_brings_nothing_forward(brain: Brain) -> None:
    node, old = await leased(brain)
    await lose(brain, node)
    await declare(brain, node)
    wait = await brain.reconcile(old)
    brain.clock.jump(86_400)
    assert await brain.reconcile(old) == pytest.approx(wait)
    assert (await brain.get()).state is State.LOST


async def test_a_machine_that_is_off_needs_no_fence(brain: Brain) -> None:
    node, old = await leased(brain)
    other = await brain.has_node()
    await lose(brain, node)
    await declare(brain, node, off=True)
    await brain.reconcile(old)
    await moved(brain, other)


async def test_an_agent_that_keeps_no_leases_cannot_be_relied_on(brain: Brain) -> None:
    node, old = await leased(brain)
    await brain.change_node(node, {"leases": False})
    await lose(brain, node)
    await declare(brain, node)
    await brain.clock.advance(86_400)
    await brain.reconcile(old)
    assert (await brain.get()).state is State.LOST


async def test_only_a_node_that_is_offline_can_be_declared_lost(brain: Brain) -> None:
    node = await brain.has_node()
    with pytest.raises(NodeNotOffline):
        await declare(brain, node)


async def test_what_its_lease_has_stopped_starts_again_when_the_node_is_back(brain: Brain) -> None:
    node, old = await leased(brain)
    expired = Problem("lease_expired", "…")
    found = await brain.hears_status(node, NodeStatus.STOPPED, exit_code=0, exit_kind="clean", problem=expired)
    assert (found.state, found.wanted, found.generation) == (State.STARTING, Wanted.RUNNING, old.generation + 1)
    assert found.restarts == 0, "nobody is to blame"


async def test_a_drain_sends_what_has_no_world_elsewhere(brain: Brain) -> None:
    node, instance = await brain.running(persistent=False)
    other = await brain.has_node()
    await brain.change_node(node, {"draining": True})
    await brain.reconcile(instance)
    assert (await brain.get()).state is State.STOPPING
    await brain.hears_status(node, NodeStatus.STOPPED, exit_code=0, exit_kind="clean")
    await moved(brain, other)
    assert await brain.told(node) == [DestroyInstance(instance.id, instance.generation, superseded=True)]


async def test_layers_and_games_say_whether_there_is_a_world(brain: Brain) -> None:
    await brain.has_template()
    await brain.has_template("match", persistent=False)
    assert (await brain.create("a")).persistent
    match = await brain.create("b", layers=["base", "match"])
    assert (match.persistent, match.on_node_loss.value) == (False, "replace")
    assert (await brain.create("c", layers=["base", "match"], persistent=True)).on_node_loss.value == "wait"
