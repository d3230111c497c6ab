"""A node was away, and returns: with what it was known to hold, with less, with more, or with what nobody knows."""

from __future__ import annotations

import pytest

from hytopus.brain.db.engine import Database
from hytopus.brain.instances.models import Leftover
from hytopus.brain.instances.reports.strangers import MOST
from hytopus.brain.instances.states import State, Wanted
from hytopus.brain.nodes.states import NodeState
from hytopus.wire.messages import (
    DestroyInstance,
    InstanceReport,
    NodeStatus,
    Problem,
)
from tests.harness.brain import Brain
from tests.harness.factories import report


@pytest.fixture
def brain(database: Database) -> Brain:
    return Brain(database)


async def test_a_silent_node_loses_what_runs_and_brings_it_back(brain: Brain) -> None:
    node, running = await brain.running()
    await brain.change_node(node, {"state": NodeState.OFFLINE})
    assert await brain.reconcile(running) == brain.settings.lost_after_s
    await brain.clock.advance(brain.settings.lost_after_s)
    await brain.reconcile(running)
    assert (await brain.get()).state is State.LOST
    await brain.meets(node, report(running, NodeStatus.RUNNING, restored=True, players=("ann",)))
    back = await brain.get()
    assert (back.state, back.started_at, back.players) == (State.RUNNING, running.started_at, ["ann"])


async def test_what_was_stopped_while_its_node_was_away_is_stopped_when_it_returns(brain: Brain) -> None:
    node, running = await brain.running()
    await brain.change_node(node, {"state": NodeState.OFFLINE})
    await brain.clock.advance(brain.settings.lost_after_s)
    await brain.reconcile(running)
    await brain.ask("destroy")
    assert (await brain.get()).state is State.LOST
    await brain.meets(node, report(running, NodeStatus.RUNNING, restored=True))
    assert (await brain.get()).state is State.STOPPING


async def test_a_node_that_has_forgotten_that_it_ran_is_told_to_start_it_again(brain: Brain) -> None:
    node, running = await brain.running()
    ended = report(running, NodeStatus.PREPARED, restored=True)
    await brain.meets(node, ended)
    again = await brain.get()
    assert (again.state, again.generation) == (State.STARTING, 2)


async def test_without_autostart_a_reboot_leaves_it_alone(brain: Brain) -> None:
    node = await brain.has_node()
    await brain.has_template()
    await brain.create(autostart=False)
    await brain.schedule()
    await brain.hears_status(node, NodeStatus.PREPARED)
    await brain.ask("start")
    await brain.schedule()
    running = await brain.hears_status(node, NodeStatus.RUNNING)
    await brain.meets(node, report(running, NodeStatus.STOPPED, exit_code=0, exit_kind="clean", restored=True))
    assert (await brain.get()).state is State.STOPPED


async def test_a_node_that_returns_without_it_has_lost_it(brain: Brain) -> None:
    node, _ = await brain.running()
    await brain.meets(node)
    failed = await brain.get()
    assert failed.problem is not None
    assert (failed.state, failed.problem["code"]) == (State.FAILED, "instance_vanished")
    await brain.ask("destroy")
    await brain.meets(node)
    assert (await brain.by_id(failed)).state is State.DESTROYED


async def test_what_was_prepared_on_a_vanished_node_goes_elsewhere_and_its_copy_is_destroyed(brain: Brain) -> None:
    old = await brain.has_node(name="old")
    await brain.has_template()
    instance = await brain.create()
    await brain.schedule()
    await brain.change_node(old, {"state": NodeState.OFFLINE})
    await brain.clock.advance(brain.settings.lost_after_s)
    await brain.reconcile(instance)
    new = await brain.has_node(name="new")
    await brain.schedule()
    moved = await brain.get()
    assert (moved.state, moved.node_id, moved.generation) == (State.PREPARING, new.id, 2)
    await brain.meets(old, report(instance, NodeStatus.PREPARED, generation=1, restored=True))
    assert await brain.told(old) == [DestroyInstance(instance.id, 1, superseded=True)]
    await brain.hears(old, report(instance, NodeStatus.DESTROYED, generation=1))
    assert await brain.told(old) == []
    assert (await brain.get()).state is State.PREPARING


async def test_a_node_without_leftovers_is_not_told_to_destroy_them(brain: Brain) -> None:
    node = await brain.has_node()
    async with brain.database.write() as session:
        session.add(Leftover(node_id=node.id, instance_id="gone", generation=3))
    await brain.meets(node)
    assert await brain.told(node) == []


async def test_an_unknown_instance_is_kept_and_reported_once(brain: Brain) -> None:
    node = await brain.has_node()
    for _ in range(2):
        await brain.meets(node, InstanceReport("stranger", 7, NodeStatus.RUNNING, restored=True))
    assert await brain.told(node) == []
    assert await brain.events("node.held") == ["node.held_an_unknown_instance"]


async def test_a_destroyed_instance_that_turns_up_is_destroyed_again(brain: Brain) -> None:
    node, running = await brain.running()
    await brain.ask("destroy")
    await brain.hears_status(node, NodeStatus.STOPPED, exit_code=0)
    await brain.hears(node, report(running, NodeStatus.DESTROYED))
    await brain.meets(node, report(running, NodeStatus.RUNNING, restored=True))
    assert await brain.told(node) == [DestroyInstance(running.id, 1, superseded=True)]


async def test_a_node_that_lost_what_it_had_prepared_prepares_it_again(brain: Brain) -> None:
    node, _ = await brain.running()
    await brain.ask("restart")
    await brain.hears_status(node, NodeStatus.STOPPED, exit_code=0)
    again = await brain.hears_status(node, NodeStatus.FAILED, problem=Problem("not_prepared", "Not here."))
    assert (again.state, again.generation) == (State.PREPARING, 3)


async def test_a_node_that_says_it_runs_after_all_is_believed(brain: Brain) -> None:
    node, _ = await brain.running()
    await brain.ask("stop")
    await brain.hears_status(node, NodeStatus.STOPPED, exit_code=0)
    assert (await brain.hears_status(node, NodeStatus.RUNNING)).state is State.STOPPING


async def test_a_brain_from_a_backup_learns_from_its_nodes(brain: Brain) -> None:
    node = await brain.has_node(relearn=True)
    await brain.has_template()
    unplaced = await brain.create("unplaced")
    stopped = await brain.create("stopped")
    await brain.ask("stop", "stopped")
    inventory = (
        report(unplaced, NodeStatus.RUNNING, generation=1, restored=True),
        report(stopped, NodeStatus.RUNNING, generation=4, restored=True),
    )
    await brain.meets(node, *inventory)
    for name, generation in (("unplaced", 1), ("stopped", 4)):
        adopted = await brain.get(name)
        assert (adopted.state, adopted.wanted, adopted.node_id) == (State.RUNNING, Wanted.RUNNING, node.id)
        assert adopted.generation == generation
    assert await brain.schedule() == 0
    assert await brain.told(node) == []


async def test_a_node_that_nobody_expects_to_know_better_takes_over_nothing(brain: Brain) -> None:
    node = await brain.has_node(slots=0)
    await brain.has_template()
    unplaced = await brain.create("unplaced")
    for _ in range(2):
        await brain.meets(node, report(unplaced, NodeStatus.RUNNING, generation=7, restored=True))
    await brain.hears(node, report(unplaced, NodeStatus.RUNNING, generation=8, sequence=1))
    same = await brain.get("unplaced")
    assert (same.state, same.node_id, same.generation) == (State.REQUESTED, None, unplaced.generation)
    assert await brain.told(node) == []
    assert await brain.events("node.") == ["node.kept_a_newer_copy"]


async def test_a_node_tells_of_no_more_strange_instances_than_anybody_reads(brain: Brain) -> None:
    node = await brain.has_node()
    await brain.meets(node, *(InstanceReport(f"i{n}", 1, NodeStatus.RUNNING, restored=True) for n in range(MOST + 9)))
    assert len(await brain.events("node.held")) == MOST
