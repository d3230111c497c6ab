"""Questions to nodes, and streams of lines from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from hytopus.brain.gateway.errors import NodeOffline, NodeProblem, NodeTimeout
from hytopus.node.runner.errors import InstanceUnknown
from hytopus.wire.messages import LogLine
from tests.integration.link.proxy import open_wire
from tests.integration.link.world import Arm, Brain, running_arm
from tests.services.waiting import eventually


def line(number: int, text: str = "") -> LogLine:
    return LogLine(number, "2026-11-23T12:00:00+00:00", text or f"line {number}")


async def counted(count: int, size: int = 1, text: str = "") -> AsyncGenerator[tuple[LogLine, ...], None]:
    for start in range(1, count + 1, size):
        yield tuple(line(number, text) for number in range(start, min(start + size, count + 1)))


async def test_a_question_and_its_answer(brain: Brain, arm: Arm) -> None:
    arm.agent.answers["cache"] = {"versions": [{"template": "base", "bytes": 12}]}
    sessions = brain.gateway.sessions
    answer = await sessions.ask(arm.identity.node_id, "cache", instance_id="i", body={"path": "*"})
    assert answer == {"versions": [{"template": "base", "bytes": 12}]}
    assert arm.agent.asked == [("cache", "i", {"path": "*"})]


async def test_a_purge_names_the_version_and_brings_back_what_it_freed(brain: Brain, arm: Arm) -> None:
    arm.agent.answers["purge_cache"] = {"freed_bytes": 7}
    answer = await brain.gateway.sessions.purge(arm.identity.node_id, template_id="base", version="1")
    assert answer == {"freed_bytes": 7}
    assert arm.agent.asked == [("purge_cache", "", {"template_id": "base", "version": "1"})]


async def test_the_nodes_own_problem_comes_through(brain: Brain, arm: Arm) -> None:
    arm.agent.answers["logs"] = InstanceUnknown(instance="nowhere")
    with pytest.raises(NodeProblem) as caught:
        await brain.gateway.sessions.ask(arm.identity.node_id, "logs")
    assert caught.value.code == InstanceUnknown.code
    assert "nowhere" in caught.value.message


async def test_an_agent_that_fails_answers_too(brain: Brain, arm: Arm) -> None:
    arm.agent.answers["logs"] = ZeroDivisionError("oh")
    with pytest.raises(NodeProblem) as caught:
        await brain.gateway.sessions.ask(arm.identity.node_id, "logs")
    assert caught.value.code == "request_failed"


async def test_a_node_that_does_not_answer(brain: Brain, arm: Arm) -> None:
    with pytest.raises(NodeTimeout, match="silence"):
        await brain.gateway.sessions.ask(arm.identity.node_id, "silence", timeout=0.05)


async def test_a_node_that_goes_away_while_it_is_asked(brain: Brain, arm: Arm) -> None:
    asking = asyncio.ensure_future(brain.gateway.sessions.ask(arm.identity.node_id, "silence"))
    await eventually(lambda: arm.agent.asked)
    arm.task.cancel()
    with pytest.raises(NodeOffline):
        await asking
    with pytest.raises(NodeOffline):
        await brain.gateway.sessions.ask("unknown", "cache")


async def test_lines_reach_the_viewer(brain: Brain, arm: Arm) -> None:
    arm.agent.source = counted(500, size=450)
    async with brain.gateway.relay.open_stream(arm.identity.node_id, "i", "logs") as stream:
        numbers = [entry.number async for entry in stream]
    assert numbers == list(range(1, 501))


async def test_typing_at_a_console(brain: Brain, arm: Arm) -> None:
    arm.agent.source = _endless()
    async with brain.gateway.relay.open_stream(arm.identity.node_id, "i", "console") as stream:
        lines = aiter(stream)
        assert (await anext(lines)).number == 1
        await stream.send_line("say hello")
        await eventually(lambda: arm.agent.typed == [("i", "say hello")])
    await asyncio.wait_for(arm.agent.lines_closed.wait(), 5)


async def test_a_log_takes_no_input(brain: Brain, arm: Arm) -> None:
    arm.agent.source = _endless()
    async with brain.gateway.relay.open_stream(arm.identity.node_id, "i", "logs") as stream:
        await stream.send_line("stop")
        assert (await anext(aiter(stream))).number == 1
    await asyncio.wait_for(arm.agent.lines_closed.wait(), 5)
    assert not arm.agent.typed


async def test_an_instance_the_node_does_not_have(brain: Brain, arm: Arm) -> None:
    arm.agent.source = _unknown()
    async with brain.gateway.relay.open_stream(arm.identity.node_id, "i", "logs") as stream:
        with pytest.raises(NodeProblem) as caught:
            await anext(aiter(stream))
    assert caught.value.code == InstanceUnknown.code


async def test_a_slow_viewer_slows_the_node_and_loses_nothing(brain: Brain, arm: Arm) -> None:
    total, produced = 100_000, 0

    async def source() -> AsyncGenerator[tuple[LogLine, ...], None]:
        nonlocal produced
        async for batch in counted(total, size=100, text="x" * 400):
            produced += len(batch)
            yield batch

    arm.agent.source = source()
    async with brain.gateway.relay.open_stream(arm.identity.node_id, "i", "logs") as stream:
        lines = aiter(stream)
        numbers = [(await anext(lines)).number]
        seen = -1

        def stands_still() -> bool:
            nonlocal seen
            before, seen = seen, produced
            return before == produced

        await eventually(stands_still, every=0.3)
        assert produced < total / 2, "the node must wait for the viewer"
        numbers += [entry.number async for entry in lines]
    assert numbers == list(range(1, total + 1))


async def test_a_brain_that_stops_ends_its_streams(stopped_brain: Brain, tmp_path: Path) -> None:
    brain = stopped_brain
    async with brain.serving():
        identity = await brain.joined(tmp_path / "node")
    async with running_arm(identity) as arm:
        async with brain.serving():
            await arm.connected()
            arm.agent.source = _endless()
            seen: list[int] = []
            viewing = asyncio.ensure_future(_view(brain, identity.node_id, seen))
            await eventually(lambda: seen)
        with pytest.raises(NodeOffline):
            await viewing
        await asyncio.wait_for(arm.agent.lines_closed.wait(), 5)


async def test_a_wire_that_breaks_ends_streams_at_both_ends(brain: Brain, tmp_path: Path) -> None:
    joined = await brain.joined(tmp_path / "node")
    async with open_wire(brain.ports[0]) as wire:
        identity = replace(joined, session_address=f"127.0.0.1:{wire.port}")
        async with running_arm(identity) as arm:
            await arm.connected()
            arm.agent.source = _endless()
            async with brain.gateway.relay.open_stream(identity.node_id, "i", "logs") as stream:
                lines = aiter(stream)
                await anext(lines)
                wire.cut()
                with pytest.raises(NodeOffline):
                    await _read_on(lines)
            await asyncio.wait_for(arm.agent.lines_closed.wait(), 5)
            await eventually(lambda: len(arm.agent.welcomes) == 2, what="the node to be back")


async def test_an_agent_that_fails_before_the_first_line(brain: Brain, arm: Arm) -> None:
    arm.agent.source = None
    async with brain.gateway.relay.open_stream(arm.identity.node_id, "i", "logs") as stream:
        with pytest.raises(NodeProblem) as caught:
            await anext(aiter(stream))
    assert caught.value.code == "request_failed"


async def _view(brain: Brain, node_id: str, seen: list[int]) -> None:
    async with brain.gateway.relay.open_stream(node_id, "i", "logs") as stream:
        async for entry in stream:
            seen.append(entry.number)  # noqa: PERF401 - whoever looks on counts while they come


async def _read_on(lines: AsyncIterator[LogLine]) -> None:
    async for _ in lines:
        pass


async def _endless() -> AsyncGenerator[tuple[LogLine, ...], None]:
    number = 0
    while True:
        number += 1
        yield (line(number),)
        await asyncio.sleep(0.01)


async def _unknown() -> AsyncGenerator[tuple[LogLine, ...], None]:
    raise InstanceUnknown(instance="i")
    yield ()


async def pieces(*found: bytes) -> AsyncGenerator[bytes, None]:
    for piece in found:
        yield piece


async def test_a_file_comes_from_a_node(brain: Brain, arm: Arm) -> None:
    arm.agent.answers["download"] = {"size": 6}
    arm.agent.pieces = pieces(b"abc", b"def")
    async with brain.gateway.relay.open_file(arm.identity.node_id, "i", "download", {"path": "a"}) as stream:
        assert await stream.head() == {"size": 6}
        assert [piece async for piece in stream.pieces()] == [b"abc", b"def"]


async def endless() -> AsyncGenerator[bytes, None]:
    while True:
        yield b"x" * 65536


async def test_a_file_that_nobody_reads_on_is_closed_at_the_node(brain: Brain, arm: Arm) -> None:
    arm.agent.answers["download"] = {"size": 1 << 40}
    arm.agent.pieces = endless()
    async with brain.gateway.relay.open_file(arm.identity.node_id, "i", "download", {"path": "a"}) as stream:
        await stream.head()
    await asyncio.wait_for(arm.agent.pieces_closed.wait(), 10)


async def test_a_refused_file_keeps_the_nodes_own_status(brain: Brain, arm: Arm) -> None:
    arm.agent.answers["download"] = InstanceUnknown(instance="nowhere")
    async with brain.gateway.relay.open_file(arm.identity.node_id, "i", "download", {"path": "a"}) as stream:
        with pytest.raises(NodeProblem) as caught:
            await stream.head()
    assert (caught.value.code, caught.value.status) == (InstanceUnknown.code, 404)


async def test_a_file_goes_to_a_node(brain: Brain, arm: Arm) -> None:
    arm.agent.answers["upload"] = {"after": "digest"}
    sent = [b"a" * 600_000, b"b"]
    async with brain.gateway.relay.open_file(arm.identity.node_id, "i", "upload", {"path": "a"}) as stream:
        assert await stream.send(pieces(*sent)) == {"after": "digest"}
    assert arm.agent.uploaded == b"".join(sent)
    assert arm.agent.asked == [("upload", "i", {"path": "a"})]


async def test_an_upload_that_is_refused_does_not_wait_for_anybody(brain: Brain, arm: Arm) -> None:
    arm.agent.answers["upload"] = InstanceUnknown(instance="nowhere")
    many = [b"x" * 262_144] * 200
    async with brain.gateway.relay.open_file(arm.identity.node_id, "i", "upload", {"path": "a"}) as stream:
        with pytest.raises(NodeProblem, match="nowhere"):
            await stream.send(pieces(*many))


async def test_an_upload_that_breaks_off_is_not_taken_for_whole(brain: Brain, arm: Arm) -> None:
    arm.agent.answers["upload"] = {}
    async with brain.gateway.relay.open_file(arm.identity.node_id, "i", "upload", {"path": "a"}) as stream:
        sending = asyncio.ensure_future(stream.send(endless()))
        await eventually(lambda: arm.agent.uploaded)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    assert (await brain.gateway.sessions.ask(arm.identity.node_id, "upload")) == {}
