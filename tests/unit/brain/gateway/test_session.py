"""A session without sockets, on a clock that the test moves."""

from __future__ import annotations

import asyncio

import pytest

from hytopus.brain.gateway.gateway import Gateway
from hytopus.brain.gateway.reports import PROGRESS_S
from hytopus.brain.gateway.residents import AGAIN_S
from hytopus.brain.gateway.session import OPENING_S, SILENCE_S
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.states import State
from hytopus.brain.nodes import queries as nodes
from hytopus.brain.nodes.live import PROGRESS, Progress
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.states import NodeState
from hytopus.wire.channel import LinkClosed
from hytopus.wire.memory import Faults
from hytopus.wire.messages import (
    Heartbeat,
    InstanceReport,
    InstanceUsage,
    NodeFacts,
    NodeLoad,
    NodeStatus,
    PrepareInstance,
    Refused,
    RegisterNode,
    ReportsSeen,
    SetDevMode,
    StartInstance,
    StopInstance,
    Welcome,
)
from hytopus.wire.version import PROTOCOL
from tests.harness.clock import ManualClock
from tests.harness.database import sqlite as sqlite
from tests.harness.factories import make_node, on_node, start_of
from tests.services.waiting import eventually
from tests.unit.brain.gateway.node_end import HELLO, NODE, node_of, receive


def hello(instance: Instance, status: NodeStatus) -> RegisterNode:
    """A node that holds an instance in the Brain's generation."""
    standing = InstanceReport(instance.id, instance.generation, status, restored=True)
    return RegisterNode(PROTOCOL, "agent", NodeFacts(slots=8), inventory=(standing,))


async def add_instance(gateway: Gateway, state: State, *, generation: int = 1) -> Instance:
    async with gateway.database.write() as session:
        node = await nodes.get(session, NODE)
        assert node is not None
        instance, lease = on_node(node, state, generation=generation)
        session.add_all((instance, lease))
    return instance


async def set_state(gateway: Gateway, instance: Instance, state: State) -> None:
    async with gateway.database.write() as session:
        row = await session.get(Instance, instance.id)
        assert row is not None
        row.state = state
    gateway.database.signals.publish("node", NODE)


async def stored(gateway: Gateway, instance: Instance) -> Instance:
    async with gateway.database.read() as session:
        found = await session.get(Instance, instance.id)
        assert found is not None
        return found


async def node_row(gateway: Gateway) -> Node:
    async with gateway.database.read() as session:
        node = await nodes.get(session, NODE)
        assert node is not None
        return node


async def test_a_node_is_online_while_its_session_stands_and_suspect_after_it(gateway: Gateway) -> None:
    async with node_of(gateway) as node:
        await node.send(HELLO)
        welcome = await receive(node, Welcome)
        assert isinstance(welcome, Welcome)
        assert (welcome.node_id, welcome.brain_id, welcome.heartbeat_seconds) == (NODE, "brain", 5)
        await node.send(Heartbeat("", False, NodeLoad(cpu_percent=7)))
        await eventually(lambda: gateway.presence.load(NODE))
        assert (await node_row(gateway)).state is NodeState.ONLINE
    assert (await node_row(gateway)).state is NodeState.SUSPECT


@pytest.mark.parametrize(
    ("opening", "code", "retry"),
    [
        (RegisterNode(0, "agent", NodeFacts()), "protocol_too_old", False),
        (RegisterNode(PROTOCOL + 1, "agent", NodeFacts()), "protocol_too_new", True),
        (RegisterNode(PROTOCOL, "another", NodeFacts()), "node_identity_in_use", False),
        (Heartbeat("", False, NodeLoad()), "session_not_opened", True),
    ],
)
async def test_a_refused_opening_says_why_and_whether_to_come_back(
    gateway: Gateway, opening: RegisterNode | Heartbeat, code: str, retry: bool
) -> None:
    async with node_of(gateway) as node:
        await node.send(opening)
        refused = await receive(node, Refused)
        assert isinstance(refused, Refused)
        assert (refused.problem.code, refused.retry) == (code, retry)
        assert await node.receive() is None
    assert not gateway.sessions.online(NODE)


async def test_whoever_is_no_node_is_refused(gateway: Gateway) -> None:
    async with node_of(gateway, node_id="gone") as node:
        await node.send(HELLO)
        refused = await receive(node, Refused)
        assert isinstance(refused, Refused)
        assert refused.problem.code == "node_not_found"


async def test_whoever_says_nothing_is_shown_out(gateway: Gateway, clock: ManualClock) -> None:
    async with node_of(gateway) as node:
        await clock.advance(OPENING_S)
        assert isinstance(await node.receive(), Refused)
        assert await node.receive() is None


async def test_a_silent_session_is_ended(gateway: Gateway, clock: ManualClock) -> None:
    async with node_of(gateway) as node:
        await node.send(HELLO)
        await receive(node, SetDevMode)
        await clock.advance(SILENCE_S - 1)
        await node.send(Heartbeat("", False, NodeLoad()))
        await clock.advance(SILENCE_S - 1)
        assert gateway.sessions.online(NODE)
        await clock.advance(1)
        await eventually(lambda: not gateway.sessions.online(NODE))


async def test_a_partition_is_noticed_at_both_ends(gateway: Gateway, clock: ManualClock) -> None:
    faults = Faults()
    async with node_of(gateway, faults) as node:
        await node.send(HELLO)
        await receive(node, SetDevMode)
        receiving = asyncio.ensure_future(node.receive())
        await clock.settle()
        faults.partition()
        await clock.advance(20)
        with pytest.raises(LinkClosed):
            await receiving
        await eventually(lambda: not gateway.sessions.online(NODE))
        faults.heal()


async def test_a_command_is_sent_once_and_again_in_the_next_session(gateway: Gateway) -> None:
    instance = await add_instance(gateway, State.STARTING)
    start = start_of(instance, 1)
    for _ in range(2):
        async with node_of(gateway) as node:
            await node.send(hello(instance, NodeStatus.PREPARED))
            assert await receive(node, StartInstance) == start
            gateway.database.signals.publish("node", NODE)
            await set_state(gateway, instance, State.STOPPING)
            following = await asyncio.wait_for(node.receive(), 5)
            assert following == StopInstance(instance.id, 1), "and nothing in between"
        await set_state(gateway, instance, State.STARTING)


async def test_reports_are_acknowledged_once_they_are_durable(gateway: Gateway) -> None:
    instance = await add_instance(gateway, State.STARTING)
    async with node_of(gateway) as node:
        await node.send(hello(instance, NodeStatus.PREPARED))
        await receive(node, StartInstance)
        for sequence in range(1, 200):
            await node.send(InstanceReport(instance.id, 1, NodeStatus.RUNNING, sequence=sequence))
        seen = 0
        while seen < 199:
            message = await receive(node, ReportsSeen)
            assert isinstance(message, ReportsSeen)
            seen = message.sequence
            assert (await stored(gateway, instance)).report_sequence >= seen
    assert (await stored(gateway, instance)).state is State.RUNNING


async def test_progress_waits_for_what_makes_it_old_news(gateway: Gateway, clock: ManualClock) -> None:
    instance = await add_instance(gateway, State.PREPARING)
    async with node_of(gateway) as node:
        await node.send(HELLO)
        await receive(node, SetDevMode)
        await node.send(InstanceReport(instance.id, 1, NodeStatus.PREPARING, sequence=1, step="fetch"))
        await node.send(InstanceReport(instance.id, 1, NodeStatus.PREPARED, sequence=2))
        assert await receive(node, ReportsSeen) == ReportsSeen(2), "in one transaction, on a clock that stands"
    assert (await stored(gateway, instance)).state is State.STARTING


async def test_progress_is_told_when_nothing_follows(gateway: Gateway, clock: ManualClock) -> None:
    instance = await add_instance(gateway, State.PREPARING)
    async with node_of(gateway) as node:
        await node.send(HELLO)
        await receive(node, SetDevMode)
        await node.send(InstanceReport(instance.id, 1, NodeStatus.PREPARING, sequence=1, step="fetch"))
        seen = asyncio.ensure_future(receive(node, ReportsSeen))
        while not seen.done():
            await clock.advance(PROGRESS_S)
        assert seen.result() == ReportsSeen(1)
    assert (await stored(gateway, instance)).progress == {"step": "fetch", "progress": 0.0}


async def test_a_node_tells_of_the_progress_of_its_own_instances_only(gateway: Gateway) -> None:
    instance = await add_instance(gateway, State.PREPARING)
    async with node_of(gateway) as node:
        with gateway.database.signals.subscribe(PROGRESS) as told:
            await node.send(HELLO)
            await receive(node, PrepareInstance)
            for instance_id in ("another", instance.id):
                await node.send(InstanceReport(instance_id, 1, NodeStatus.PREPARING, step="fetch"))
            assert await asyncio.wait_for(told.get(), 5) == Progress(instance.id, "fetch", 0.0)


async def test_old_news_comes_before_how_things_stand(gateway: Gateway) -> None:
    """While the Brain was away it became ready and crashed: the Brain learns of both, in order."""
    instance = await add_instance(gateway, State.STARTING, generation=2)
    inventory = (
        InstanceReport(instance.id, 2, NodeStatus.RUNNING, sequence=1),
        InstanceReport(instance.id, 2, NodeStatus.FAILED, sequence=2, exit_code=1, exit_kind="crash"),
        InstanceReport(instance.id, 2, NodeStatus.FAILED, sequence=2, restored=True),
    )
    async with node_of(gateway) as node:
        await node.send(RegisterNode(PROTOCOL, "agent", NodeFacts(), inventory=inventory))
        assert await receive(node, ReportsSeen) == ReportsSeen(2)
    found = await stored(gateway, instance)
    assert found.state is State.FAILED
    assert found.started_at is not None


async def test_the_same_agent_takes_the_place_of_its_old_session(gateway: Gateway) -> None:
    async with node_of(gateway) as first:
        await first.send(HELLO)
        await receive(first, SetDevMode)
        async with node_of(gateway) as second:
            await second.send(HELLO)
            await receive(second, SetDevMode)
            assert await first.receive() is None
            assert gateway.sessions.online(NODE)
            assert (await node_row(gateway)).state is NodeState.ONLINE


async def test_a_heartbeat_speaks_for_the_instances_of_its_node_alone(gateway: Gateway) -> None:
    own = await add_instance(gateway, State.RUNNING)
    async with gateway.database.write() as session:
        other = make_node(id="node-2")
        theirs, lease = on_node(other, State.RUNNING, name="theirs")
        session.add_all((other, theirs, lease))
    said = tuple(InstanceUsage(key, 1.0, 2.0, disk_mb=10**6) for key in (own.id, theirs.id, "nobody"))
    async with node_of(gateway) as node:
        await node.send(hello(own, NodeStatus.RUNNING))
        await receive(node, Welcome)
        await node.send(Heartbeat("", False, NodeLoad(), said))
        await eventually(lambda: gateway.presence.usages(NODE))
        assert gateway.presence.usages(NODE).keys() == gateway.presence.disk_mb().keys() == {own.id}
        assert gateway.presence.ignored[NODE] == 2


async def test_what_a_node_says_is_cut_to_size_before_it_is_written_down(gateway: Gateway) -> None:
    running = await add_instance(gateway, State.RUNNING)
    async with node_of(gateway) as node:
        await node.send(hello(running, NodeStatus.RUNNING))
        await receive(node, Welcome)
        players = ("x" * 1_000,) * 5_000
        for sequence in (1, 2):
            await node.send(InstanceReport(running.id, 1, NodeStatus.RUNNING, sequence, players=players))
        await receive(node, ReportsSeen)
        kept = (await stored(gateway, running)).players
    assert (len(kept), {len(name) for name in kept}) == (2_000, {255})


async def test_an_instance_that_was_just_placed_is_heard_of(gateway: Gateway, clock: ManualClock) -> None:
    async with node_of(gateway) as node:
        await node.send(HELLO)
        await receive(node, Welcome)
        await node.send(Heartbeat("", False, NodeLoad(running=1), (InstanceUsage("nobody", 1.0, 2.0),)))
        await eventually(lambda: gateway.presence.ignored[NODE] == 1)
        placed = await add_instance(gateway, State.RUNNING)
        await clock.advance(AGAIN_S)
        await node.send(Heartbeat("", False, NodeLoad(running=2), (InstanceUsage(placed.id, 1.0, 2.0),)))
        await eventually(lambda: placed.id in gateway.presence.usages(NODE))
