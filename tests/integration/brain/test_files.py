"""Files through the API: Brain, link and node are real, on both databases; only engine and object store are memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hytopus.brain.accounts.roles import Role
from hytopus.brain.db.engine import Database
from hytopus.brain.files.drafts_api import router as drafts
from hytopus.brain.files.instances_api import router as instance_files
from hytopus.brain.files.plans_api import router as plans
from hytopus.brain.files.templates_api import router as template_files
from hytopus.brain.games.catalogue import Catalogue
from hytopus.brain.gateway.gateway import Gateway, Peer
from hytopus.brain.gateway.reach import Reach
from hytopus.brain.gateway.session import serve
from hytopus.brain.instances.api import router as instances
from hytopus.brain.instances.inspect_api import router as inspection
from hytopus.brain.instances.loops import run_loops
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import find
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.nodes import commands as nodes
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.kit.clock import SystemClock
from hytopus.layers.rules import TemplateRules
from hytopus.node.link.link import Link
from hytopus.node.link.outbox import Outbox
from hytopus.node.materialise.probe import How
from hytopus.node.runtime.fake import FakeRuntime
from hytopus.storage.memory import MemoryStore
from hytopus.wire.channel import NodeChannel, StreamChannel
from hytopus.wire.memory import memory_pair, memory_stream
from hytopus.wire.messages import NodeStatus
from tests.harness.factories import add, make_template
from tests.integration.api.clock import StepClock
from tests.integration.api.world import World, open_world
from tests.integration.files.desk import DiskNode
from tests.services.waiting import eventually
from tests.unit.layers.trees import File, Tree
from tests.unit.node.runner.records import game

RULES: dict[str, Any] = {
    "game": "stand-in",
    "variables": {"TOKEN": {"required": True, "secret": True}, "MOTD": {"default": "hi"}},
}
RULES_TEXT = """game = "stand-in"
[variables.TOKEN]
required = true
secret = true
[variables.MOTD]
default = "hi"
"""
ONE: Tree = {"server.toml": File(b"token = ${TOKEN}\nmotd = ${MOTD}\n"), "world/level": File(b"\0" * 10), "old": File()}
TWO: Tree = {"server.toml": File(b"token = ${TOKEN}\nport = ${NOPE}\n"), "world/level": File(b"\0" * 10)}
LOBBY = {"name": "lobby", "layers": ["base@1"], "variables": {"TOKEN": "s3cr3t"}}
TEXT = "token = ⟦TOKEN⟧\nmotd = hi\n"


class Dialer:
    """Sessions and streams of one node, within the process."""

    trusts: tuple[str, ...] = ()

    def __init__(self, gateway: Gateway, node_id: str) -> None:
        self._gateway, self._node_id = gateway, node_id
        self.serving: set[asyncio.Task[None]] = set()

    async def session(self) -> NodeChannel:
        ours, theirs = memory_pair(self._gateway.clock)
        self._keep(serve(theirs, Peer(self._node_id), self._gateway))
        return ours

    async def stream(self) -> StreamChannel:
        ours, theirs = memory_stream(self._gateway.clock)
        self._keep(self._gateway.relay.serve(theirs, self._node_id))
        return ours

    async def learn(self, addresses: Sequence[str]) -> None:
        return

    def stands(self) -> None:
        return

    def renew_soon(self) -> None:
        raise AssertionError("nobody has a certificate here")

    def untried(self) -> bool:
        return False

    async def close(self) -> None:
        return

    def _keep(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)


class Files:
    """The API with one node behind it."""

    def __init__(self, world: World, node: DiskNode, linked: asyncio.Task[None]) -> None:
        self.world, self.node, self.linked = world, node, linked
        self.client = world.acting(Role.OPERATOR)
        self.viewer = world.acting(Role.VIEWER)

    async def call(self, method: str, path: str, expect: int = 200, /, **options: Any) -> Any:
        response = await self.client.request(method, path, **options)
        assert response.status_code == expect, response.text
        return response.json()

    async def stopped(self, **body: Any) -> None:
        """An instance that is prepared and does not run."""
        await self.call("POST", "/instances", 202, json={**LOBBY, "autostart": False, **body})
        await self.until("stopped")

    async def until(self, state: str) -> None:
        async with asyncio.timeout(20):
            while (await self.call("GET", "/instances/lobby"))["state"] != state:
                await asyncio.to_thread(lambda: None)

    async def read(self, path: str) -> Any:
        return await self.call("GET", "/instances/lobby/files/content", params={"path": path})

    async def write(self, path: str, text: str, digest: str, expect: int = 200) -> Any:
        body = {"text": text, "digest": digest}
        return await self.call("PUT", "/instances/lobby/files/content", expect, params={"path": path}, json=body)

    async def row(self) -> Instance:
        async with self.world.database.read() as session:
            return await find(session, "lobby")


@pytest.fixture
async def files(database: Database, tmp_path: Path) -> AsyncIterator[Files]:
    clock = SystemClock()
    presence = Presence(NodeSettings(), clock, database.signals)
    gateway = Gateway(database, MemoryStore(clock), presence, clock=clock)
    extra = {"presence": presence, "instance_settings": InstanceSettings(), "gateway": gateway, "reach": Reach(gateway)}
    routers = (instances, inspection, drafts, instance_files, plans, template_files)
    async with (
        open_world(database, MemoryStore(clock), StepClock(), more=routers, extra=extra) as world,
        _node(tmp_path, gateway) as (node, linked, node_id),
    ):
        world.app.state.games = Catalogue({"stand-in": game()})
        await _templates(database, node)
        loops = asyncio.ensure_future(
            run_loops(
                database,
                presence,
                gateway.fleet,
                clock=clock,
                rush=gateway.rush,
                nodes=NodeSettings(),
                instances=InstanceSettings(),
            )
        )
        await eventually(lambda: gateway.sessions.online(node_id), what="the node to be connected")
        yield Files(world, node, linked)
        loops.cancel()
        await asyncio.gather(loops, return_exceptions=True)


@asynccontextmanager
async def _node(root: Path, gateway: Gateway) -> AsyncIterator[tuple[DiskNode, asyncio.Task[None], str]]:
    clock = gateway.clock
    async with gateway.database.write() as session:
        node_id = (await nodes.join(session, "octo", at=clock.now())).id
    outbox, dialer = Outbox(clock), Dialer(gateway, node_id)
    async with FakeRuntime.open(clock) as runtime:
        node = DiskNode(root / "node", runtime, clock, How.COPY, outbox.report)
        await node.cache.recover()
        link = Link(node.agent, outbox, dialer, agent_id="agent", clock=clock)
        agent = asyncio.ensure_future(node.agent.run())
        linked = asyncio.ensure_future(link.run())
        try:
            yield node, linked, node_id
        finally:
            for task in (linked, agent, *dialer.serving):
                task.cancel()
            await asyncio.gather(linked, agent, *dialer.serving, return_exceptions=True)


async def _templates(database: Database, node: DiskNode) -> None:
    template, first = make_template(**RULES)
    (second,) = make_template(version="2", number=2, **RULES)[1:]
    for row, tree in ((first, ONE), (second, TWO)):
        source = node.download.add("base", tree, version=row.version, rules=RULES_TEXT)
        row.checksum, row.size = source.checksum, source.size
    assert TemplateRules.parse(RULES_TEXT).variables["TOKEN"].secret
    await add(database, template, first, second)


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


async def test_a_file_is_found_viewed_edited_and_written_down(files: Files) -> None:
    await files.stopped()
    listed = await files.call("GET", "/instances/lobby/files")
    assert [(one["path"], one["kind"]) for one in listed["files"]] == [
        ("old", "file"),
        ("server.toml", "file"),
        ("world", "folder"),
    ]
    seen = await files.read("server.toml")
    assert (seen["text"], seen["masked"], seen["layer"]) == (TEXT, ["TOKEN"], "base@1")
    changed = await files.write("server.toml", seen["text"] + "# mine\n", seen["digest"])
    assert changed["after"] == digest(b"token = s3cr3t\nmotd = hi\n# mine\n")
    again = await files.read("server.toml")
    assert (again["text"], again["change"]) == (TEXT + "# mine\n", "changed")
    assert (await files.row()).ran
    (record,) = await files.world.audit(action="instance.file_changed")
    assert record["before"] == {"path": "server.toml", "digest": seen["digest"]}
    assert record["after"]["digest"] == changed["after"]
    assert "s3cr3t" not in str(record)


async def test_a_second_operator_does_not_lose_the_first_ones_work(files: Files) -> None:
    await files.stopped()
    seen = await files.read("old")
    await files.write("old", "first", seen["digest"])
    problem = await files.write("old", "second", seen["digest"], 409)
    assert problem["code"] == "file_changed"
    assert problem["params"]["digest"] == digest(b"first")
    assert (await files.read("old"))["text"] == "first"
    assert (await files.write("new", "x", ""))["before"] == ""
    assert (await files.write("new", "x", "", 409))["code"] == "file_changed"


async def test_nothing_is_changed_while_anything_runs(files: Files) -> None:
    await files.call("POST", "/instances", 202, json=LOBBY)
    await files.until("running")
    assert (await files.read("server.toml"))["text"] == TEXT
    assert (await files.write("old", "x", "*", 409))["code"] == "instance_not_at_rest"
    path = {"path": "old"}
    assert (await files.call("DELETE", "/instances/lobby/files/content", 409, params=path))["remedy"]
    await files.call("PUT", "/instances/lobby/files/upload", 409, params=path, content=b"x")


async def test_the_node_has_the_last_word_on_what_runs(files: Files) -> None:
    await files.stopped()
    instance = files.node.agent.crew.instance((await files.row()).id)
    async with instance.still:
        writing = asyncio.ensure_future(files.write("old", "late", "*", 409))
        await files.call("POST", "/instances/lobby/start", 202)
        async with asyncio.timeout(20):
            while instance.record.status is not NodeStatus.STARTING:
                await asyncio.to_thread(lambda: None)
    refused = await writing
    assert refused["code"] == "instance_not_at_rest"


async def test_whole_files_travel_in_both_directions(files: Files) -> None:
    await files.stopped()
    data = bytes(range(256)) * 20_000
    params = {"path": "world/café 1.bin"}
    uploaded = await files.call("PUT", "/instances/lobby/files/upload", params=params, content=data)
    assert (uploaded["after"], uploaded["size"]) == (digest(data), len(data))
    response = await files.client.get("/instances/lobby/files/download", params=params)
    assert response.content == data
    assert response.headers["content-disposition"] == "attachment; filename*=UTF-8''caf%C3%A9%201.bin"
    assert (await files.call("PUT", "/instances/lobby/files/upload", 409, params=params, content=b""))["code"] == (
        "file_changed"
    )
    await files.call("GET", "/instances/lobby/files/download", 404, params={"path": "nowhere"})
    await files.call("GET", "/instances/lobby/files/download", 422, params={"path": "../../etc/passwd"})


async def test_what_a_viewer_may_do(files: Files) -> None:
    await files.stopped()
    path = {"path": "server.toml"}
    seen = (await files.viewer.get("/instances/lobby/files/content", params=path)).json()
    assert (seen["text"], seen["digest"]) == (TEXT, "")
    for method, route, options in (
        ("GET", "download", {}),
        ("PUT", "upload", {"content": b"x"}),
        ("PUT", "content", {"json": {"text": "", "digest": "*"}}),
        ("DELETE", "content", {}),
    ):
        response = await files.viewer.request(method, f"/instances/lobby/files/{route}", params=path, **options)
        assert response.status_code == 403


async def test_a_deleted_file_stays_deleted_over_an_upgrade(files: Files) -> None:
    await files.stopped()
    await files.call("DELETE", "/instances/lobby/files/content", params={"path": "world", "recursive": True})
    await files.call("POST", "/instances/lobby/upgrade", 202, json={"layers": ["base@1"]})
    await files.call("POST", "/instances/lobby/start", 202)
    await files.until("running")
    listed = await files.call("GET", "/instances/lobby/files", params={"glob": "world/**"})
    assert {one["change"] for one in listed["files"]} <= {"deleted"}


async def test_an_upgrade_is_planned(files: Files) -> None:
    await files.stopped()
    await files.write("server.toml", "mine", "*")
    plan = await files.call("POST", "/instances/lobby/upgrade/plan", json={"layers": ["base@2"]})
    assert {one["path"]: (one["change"], one["own"]) for one in plan["files"]} == {
        "old": ("removed", "none"),
        "server.toml": ("changed", "changed"),
    }
    assert plan["prepared"]
    assert plan["layers"][0]["version"] == "2"
    assert plan["configs"][0]["unresolved"] == [{"line": 2, "name": "NOPE"}]
    body = {"layers": ["base@2"], "path": "server.toml"}
    text = await files.call("POST", "/instances/lobby/upgrade/plan/content", json=body)
    assert "-motd = hi\n+port = ${NOPE}\n" in text["diff"]
    assert "s3cr3t" not in str(text)


async def test_a_draft_is_shown_before_anything_is_created(files: Files) -> None:
    draft = {"layers": ["base@2"], "variables": {"TOKEN": "s3cr3t"}}
    tree = await files.call("POST", "/instances/preview/files", json={"draft": draft})
    assert [one["path"] for one in tree["files"]] == ["server.toml", "world"]
    configs = await files.call("POST", "/instances/preview/configs", json={"draft": draft})
    assert configs["configs"][0]["unresolved"] == [{"line": 2, "name": "NOPE"}]
    assert "SEED" in configs["assumed"]
    body = {"draft": draft, "path": "server.toml"}
    file = await files.call("POST", "/instances/preview/content", json=body)
    assert file["text"] == "token = ⟦TOKEN⟧\nport = ${NOPE}\n"
    assert file["source"] == "token = ${TOKEN}\nport = ${NOPE}\n"
    assert (await files.call("GET", "/instances"))["items"] == []


async def test_versions_are_listed_viewed_and_compared(files: Files) -> None:
    listed = await files.call("GET", "/templates/base/versions/1/files", params={"glob": "**/level"})
    assert [one["path"] for one in listed["files"]] == ["world/level"]
    params = {"path": "server.toml"}
    file = await files.call("GET", "/templates/base/versions/1/files/content", params=params)
    assert (file["text"], file["source"]) == ("token = ${TOKEN}\nmotd = ${MOTD}\n", None)
    both = {"old": "1", "new": "2"}
    compared = await files.call("GET", "/templates/base/compare", params=both)
    assert compared["counts"] == {"changed": 1, "removed": 1}
    text = await files.call("GET", "/templates/base/compare/content", params={**both, **params})
    assert "-motd = ${MOTD}\n+port = ${NOPE}\n" in text["diff"]


async def test_without_a_node_it_says_what_to_do(files: Files) -> None:
    files.linked.cancel()
    await asyncio.gather(files.linked, return_exceptions=True)
    async with asyncio.timeout(20):
        while True:
            response: httpx2.Response = await files.client.get("/templates/base/versions/1/files")
            if response.json().get("code") == "no_node_to_ask":
                break
    assert response.status_code == 503
    assert "Start the agent" in response.json()["remedy"]
