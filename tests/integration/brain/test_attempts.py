"""Servers that their nodes start again by themselves, as the Brain sees them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from hytopus.brain.db.engine import Database
from hytopus.brain.instances.changes import update
from hytopus.brain.instances.errors import BadRestartPolicy
from hytopus.brain.instances.models import Instance, PortLease
from hytopus.brain.instances.queries import find
from hytopus.brain.instances.schemas import InstanceSummary, UpdateInstance
from hytopus.brain.instances.states import State, Wanted
from hytopus.brain.nodes.models import Node
from hytopus.wire.messages import DestroyInstance, NodeStatus, PrepareInstance, Problem, StartInstance, StopInstance
from tests.harness.brain import Brain
from tests.harness.factories import OPERATOR, report, start_of


@pytest.fixture
def brain(database: Database) -> Brain:
    return Brain(database)


CRASH = Problem("exited", "The server of lobby ended with exit code 1.", "Its last lines say more.")


async def crashes(brain: Brain, node: Node, attempt: int = 2, retry_in: float | None = 5.0) -> Instance:
    """Its node says that it waits for the next attempt."""
    return await brain.hears_status(
        node,
        NodeStatus.STARTING,
        attempt=attempt,
        retry_in=retry_in,
        exit_code=1,
        exit_kind="crash",
        problem=CRASH,
        log_tail=("bye",),
    )


async def test_a_crash_leads_back_to_starting_with_the_moment_of_the_next_attempt(brain: Brain) -> None:
    node, _ = await brain.running()
    waiting = await crashes(brain, node)
    assert (waiting.state, waiting.attempt, waiting.generation) == (State.STARTING, 2, 1)
    assert waiting.retry_at == brain.clock.now() + timedelta(seconds=5)
    assert waiting.problem is None
    assert (waiting.log_tail, (waiting.exit or {})["code"]) == (["bye"], 1)
    shown = InstanceSummary.of(waiting).retry
    assert shown is not None
    assert shown.problem is not None
    assert (shown.attempt, shown.problem.code) == (2, "exited")
    began = await brain.hears_status(node, NodeStatus.STARTING, attempt=2)
    assert (began.state, began.retry_at) == (State.STARTING, None)
    running = await brain.hears_status(node, NodeStatus.RUNNING, attempt=2)
    assert (running.state, running.attempt, running.setback) == (State.RUNNING, 2, None)
    assert (await brain.events("instance."))[-2:] == ["instance.start_began", "instance.started"]


async def test_every_attempt_is_told_once(brain: Brain) -> None:
    node, _ = await brain.running()
    for attempt in (2, 2, 3, 3, 4):
        await crashes(brain, node, attempt)
    assert len(await brain.events("instance.start_retried")) == 2


async def test_a_wait_does_not_count_against_the_deadline(brain: Brain) -> None:
    node, running = await brain.running()
    await crashes(brain, node, retry_in=300.0)
    assert await brain.reconcile(running) == 300 + 120 + brain.settings.start_slack_s
    await brain.clock.advance(300)
    await brain.hears_status(node, NodeStatus.STARTING, attempt=2)
    assert await brain.reconcile(running) == 120 + brain.settings.start_slack_s


async def test_start_does_not_wait_for_the_next_attempt(brain: Brain) -> None:
    node, _ = await brain.running()
    await crashes(brain, node)
    again = await brain.ask("start")
    assert (again.state, again.generation, again.attempt, again.retry_at) == (State.STARTING, 2, 0, None)
    assert await brain.told(node) == [start_of(again)]
    late = await crashes(brain, node, attempt=3)
    assert late.generation == 2


@pytest.mark.parametrize("verb", ["start", "restart"])
async def test_start_leaves_an_attempt_that_goes_on_alone(brain: Brain, verb: str) -> None:
    node, _ = await brain.running()
    await crashes(brain, node)
    await brain.hears_status(node, NodeStatus.STARTING, attempt=2)
    after = await brain.ask(verb)
    assert (after.generation, after.state) == (1, State.STARTING if verb == "start" else State.STOPPING)


@pytest.mark.parametrize("verb", ["stop", "kill", "destroy"])
async def test_stopping_works_during_the_wait(brain: Brain, verb: str) -> None:
    node, instance = await brain.running()
    await crashes(brain, node)
    assert (await brain.ask(verb)).state is State.STOPPING
    assert await brain.told(node) == [StopInstance(instance.id, 1, kill=verb == "kill")]
    stopped = await brain.hears_status(node, NodeStatus.STOPPED, attempt=2, exit_code=1, exit_kind="crash")
    assert (stopped.state, stopped.retry_at, stopped.problem) == (State.STOPPED, None, None)
    if verb == "destroy":
        assert await brain.told(node) == [DestroyInstance(instance.id, 1)]


async def test_attempts_that_are_used_up_are_a_failure_for_good(brain: Brain) -> None:
    node, _ = await brain.running()
    await crashes(brain, node)
    problem = Problem("crash_loop", "It was started again 3 times within 600 s and is left alone.")
    failed = await brain.hears_status(
        node, NodeStatus.FAILED, attempt=4, exit_code=1, exit_kind="crash", problem=problem
    )
    assert failed.problem is not None
    assert (failed.state, failed.problem["code"], failed.retry_at) == (State.FAILED, "crash_loop", None)
    assert failed.wanted is Wanted.RUNNING


async def test_an_end_without_anybody_listening_is_not_started_twice(brain: Brain) -> None:
    """The node says in its inventory that it has given up: that is its decision, and the Brain's too."""
    node, running = await brain.running()
    problem = Problem("crash_loop", "It is left alone.")
    held = report(running, NodeStatus.FAILED, exit_code=1, exit_kind="crash", problem=problem, restored=True, attempt=4)
    await brain.meets(node, held)
    assert ((await brain.get()).state, await brain.told(node)) == (State.FAILED, [])


async def test_what_came_back_unheard_is_told(brain: Brain) -> None:
    node, running = await brain.running()
    await brain.clock.advance(60)
    await brain.meets(node, report(running, NodeStatus.RUNNING, restored=True, attempt=3))
    back = await brain.get()
    assert (back.state, back.attempt, back.started_at) == (State.RUNNING, 3, brain.clock.now())
    assert await brain.events("instance.came_back") == ["instance.came_back"]


async def test_a_node_that_waits_is_still_waiting_after_it_was_lost(brain: Brain) -> None:
    node, running = await brain.running()
    await brain.change_node(node, {"state": "offline"})
    await brain.clock.advance(brain.settings.lost_after_s)
    await brain.reconcile(running)
    assert (await brain.get()).state is State.LOST
    await brain.meets(node, report(running, NodeStatus.STARTING, restored=True, attempt=2, retry_in=40.0))
    back = await brain.get()
    assert (back.state, back.retry_at) == (State.STARTING, brain.clock.now() + timedelta(seconds=40))


async def test_what_an_instance_wants_goes_along_with_its_start(brain: Brain) -> None:
    node = await brain.has_node()
    await brain.has_template()
    await brain.create(restart_policy={"on": "always", "attempts": 9})
    await brain.schedule()
    prepared = await brain.hears_status(node, NodeStatus.PREPARED)
    (command,) = await brain.told(node)
    assert isinstance(command, StartInstance)
    assert command == start_of(prepared)
    policy = prepared.restart_policy
    assert (policy.on.value, policy.attempts, policy.interval) == ("always", 9, 600)


async def test_a_policy_that_does_not_fit_to_the_games_is_refused(brain: Brain) -> None:
    await brain.has_template()
    with pytest.raises(BadRestartPolicy):
        await brain.create(restart_policy={"backoff_min": 3000})


async def test_a_policy_can_be_changed_and_taken_back(brain: Brain) -> None:
    await brain.running(restart_policy={"on": "never"})
    assert (await _change(brain, {"attempts": 7})).restart_policy.on.value == "on-failure"
    assert (await brain.get()).restart_choice == {"attempts": 7}
    assert (await _change(brain, {})).restart_choice is None


async def _change(brain: Brain, choice: dict[str, object]) -> Instance:
    async with brain.database.write() as session:
        instance = await find(session, "lobby", lock=True)
        body = UpdateInstance.model_validate({"restart_policy": choice})
        await update(session, instance, body, actor=OPERATOR, now=brain.clock.now())
    return await brain.get()


def port_taken(port: int) -> Problem:
    return Problem("port_taken", f"Port {port}/udp is already used.", params={"port": str(port), "protocol": "udp"})


async def port_of(brain: Brain) -> int:
    async with brain.database.read() as session:
        (lease,) = await session.scalars(select(PortLease))
        return lease.port


@pytest.mark.parametrize("status", [NodeStatus.PREPARED, NodeStatus.STARTING, NodeStatus.RUNNING])
async def test_a_port_that_something_else_took_is_changed_for_another(brain: Brain, status: NodeStatus) -> None:
    node = await brain.has_node()
    await brain.has_template()
    await brain.create()
    await brain.schedule()
    for step in (NodeStatus.PREPARED, NodeStatus.RUNNING):
        if status is not NodeStatus.PREPARED and (step is NodeStatus.PREPARED or status is NodeStatus.RUNNING):
            await brain.hears_status(node, step)
    before = await port_of(brain)
    again = await brain.hears_status(node, NodeStatus.FAILED, problem=port_taken(before))
    assert (again.state, again.generation, again.problem) == (State.PREPARING, 2, None)
    assert await port_of(brain) == before + 1
    (command,) = await brain.told(node)
    assert isinstance(command, PrepareInstance)
    assert [port.host for port in command.ports] == [before + 1]
    assert command.variable_map["PORT"] == str(before + 1)
    assert await brain.events("instance.port_changed") == ["instance.port_changed"]


async def test_a_port_that_somebody_asked_for_is_kept_and_said(brain: Brain) -> None:
    node = await brain.has_node()
    await brain.has_template()
    await brain.create(ports={"game": 30007})
    await brain.schedule()
    failed = await brain.hears_status(node, NodeStatus.FAILED, problem=port_taken(30007))
    assert failed.problem is not None
    assert (failed.state, failed.problem["code"], await port_of(brain)) == (State.FAILED, "port_taken", 30007)


async def test_ports_are_not_changed_for_ever(brain: Brain) -> None:
    node = await brain.has_node()
    await brain.has_template()
    await brain.create()
    await brain.schedule()
    for _ in range(5):
        again = await brain.hears_status(node, NodeStatus.FAILED, problem=port_taken(await port_of(brain)))
        assert again.state is State.PREPARING
    failed = await brain.hears_status(node, NodeStatus.FAILED, problem=port_taken(await port_of(brain)))
    assert failed.state is State.FAILED


async def test_two_that_lost_their_ports_at_once_do_not_get_the_same(brain: Brain) -> None:
    node = await brain.has_node()
    await brain.has_template()
    for name in ("one", "two"):
        await brain.create(name)
    await brain.schedule()
    for name, port in (("one", 30000), ("two", 30001)):
        await brain.hears_status(node, NodeStatus.FAILED, name, problem=port_taken(port))
    async with brain.database.read() as session:
        ports = list(await session.scalars(select(PortLease.port).order_by(PortLease.port)))
    assert len(set(ports)) == 2
