"""Questions to a node and streams from it, over a session without sockets."""

from __future__ import annotations

import asyncio
import json

import pytest

from hytopus.brain.gateway.errors import NodeOffline, NodeTimeout, raised
from hytopus.brain.gateway.gateway import Gateway
from hytopus.brain.nodes.errors import NodeAnswerUnusable
from hytopus.brain.nodes.remote import ask
from hytopus.brain.nodes.schemas import CacheOut
from hytopus.wire.memory import memory_stream
from hytopus.wire.messages import (
    Answer,
    Ask,
    OpenStream,
    Problem,
    SetDevMode,
    StreamFrame,
)
from tests.harness.clock import ManualClock
from tests.harness.database import sqlite as sqlite
from tests.unit.brain.gateway.node_end import HELLO, NODE, node_of, receive


async def test_a_question_takes_its_own_answer_and_no_other(gateway: Gateway) -> None:
    async with node_of(gateway) as node:
        await node.send(HELLO)
        await receive(node, SetDevMode)
        asking = asyncio.ensure_future(gateway.sessions.ask(NODE, "cache"))
        question = await receive(node, Ask)
        assert isinstance(question, Ask)
        await node.send(Answer("of something else", "{}"))
        await node.send(Answer(question.request_id, json.dumps({"bytes": 1})))
        assert await asking == {"bytes": 1}


@pytest.mark.parametrize("said", ["", "no JSON", "[]", "3", "[" * 100_000, '"\\ud800"', '{"templates": 3}', "{}"])
async def test_an_answer_that_nobody_can_use_is_a_problem_and_no_more(gateway: Gateway, said: str) -> None:
    async with node_of(gateway) as node:
        await node.send(HELLO)
        await receive(node, SetDevMode)
        asking = asyncio.ensure_future(ask(gateway.sessions, CacheOut, NODE, "cache"))
        question = await receive(node, Ask)
        assert isinstance(question, Ask)
        await node.send(Answer(question.request_id, said))
        with pytest.raises(NodeAnswerUnusable) as found:
            await asking
        assert (found.value.status, found.value.params["node"], found.value.params["what"]) == (502, NODE, "cache")
        assert gateway.sessions.online(NODE), "the session stands"


@pytest.mark.parametrize("seconds", ["soon", "nan", "1e999", ""])
def test_a_timeout_that_a_node_tells_of_need_not_be_a_number(seconds: str) -> None:
    problem = Problem("node_timeout", "no", params={"node": NODE, "what": "x", "seconds": seconds})
    assert raised(problem).params["seconds"] == 0.0


async def test_a_stream_that_the_node_does_not_dial_times_out(gateway: Gateway, clock: ManualClock) -> None:
    async with node_of(gateway) as node:
        await node.send(HELLO)
        await receive(node, SetDevMode)
        viewing = asyncio.ensure_future(_first_line(gateway))
        await receive(node, OpenStream)
        await clock.advance(10)
        with pytest.raises(NodeTimeout):
            await viewing


async def test_a_stream_that_nobody_asked_for_is_not_served(gateway: Gateway) -> None:
    node, brain = memory_stream(gateway.clock)
    await node.send(StreamFrame("forged"))
    await asyncio.wait_for(gateway.relay.serve(brain, NODE), 5)


async def test_another_node_cannot_take_a_stream(gateway: Gateway, clock: ManualClock) -> None:
    async with node_of(gateway) as node:
        await node.send(HELLO)
        await receive(node, SetDevMode)
        viewing = asyncio.ensure_future(_first_line(gateway))
        wanted = await receive(node, OpenStream)
        assert isinstance(wanted, OpenStream)
        thief, end = memory_stream(clock)
        await thief.send(StreamFrame(wanted.stream_id))
        await asyncio.wait_for(gateway.relay.serve(end, "node-2"), 5)
        assert not viewing.done()
        viewing.cancel()
        await asyncio.gather(viewing, return_exceptions=True)


async def test_a_viewer_whose_node_goes(gateway: Gateway) -> None:
    async with node_of(gateway) as node:
        await node.send(HELLO)
        await receive(node, SetDevMode)
        viewing = asyncio.ensure_future(_first_line(gateway))
        await receive(node, OpenStream)
    with pytest.raises(NodeOffline):
        await viewing


async def _first_line(gateway: Gateway) -> int:
    async with gateway.relay.open_stream(NODE, "i", "logs") as stream:
        return (await anext(aiter(stream))).number
