"""A live stream ends at once, and says why, when whoever opened it loses what he opened it with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from hytopus.brain.accounts.roles import Role
from hytopus.brain.db.engine import Database
from hytopus.brain.gateway.gateway import Gateway, Peer
from hytopus.brain.gateway.session import serve
from hytopus.brain.instances.states import State
from hytopus.brain.nodes.states import NodeState
from hytopus.storage.memory import MemoryStore
from hytopus.wire.channel import NodeChannel
from hytopus.wire.memory import memory_pair, memory_stream
from hytopus.wire.messages import InstanceReport, LogLine, NodeFacts, NodeStatus, OpenStream, RegisterNode, StreamFrame
from hytopus.wire.version import PROTOCOL
from tests.harness.factories import add, make_node, on_node
from tests.integration.api.clock import StepClock
from tests.integration.api.whole import make_gateway, open_whole
from tests.integration.api.world import PASSWORD, World
from tests.services.waiting import eventually

EVA: Final = {"name": "eva", "password": PASSWORD, "role": "operator", "scope": {"tags": ["eva"]}}
STREAMS: Final = ("/instances/i1/console", "/instances/i1/logs/follow")


@dataclass
class Live:
    """A world with a node that says one line of every server it is asked about."""

    world: World
    admin: httpx2.AsyncClient

    async def log_in(self, name: str = "eva") -> str:
        answer = await self.world.client().post("/login", json={"name": name, "password": PASSWORD})
        return str(answer.json()["token"])

    async def change(self, path: str, **body: Any) -> None:
        answer = await self.admin.patch(path, json=body)
        assert answer.is_success, answer.text

    async def end_of(self, path: str, token: str, act: Callable[[], Awaitable[Any]]) -> list[dict[str, Any]]:
        """What the stream says after its first line, once something has happened."""
        headers = {"Accept": "text/event-stream"}
        async with self.world.client(token).stream("GET", path, headers=headers) as response:
            assert response.status_code == 200, await response.aread()
            lines = response.aiter_lines()
            while await asyncio.wait_for(anext(lines), 10) != ": open":
                pass
            if path in STREAMS:
                assert "the first line" in await _data(lines)
            await act()
            rest = await asyncio.wait_for(_all(lines), 10)
        return [json.loads(line.removeprefix("data: ")) for line in rest if line.startswith("data: ")]


async def _data(lines: AsyncIterator[str]) -> str:
    while not (line := await asyncio.wait_for(anext(lines), 10)).startswith("data: "):
        pass
    return line


async def _all(lines: AsyncIterator[str]) -> list[str]:
    return [line async for line in lines]


@pytest.fixture
async def live(database: Database, store: MemoryStore, clock: StepClock, tmp_path: Path) -> AsyncIterator[Live]:
    gateway = make_gateway(database, store, clock)
    async with open_whole(database, store, clock, tmp_path, gateway=gateway) as world:
        node = make_node(id="n1", name="n1", state=NodeState.OFFLINE)
        await add(database, node, *on_node(node, State.RUNNING, id="i1", name="lobby", tags=["eva"]))
        admin = world.acting(Role.ADMIN)
        assert (await admin.post("/users", json=EVA)).status_code == 201
        async with _speaking_node(gateway):
            yield Live(world, admin)


@asynccontextmanager
async def _speaking_node(gateway: Gateway) -> AsyncIterator[None]:
    node, brain = memory_pair(gateway.clock)
    running = InstanceReport("i1", 1, NodeStatus.RUNNING, restored=True)
    tasks = [asyncio.ensure_future(serve(brain, Peer("n1"), gateway)), asyncio.ensure_future(_speak(node, gateway))]
    try:
        await node.send(RegisterNode(PROTOCOL, "agent", NodeFacts(slots=8), inventory=(running,)))
        await eventually(lambda: gateway.sessions.online("n1"))
        yield
    finally:
        await node.close()
        await asyncio.wait_for(asyncio.gather(*tasks), 10)


async def _speak(node: NodeChannel, gateway: Gateway) -> None:
    async with asyncio.TaskGroup() as tasks:
        while (message := await node.receive()) is not None:
            if not isinstance(message, OpenStream):
                continue
            end, dialled = memory_stream(gateway.clock)
            tasks.create_task(gateway.relay.serve(dialled, "n1"))
            await end.send(StreamFrame(message.stream_id))
            await end.send(StreamFrame(message.stream_id, (LogLine(1, "", "the first line"),)))


def _code(said: list[dict[str, Any]]) -> str:
    [problem] = said
    assert problem["status"] == {"rights_changed": 401, "instance_not_found": 404}[problem["code"]]
    return str(problem["code"])


@pytest.mark.parametrize("path", [*STREAMS, "/events"])
@pytest.mark.parametrize(
    "change",
    [{"role": "viewer"}, {"scope": {"tags": ["other"]}}, {"disabled": True}, {"password": "another-horse-battery"}],
    ids=["role", "scope", "disabled", "password"],
)
async def test_whoever_may_do_something_else_is_cut_off(live: Live, path: str, change: dict[str, Any]) -> None:
    token = await live.log_in()
    said = await live.end_of(path, token, lambda: live.change("/users/eva", **change))
    assert _code(said) == "rights_changed"


@pytest.mark.parametrize("path", [*STREAMS, "/events"])
async def test_a_revoked_token_is_cut_off(live: Live, path: str) -> None:
    eva = live.world.client(await live.log_in())
    made = (await eva.post("/me/tokens", json={"name": "ci"})).json()
    said = await live.end_of(path, made["token"], lambda: eva.delete(f"/me/tokens/{made['id']}"))
    assert _code(said) == "rights_changed"


@pytest.mark.parametrize("path", STREAMS)
async def test_an_instance_that_leaves_what_somebody_may_see_is_not_shown_on(live: Live, path: str) -> None:
    token = await live.log_in()
    said = await live.end_of(path, token, lambda: live.change("/instances/i1", tags=["other"]))
    assert _code(said) == "instance_not_found"


async def test_a_change_of_the_role_alone_ends_logins_and_what_is_live_at_once(live: Live) -> None:
    token = await live.log_in()
    eva = live.world.client(token)
    made = (await eva.post("/me/tokens", json={"name": "ci"})).json()
    assert (await eva.post("/instances/i1/stop")).status_code == 202
    said = await live.end_of("/events", token, lambda: live.change("/users/eva", role="viewer"))
    assert _code(said) == "rights_changed"
    refused = await eva.post("/instances/i1/start")
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")
    program = live.world.client(made["token"])
    assert (await program.get("/me")).json()["role"] == "viewer", "an API token lives on with less"
    assert (await program.post("/instances/i1/start")).json()["code"] == "forbidden"
    again = live.world.client(await live.log_in())
    assert (await again.get("/me")).json()["role"] == "viewer"


async def test_the_same_role_once_more_ends_nothing(live: Live) -> None:
    eva = live.world.client(await live.log_in())
    await live.change("/users/eva", role="operator")
    assert (await eva.get("/me")).json()["role"] == "operator"
