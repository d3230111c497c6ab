"""The node's end of the link against a Brain that the test plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hytopus.node.link.errors import LinkRefused
from hytopus.node.link.link import SPREAD_S, Link
from hytopus.node.link.outbox import Outbox
from hytopus.wire.channel import BrainChannel, LinkClosed, NodeChannel, StreamChannel
from hytopus.wire.memory import Faults, memory_pair
from hytopus.wire.messages import (
    Answer,
    Ask,
    BrainMessage,
    Brains,
    CrashReply,
    Heartbeat,
    InstanceCommand,
    InstanceReport,
    LogLine,
    NodeFacts,
    NodeLoad,
    NodeMessage,
    NodeStatus,
    Problem,
    Refused,
    RegisterNode,
    ReportsSeen,
    SetDevMode,
    StartInstance,
    Welcome,
)
from hytopus.wire.place import Place
from tests.harness.clock import ManualClock
from tests.services.waiting import eventually

WELCOME = Welcome("n", "arm-1", "brain", 5.0, False)


class Agent:
    """Holds one instance; `slow` blocks every command until the test lets it go."""

    def __init__(self) -> None:
        self.adopted = asyncio.Event()
        self.adopted.set()
        self.dev_mode = False
        self.handled: list[InstanceCommand | SetDevMode | CrashReply] = []
        self.open = asyncio.Event()
        self.open.set()

    def facts(self) -> NodeFacts:
        return NodeFacts()

    def inventory(self) -> tuple[InstanceReport, ...]:
        return (InstanceReport("i", 1, NodeStatus.RUNNING),)

    def heartbeat(self) -> Heartbeat:
        return Heartbeat("", False, NodeLoad())

    def registering(self) -> int:
        return 0

    def renewed(self, number: int) -> None:
        return

    async def welcome(self, welcome: Welcome) -> None:
        pass

    async def handle(self, command: InstanceCommand | SetDevMode | CrashReply) -> None:
        await self.open.wait()
        self.handled.append(command)

    async def ask(self, kind: str, instance_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"kind": kind}

    async def lines(self, instance_id: str, tail: int, after: Place) -> AsyncIterator[tuple[LogLine, ...]]:
        yield ()

    async def send_line(self, instance_id: str, text: str) -> None:
        pass

    async def download(self, instance_id: str, body: Mapping[str, Any]) -> AsyncIterator[bytes | Mapping[str, Any]]:
        yield {}

    async def upload(
        self, instance_id: str, body: Mapping[str, Any], chunks: AsyncIterator[bytes]
    ) -> Mapping[str, Any]:
        return {}


class PlayedBrain:
    """The Dialer; every dialled session lands in `arrivals`."""

    trusts: tuple[str, ...] = ()

    def __init__(self, clock: ManualClock) -> None:
        self.faults = Faults()
        self.arrivals: asyncio.Queue[BrainChannel] = asyncio.Queue()
        self._clock = clock
        self.learned: list[tuple[str, ...]] = []
        self.others = 0
        """How many more Brains there are to try."""

    async def session(self) -> NodeChannel:
        node, brain = memory_pair(self._clock, faults=self.faults)
        self.arrivals.put_nowait(brain)
        return node

    async def stream(self) -> StreamChannel:
        raise LinkClosed(cause="not here")

    async def learn(self, addresses: Sequence[str]) -> None:
        self.learned.append(tuple(addresses))

    def stands(self) -> None:
        self.others = 0

    def renew_soon(self) -> None:
        raise AssertionError("nobody has a certificate here")

    def untried(self) -> bool:
        self.others -= 1
        return self.others >= 0

    async def close(self) -> None:
        pass

    async def met(self, answer: BrainMessage = WELCOME) -> tuple[BrainChannel, RegisterNode]:
        """The next session, registered and answered."""
        channel = await asyncio.wait_for(self.arrivals.get(), 5)
        message = await channel.receive()
        assert isinstance(message, RegisterNode)
        await channel.send(answer)
        return channel, message


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def brain(clock: ManualClock) -> PlayedBrain:
    return PlayedBrain(clock)


@asynccontextmanager
async def linked(brain: PlayedBrain, clock: ManualClock) -> AsyncIterator[tuple[Link, Agent, Outbox]]:
    agent, outbox = Agent(), Outbox(clock)
    link = Link(agent, outbox, brain, agent_id="a", clock=clock)
    task = asyncio.ensure_future(link.run())
    try:
        yield link, agent, outbox
    finally:
        task.cancel()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 5)


async def said(channel: BrainChannel, kind: type[NodeMessage]) -> NodeMessage:
    while (message := await asyncio.wait_for(channel.receive(), 5)) is not None:
        if isinstance(message, kind):
            return message
    raise AssertionError(f"no {kind}")


async def test_the_inventory_is_marked_as_standing(brain: PlayedBrain, clock: ManualClock) -> None:
    async with linked(brain, clock) as (_, _, outbox):
        outbox.report(InstanceReport("i", 1, NodeStatus.STARTING))
        channel, message = await brain.met()
        told = [(report.status, report.restored) for report in message.inventory]
        assert told == [(NodeStatus.STARTING, False), (NodeStatus.RUNNING, True)]
        assert message.inventory[0].sequence == message.inventory[1].sequence > 0
        await channel.send(ReportsSeen(message.inventory[0].sequence))
        await clock.settle()
        assert len(outbox) == 0


async def test_heartbeats_keep_their_interval(brain: PlayedBrain, clock: ManualClock) -> None:
    async with linked(brain, clock):
        channel, _ = await brain.met()
        await said(channel, Heartbeat)
        following = asyncio.ensure_future(said(channel, Heartbeat))
        await clock.advance(4.9)
        assert not following.done()
        await clock.advance(0.1)
        await following


async def test_a_slow_agent_does_not_hold_up_questions(brain: PlayedBrain, clock: ManualClock) -> None:
    async with linked(brain, clock) as (_, agent, _):
        channel, _ = await brain.met()
        agent.open.clear()
        await channel.send(StartInstance("i", 1))
        await channel.send(Ask("q", "cache"))
        assert await said(channel, Answer) == Answer("q", '{"kind": "cache"}')
        assert not agent.handled
        agent.open.set()
        await clock.settle()
        assert agent.handled == [StartInstance("i", 1)]


async def test_it_comes_back_for_ever(brain: PlayedBrain, clock: ManualClock) -> None:
    async with linked(brain, clock) as (link, _, _):
        for _ in range(5):
            await brain.met()
            await clock.settle()
            assert link.connected
            brain.faults.drop()
            await clock.settle()
            assert not link.connected
            assert link.last_problem is not None
            assert link.last_problem.code == "link_closed"
            await clock.advance(1)


async def test_a_refusal_for_now(brain: PlayedBrain, clock: ManualClock) -> None:
    async with linked(brain, clock) as (link, _, _):
        await brain.met(Refused(Problem("protocol_too_new", "Later."), retry=True))
        await clock.advance(1)
        assert link.last_problem is not None
        assert link.last_problem.code == "protocol_too_new"
        await brain.met()
        await clock.settle()
        assert link.connected


async def test_a_refusal_for_good(brain: PlayedBrain, clock: ManualClock) -> None:
    link = Link(Agent(), Outbox(clock), brain, agent_id="a", clock=clock)
    running = asyncio.ensure_future(link.run())
    channel, _ = await brain.met()
    await channel.send(Refused(Problem("certificate_revoked", "Removed.", "Join again.")))
    with pytest.raises(LinkRefused) as caught:
        await asyncio.wait_for(running, 5)
    assert (caught.value.code, caught.value.advice) == ("certificate_revoked", "Join again.")


async def test_a_brain_that_does_not_answer(brain: PlayedBrain, clock: ManualClock) -> None:
    async with linked(brain, clock) as (link, _, _):
        await asyncio.wait_for(brain.arrivals.get(), 5)
        await clock.advance(60)
        assert link.last_problem is not None
        assert "did not answer" in link.last_problem.message
        await brain.met()


class CollapsingChannel:
    """Breaks at the very moment its reader is cancelled, as a gRPC call does."""

    def __init__(self) -> None:
        self.broken = asyncio.Event()
        self.inbox: list[BrainMessage] = [WELCOME]
        self.registered = False

    async def send(self, message: NodeMessage) -> None:
        if not self.registered:
            self.registered = True
            return
        try:
            await self.broken.wait()
        finally:
            raise LinkClosed(cause="broken")

    async def receive(self) -> BrainMessage | None:
        if self.inbox:
            return self.inbox.pop()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.broken.set()
            for _ in range(5):
                await asyncio.sleep(0)
        return None

    async def close(self) -> None:
        self.broken.set()


async def test_a_cancellation_is_not_lost_when_the_link_breaks_meanwhile(
    brain: PlayedBrain, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def session() -> CollapsingChannel:
        return CollapsingChannel()

    monkeypatch.setattr(brain, "session", session)
    async with linked(brain, clock) as (link, _, _):
        await clock.settle()
        assert link.connected


async def test_the_list_of_brains_is_kept(brain: PlayedBrain, clock: ManualClock) -> None:
    async with linked(brain, clock):
        channel, _ = await brain.met()
        await channel.send(Brains(("a:1", "b:1")))
        await eventually(lambda: brain.learned == [("a:1", "b:1")])


async def test_other_brains_are_tried_soon_and_only_then_with_growing_pauses(
    brain: PlayedBrain, clock: ManualClock
) -> None:
    async with linked(brain, clock) as (link, _, _):
        channel, _ = await brain.met()
        await eventually(lambda: link.connected)
        brain.others, started = 10, clock.monotonic()
        await channel.close()
        for _ in range(10):
            while brain.arrivals.empty():
                await clock.advance(SPREAD_S / 4)
            await (await brain.met(Refused(Problem("busy", "", ""), retry=True)))[0].close()
        assert clock.monotonic() - started <= 10 * (SPREAD_S + SPREAD_S / 4)
