"""An instance's life as the Brain sees it, on both databases: commands in, reports in, commands out."""

from __future__ import annotations

from typing import Any

import pytest

from hytopus.brain.db.engine import Database
from hytopus.brain.instances.errors import InstanceDestroyed
from hytopus.brain.instances.models import PortLease
from hytopus.brain.instances.states import State, Wanted
from hytopus.wire.messages import (
    DestroyInstance,
    InstanceReport,
    NodeStatus,
    PrepareInstance,
    Problem,
    StopInstance,
)
from tests.harness.brain import Brain
from tests.harness.factories import later, report, start_of


@pytest.fixture
def brain(database: Database) -> Brain:
    return Brain(database)


async def count(brain: Brain, table: Any) -> int:
    async with brain.database.read() as session:
        return len(list(await session.scalars(table.__table__.select())))


async def test_the_flow_of_the_specification(brain: Brain) -> None:
    node = await brain.has_node()
    await brain.has_template()
    assert (await brain.create()).state is State.REQUESTED
    await brain.schedule()
    assert (await brain.get()).state is State.PREPARING
    [prepare] = await brain.told(node)
    assert isinstance(prepare, PrepareInstance)
    assert prepare.variable_map["PORT"] == str(prepare.ports[0].host) == "30000"
    assert prepare.variable_map["INSTANCE_NAME"] == "lobby"
    assert prepare.variable_map["NODE_NAME"] == node.name
    assert [layer.url for layer in prepare.template_layers] == ["templates/base/1.tar.zst"]
    assert (await brain.hears_status(node, NodeStatus.PREPARED)).state is State.STARTING
    assert await brain.told(node) == [start_of(await brain.get())]
    running = await brain.hears_status(node, NodeStatus.RUNNING, players=("ann",))
    assert (running.state, running.players) == (State.RUNNING, ["ann"])
    assert await brain.told(node) == []
    assert (await brain.ask("stop")).state is State.STOPPING
    assert await brain.told(node) == [StopInstance(prepare.instance_id, prepare.generation)]
    stopped = await brain.hears_status(node, NodeStatus.STOPPED, exit_code=0, exit_kind="clean")
    assert stopped.state is State.STOPPED
    await brain.ask("destroy")
    assert await brain.told(node) == [DestroyInstance(prepare.instance_id, prepare.generation)]
    await brain.hears(node, report(stopped, NodeStatus.DESTROYED))
    assert (await brain.by_id(stopped)).state is State.DESTROYED
    assert await count(brain, PortLease) == 0
    assert await brain.events("instance.") == [
        "instance.created",
        "instance.preparation_began",
        "instance.start_began",
        "instance.started",
        "instance.stop_requested",
        "instance.stop_began",
        "instance.stopped",
        "instance.destroy_requested",
        "instance.destroyed",
    ]


async def test_it_may_be_prepared_without_being_started(brain: Brain) -> None:
    node = await brain.has_node()
    await brain.has_template()
    await brain.create(autostart=False)
    await brain.schedule()
    assert (await brain.hears_status(node, NodeStatus.PREPARED)).state is State.STOPPED
    await brain.ask("start")
    await brain.schedule()
    started = await brain.get()
    assert (started.state, started.generation) == (State.STARTING, 2)


async def test_a_restart_keeps_its_room(brain: Brain) -> None:
    node, _ = await brain.running()
    await brain.change_node(node, {"slots": 1})
    await brain.create("waiting")
    await brain.ask("restart")
    assert await brain.schedule() == 1
    again = await brain.hears_status(node, NodeStatus.STOPPED, exit_code=0, exit_kind="clean")
    assert (again.state, again.generation) == (State.STARTING, 2)
    assert await brain.told(node) == [start_of(again)]


async def test_a_start_waits_until_its_node_has_room(brain: Brain) -> None:
    node, _ = await brain.running()
    await brain.change_node(node, {"slots": 1})
    await brain.ask("stop")
    await brain.hears_status(node, NodeStatus.STOPPED, exit_code=0, exit_kind="clean")
    await brain.create("other")
    await brain.schedule()
    await brain.ask("start")
    assert await brain.schedule() == 1
    waiting = await brain.get()
    assert waiting.state is State.STOPPED
    assert waiting.waiting is not None
    assert "without a free slot" in waiting.waiting["summary"]
    await brain.ask("kill", "other")
    assert await brain.schedule() == 0
    assert (await brain.get()).state is State.STARTING


async def test_a_crash_fails_it_and_keeps_its_last_words(brain: Brain) -> None:
    node, _ = await brain.running()
    failed = await brain.hears_status(
        node, NodeStatus.FAILED, exit_code=1, exit_kind="crash", log_tail=("bye",), oom_killed=True
    )
    assert (failed.state, failed.log_tail) == (State.FAILED, ["bye"])
    assert failed.problem is not None
    assert failed.problem["code"] == "crashed"
    assert failed.exit is not None
    assert (failed.exit["code"], failed.exit["oom_killed"]) == (1, True)
    assert (await brain.ask("start")).state is State.REQUESTED
    await brain.schedule()
    again = await brain.get()
    assert (again.state, again.generation, again.node_id, again.problem) == (State.PREPARING, 2, node.id, None)


async def test_an_exit_before_it_is_ready_is_a_failure(brain: Brain) -> None:
    node, _ = await brain.running()
    await brain.ask("restart")
    await brain.hears_status(node, NodeStatus.STOPPED, exit_code=0, exit_kind="clean")
    failed = await brain.hears_status(node, NodeStatus.STOPPED, exit_code=0, exit_kind="clean")
    assert failed.problem is not None
    assert (failed.state, failed.problem["code"]) == (State.FAILED, "exited_before_ready")


async def test_a_clean_exit_by_itself_is_taken_for_an_intent(brain: Brain) -> None:
    node, _ = await brain.running()
    stopped = await brain.hears_status(node, NodeStatus.STOPPED, exit_code=0, exit_kind="clean")
    assert (stopped.state, stopped.wanted) == (State.STOPPED, Wanted.STOPPED)


async def test_duplicates_stale_generations_and_old_sequences_change_nothing(brain: Brain) -> None:
    node, running = await brain.running()
    await brain.hears(node, report(running, NodeStatus.RUNNING, sequence=9, players=("ann",)))
    for stale in (
        report(running, NodeStatus.FAILED, sequence=8, exit_code=1),
        report(running, NodeStatus.FAILED, sequence=9, exit_code=1),
        report(running, NodeStatus.PREPARED, sequence=10),
        report(running, NodeStatus.FAILED, generation=0, sequence=11, exit_code=1),
        report(running, NodeStatus.RUNNING, sequence=12, players=("ann",)),
        InstanceReport("nobody", 1, NodeStatus.RUNNING, sequence=13),
    ):
        await brain.hears(node, stale)
        unchanged = await brain.get()
        assert (unchanged.state, unchanged.players) == (State.RUNNING, ["ann"])


async def test_a_kill_overtakes_a_graceful_stop_and_failing_that_gives_up(brain: Brain) -> None:
    node, running = await brain.running()
    await brain.ask("stop")
    await brain.ask("kill")
    assert await brain.told(node) == [StopInstance(running.id, 1, kill=True)]
    assert await brain.reconcile(running) == brain.settings.kill_s
    await brain.clock.advance(brain.settings.kill_s)
    await brain.reconcile(running)
    stuck = await brain.get()
    assert stuck.problem is not None
    assert (stuck.state, stuck.problem["code"]) == (State.FAILED, "stopping_timed_out")
    assert (await brain.ask("kill")).state is State.STOPPING


async def test_a_stop_that_takes_too_long_becomes_a_kill(brain: Brain) -> None:
    node, running = await brain.running()
    await brain.ask("stop")
    seconds = await brain.reconcile(running)
    assert seconds == 60 + 10 + brain.settings.stop_slack_s
    await brain.clock.advance(seconds)
    assert await brain.reconcile(running) == brain.settings.kill_s
    assert await brain.told(node) == [StopInstance(running.id, 1, kill=True)]


async def test_a_start_that_takes_too_long_is_killed_and_then_failed(brain: Brain) -> None:
    node, running = await brain.running()
    await brain.ask("restart")
    await brain.hears_status(node, NodeStatus.STOPPED, exit_code=0, exit_kind="clean")
    await brain.reconcile(running)
    await brain.clock.advance(120 + brain.settings.start_slack_s)
    await brain.reconcile(running)
    assert await brain.told(node) == [StopInstance(running.id, 2, kill=True)]
    failed = await brain.hears_status(node, NodeStatus.FAILED, exit_code=137, exit_kind="crash")
    assert failed.problem is not None
    assert (failed.state, failed.problem["code"]) == (State.FAILED, "starting_timed_out")


async def test_a_preparation_without_progress_fails_and_progress_buys_time(brain: Brain) -> None:
    node = await brain.has_node()
    await brain.has_template()
    instance = await brain.create()
    await brain.schedule()
    await brain.clock.advance(600)
    await brain.hears_status(node, NodeStatus.PREPARING, step="fetch", progress=0.5)
    assert await brain.reconcile(instance) == 900
    await brain.clock.advance(900)
    await brain.reconcile(instance)
    failed = await brain.get()
    assert failed.problem is not None
    assert (failed.state, failed.problem["code"]) == (State.FAILED, "preparing_timed_out")


async def test_a_failed_preparation_says_why(brain: Brain) -> None:
    node = await brain.has_node()
    await brain.has_template()
    await brain.create()
    await brain.schedule()
    problem = Problem("checksum_mismatch", "It is not what it should be.", "Push it again.")
    failed = await brain.hears_status(node, NodeStatus.FAILED, problem=problem)
    assert failed.problem is not None
    assert (failed.state, failed.problem["code"]) == (State.FAILED, "checksum_mismatch")


async def test_stopping_before_there_is_anything_to_stop(brain: Brain) -> None:
    await brain.has_template()
    await brain.create()
    assert (await brain.ask("stop")).state is State.STOPPED
    assert (await brain.ask("start")).state is State.REQUESTED
    gone = await brain.ask("destroy")
    assert gone.state is State.DESTROYED
    with pytest.raises(InstanceDestroyed):
        await brain.ask("start", gone.id)


async def test_destroying_takes_its_time_but_not_in_silence(brain: Brain) -> None:
    node, running = await brain.running()
    await brain.ask("destroy")
    await brain.hears_status(node, NodeStatus.STOPPED, exit_code=0)
    await brain.reconcile(running)
    await brain.clock.advance(brain.settings.destroy_s)
    await brain.reconcile(running)
    late = await brain.get()
    assert late.problem is not None
    assert (late.state, late.problem["code"]) == (State.STOPPED, "destroying_timed_out")
    await brain.hears(node, report(running, NodeStatus.DESTROYED))
    assert (await brain.by_id(running)).state is State.DESTROYED


async def test_moments_are_those_of_the_brain(brain: Brain) -> None:
    await brain.clock.advance(5)
    _, running = await brain.running()
    assert running.state_since == running.started_at == later(5)
