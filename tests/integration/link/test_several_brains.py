"""Two Brains over one database and a node that has found one of them: each reaches it, and it finds the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest

from hytopus.brain.db.engine import Database
from hytopus.brain.gateway.errors import NodeOffline, NodeProblem, NodeTimeout
from hytopus.kit.clock import SystemClock
from hytopus.node.runner.errors import InstanceUnknown
from hytopus.node.runner.lines import Lines
from hytopus.wire.messages import LogLine, PeerAsk, PeerFile
from hytopus.wire.network import CLIENT_OPTIONS
from hytopus.wire.peers import call_ask, open_file
from hytopus.wire.place import Place
from tests.integration.link.world import Arm, Brain, ListeningAgent, running_arm
from tests.services.waiting import eventually


@pytest.fixture
def other(database: Database, tmp_path: Path) -> Brain:
    return Brain(database, tmp_path / "brain", SystemClock(), name="other")


@asynccontextmanager
async def both(brain: Brain, other: Brain) -> AsyncIterator[None]:
    async with other.serving():
        await brain.gateway.fleet.beat()
        yield


@pytest.fixture
async def elsewhere(brain: Brain, other: Brain, arm: Arm) -> AsyncIterator[Brain]:
    """The Brain that the node is not connected to."""
    async with both(brain, other):
        yield other


async def test_a_question_travels_through_the_brain_that_has_the_session(elsewhere: Brain, arm: Arm) -> None:
    node_id = arm.identity.node_id
    arm.agent.answers["cache"] = {"versions": []}
    arm.agent.answers["purge_cache"] = {"freed_bytes": 7}
    assert await elsewhere.reach.ask(node_id, "cache", instance_id="i", body={"path": "*"}) == {"versions": []}
    assert await elsewhere.reach.purge(node_id, template_id="base", version="1") == {"freed_bytes": 7}
    assert arm.agent.asked == [
        ("cache", "i", {"path": "*"}),
        ("purge_cache", "", {"template_id": "base", "version": "1"}),
    ]


async def test_what_goes_wrong_there_goes_wrong_here(elsewhere: Brain, arm: Arm) -> None:
    arm.agent.answers["logs"] = InstanceUnknown(instance="nowhere")
    with pytest.raises(NodeProblem, match="nowhere"):
        await elsewhere.reach.ask(arm.identity.node_id, "logs")
    with pytest.raises(NodeTimeout, match="silence"):
        await elsewhere.reach.ask(arm.identity.node_id, "silence", timeout=0.05)
    with pytest.raises(NodeOffline):
        await elsewhere.reach.ask("unknown", "logs")


async def test_lines_travel_through_the_brain_that_has_the_session(elsewhere: Brain, arm: Arm) -> None:
    arm.agent.source = numbered(1, 500)
    async with elsewhere.reach.open_stream(arm.identity.node_id, "i", "logs") as lines:
        assert [line.number async for line in lines] == list(range(1, 501))
    arm.agent.source = numbered(1, 10**9)
    arm.agent.lines_closed.clear()
    async with elsewhere.reach.open_stream(arm.identity.node_id, "i", "console") as lines:
        assert (await anext(lines)).number == 1
    await asyncio.wait_for(arm.agent.lines_closed.wait(), 5)


async def test_a_file_comes_through_the_brain_that_has_the_session(elsewhere: Brain, arm: Arm) -> None:
    arm.agent.answers["download"] = {"size": 30_000_000}
    arm.agent.pieces = chunks(b"x" * 300_000, 100)
    async with elsewhere.reach.open_file(arm.identity.node_id, "i", "download", {"path": "a"}) as stream:
        assert await stream.head() == {"size": 30_000_000}
        assert sum([len(piece) async for piece in stream.pieces()]) == 30_000_000


async def test_a_file_goes_through_the_brain_that_has_the_session(elsewhere: Brain, arm: Arm) -> None:
    arm.agent.answers["upload"] = {"after": "digest"}
    async with elsewhere.reach.open_file(arm.identity.node_id, "i", "upload", {"path": "a"}) as stream:
        assert await stream.send(chunks(b"x" * 300_000, 100)) == {"after": "digest"}
    assert len(arm.agent.uploaded) == 30_000_000
    assert arm.agent.asked == [("upload", "i", {"path": "a"})]


async def test_a_file_that_a_node_refuses_there_is_refused_here(elsewhere: Brain, arm: Arm) -> None:
    arm.agent.answers["download"] = arm.agent.answers["upload"] = InstanceUnknown(instance="nowhere")
    async with elsewhere.reach.open_file(arm.identity.node_id, "i", "download", {}) as stream:
        with pytest.raises(NodeProblem) as caught:
            await stream.head()
    assert (caught.value.code, caught.value.status) == (InstanceUnknown.code, 404)
    async with elsewhere.reach.open_file(arm.identity.node_id, "i", "upload", {}) as stream:
        with pytest.raises(NodeProblem, match="nowhere"):
            await stream.send(chunks(b"x" * 300_000, 100))
    with pytest.raises(NodeOffline):
        async with elsewhere.reach.open_file("unknown", "i", "download", {}):
            pass


async def test_a_file_that_nobody_wants_any_more_ends_at_the_node(elsewhere: Brain, arm: Arm) -> None:
    """Both ways through the Brain in between; what did not come to its end is not taken for whole."""
    arm.agent.answers["download"] = {"size": 1 << 40}
    arm.agent.pieces = chunks(b"x" * 65_536, 1 << 30)
    async with elsewhere.reach.open_file(arm.identity.node_id, "i", "download", {}) as stream:
        await stream.head()
    await asyncio.wait_for(arm.agent.pieces_closed.wait(), 10)
    arm.agent.answers["upload"] = {}
    async with elsewhere.reach.open_file(arm.identity.node_id, "i", "upload", {}) as stream:
        sending = asyncio.ensure_future(stream.send(chunks(b"x" * 65_536, 1 << 30)))
        await eventually(lambda: arm.agent.uploaded)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    assert await elsewhere.reach.ask(arm.identity.node_id, "upload") == {}


async def test_a_file_breaks_off_when_the_node_is_gone(elsewhere: Brain, arm: Arm) -> None:
    arm.agent.answers["download"] = {"size": 1 << 40}
    arm.agent.pieces = chunks(b"x" * 65_536, 1 << 30)
    async with elsewhere.reach.open_file(arm.identity.node_id, "i", "download", {}) as stream:
        await stream.head()
        coming = stream.pieces()
        await anext(coming)
        arm.task.cancel()
        with pytest.raises(NodeOffline):
            async for _ in coming:
                pass


async def test_a_node_must_not_fetch_files_like_a_brain(brain: Brain, arm: Arm) -> None:
    identity = arm.identity
    credentials = grpc.ssl_channel_credentials(identity.ca_pem, identity.key_pem, identity.certificate_pem)
    async with grpc.aio.secure_channel(identity.session_address, credentials, options=CLIENT_OPTIONS) as channel:
        asking = open_file(channel)
        await asking.send(PeerFile(identity.node_id, "i", "download"))
        answer = await asking.receive()
        await asking.close()
    assert answer is not None
    assert answer.problem is not None
    assert answer.problem.code == "not_a_brain_calling"
    assert arm.agent.pieces is None


async def test_a_node_must_not_ask_like_a_brain(brain: Brain, arm: Arm) -> None:
    identity = arm.identity
    credentials = grpc.ssl_channel_credentials(identity.ca_pem, identity.key_pem, identity.certificate_pem)
    async with grpc.aio.secure_channel(identity.session_address, credentials, options=CLIENT_OPTIONS) as channel:
        answer = await call_ask(channel, PeerAsk(identity.node_id, "cache"), timeout=5)
    assert answer.problem is not None
    assert answer.problem.code == "not_a_brain_calling"
    assert arm.agent.asked == []


async def test_a_node_learns_of_other_brains_keeps_that_and_turns_to_them(
    stopped_brain: Brain, other: Brain, tmp_path: Path
) -> None:
    async with stopped_brain.serving():
        identity = await stopped_brain.joined(tmp_path / "node")
    kept = tmp_path / "node" / "brains.json"
    async with other.serving():
        addresses = [other.gateway.fleet.session_address]
        async with stopped_brain.serving():
            await other.gateway.fleet.beat()
            addresses.insert(0, stopped_brain.gateway.fleet.session_address)
            async with running_arm(identity) as arm:
                await arm.connected()
                await eventually(kept.exists)
                assert json.loads(kept.read_text())["session_addresses"] == addresses
                await stopped_brain.gateway.sessions.drop()
                await eventually(lambda: other.gateway.sessions.online(identity.node_id), timeout=10)
        async with running_arm(identity) as arm:
            await arm.connected()
            assert other.gateway.sessions.online(identity.node_id)


class TalkingAgent(ListeningAgent):
    """Keeps lines as a real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.said = Lines()
        self.said.begin("1.1")

    def say(self, count: int) -> None:
        for _ in range(count):
            self.said.add(self.said.last + 1, "", "said")

    async def lines(self, instance_id: str, tail: int, after: Place) -> AsyncIterator[tuple[LogLine, ...]]:
        async for batch in self.said.follow(tail=tail, after=after):
            yield batch


async def test_a_stream_goes_on_after_the_last_line_when_the_node_finds_another_brain(
    brain: Brain, other: Brain, tmp_path: Path
) -> None:
    """The viewer's Brain stays, the one in between goes; what was said meanwhile comes, too."""
    identity, agent = await brain.joined(tmp_path / "node"), TalkingAgent()
    agent.say(500)
    async with both(brain, other), running_arm(identity, agent=agent) as arm:
        await arm.connected()
        await eventually((tmp_path / "node" / "brains.json").exists, timeout=10)
        seen: list[int] = []
        async with other.reach.open_stream(identity.node_id, "i", "console", tail=100) as lines:
            async for line in lines:
                seen.append(line.number)
                if line.number == 500:
                    await brain.gateway.sessions.drop()
                    agent.say(100)
                    await eventually(lambda: other.gateway.sessions.online(identity.node_id))
                    agent.say(200)
                    agent.said.end()
        assert seen == list(range(401, 801))


async def test_a_server_that_started_again_meanwhile_is_read_from_line_one(
    brain: Brain, other: Brain, tmp_path: Path
) -> None:
    """It has printed more since than the viewer had seen before."""
    identity, agent = await brain.joined(tmp_path / "node"), TalkingAgent()
    agent.say(50)
    async with both(brain, other), running_arm(identity, agent=agent) as arm:
        await arm.connected()
        await eventually((tmp_path / "node" / "brains.json").exists, timeout=10)
        seen: list[str] = []
        async with other.reach.open_stream(identity.node_id, "i", "console", tail=100) as lines:
            async for line in lines:
                seen.append(str(line.place))
                if len(seen) == 50:
                    await brain.gateway.sessions.drop()
                    agent.said.begin("2.1")
                    agent.say(80)
                    await eventually(lambda: other.gateway.sessions.online(identity.node_id))
                    agent.said.end()
        assert seen[50:] == [f"{number}@2.1" for number in range(1, 81)]


async def test_a_place_travels_through_the_brain_that_has_the_session(
    brain: Brain, other: Brain, tmp_path: Path
) -> None:
    identity, agent = await brain.joined(tmp_path / "node"), TalkingAgent()
    agent.said.begin("2.1")
    agent.say(80)
    agent.said.end()
    async with both(brain, other), running_arm(identity, agent=agent) as arm:
        await arm.connected()
        for place, first in ((Place(50, "1.1"), 1), (Place(50, "2.1"), 51), (Place(50), 51)):
            async with other.reach.open_stream(identity.node_id, "i", "logs", after=place) as lines:
                assert [line.number async for line in lines] == list(range(first, 81))


async def chunks(piece: bytes, count: int) -> AsyncGenerator[bytes, None]:
    for _ in range(count):
        yield piece


async def numbered(first: int, last: int) -> AsyncGenerator[tuple[LogLine, ...], None]:
    for start in range(first, last + 1, 50):
        yield tuple(LogLine(number, "", "said") for number in range(start, min(start + 50, last + 1)))
        await asyncio.sleep(0)
