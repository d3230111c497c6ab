"""The routes of nodes and instances, over HTTP, on both databases."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from hytopus.brain.accounts.roles import Role
from hytopus.brain.db.engine import Database
from hytopus.brain.instances.api import router as instances
from hytopus.brain.instances.inspect_api import router as inspection
from hytopus.brain.instances.scheduling.scheduler import Outlook, schedule
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.streams import router as streams
from hytopus.brain.nodes.api import router as nodes
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.storage.memory import MemoryStore
from hytopus.wire.messages import Heartbeat, LogLine, NodeLoad
from hytopus.wire.place import BEGINNING, Place
from tests.harness.factories import add, make_node, make_template
from tests.integration.api.clock import StepClock
from tests.integration.api.world import World, open_world

RULES: dict[str, Any] = {
    "game": "stand-in",
    "variables": {
        "MOTD": {"default": "hello", "description": "Shown in the list."},
        "TOKEN": {"required": True, "secret": True},
    },
}
LOBBY = {"name": "lobby", "layers": ["base"], "variables": {"TOKEN": "s3cr3t"}}

CACHED = (("base", 7), ("map", 70))
"""What the cache of every node holds, with its bytes."""


class Answering:
    """Nodes that answer everything at once; stands for the gateway."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.disconnected: list[str] = []

    def online(self, node_id: str) -> bool:
        return bool(node_id)

    async def ask(
        self,
        node_id: str,
        kind: str,
        *,
        instance_id: str = "",
        body: Mapping[str, Any] | None = None,
        timeout: float = 10.0,
    ) -> dict[str, Any]:
        self.asked.append((kind, instance_id, dict(body or {})))
        match kind:
            case "provenance":
                return {"files": [{"path": "a.txt", "layer": "base@1", "overrode": []}]}
            case "cache":
                kept = {"version": "1", "files": 3, "fetched_at": "2026-01-01T00:00:00Z"}
                return {"templates": [{"template_id": name, "bytes": size, **kept} for name, size in CACHED]}
            case "logs":
                return {"lines": [{"number": 1, "at": "", "text": f"on {node_id}"}]}
            case _:
                return {}

    async def purge(
        self, node_id: str, *, template_id: str = "", version: str = "", timeout: float = 60.0
    ) -> dict[str, Any]:
        self.asked.append(("purge", node_id, {"template_id": template_id, "version": version}))
        return {"freed_bytes": 7, "trees": 1, "kept_until_released": 0}

    async def disconnect(self, node_id: str) -> None:
        self.disconnected.append(node_id)

    @asynccontextmanager
    async def open_stream(
        self, node_id: str, instance_id: str, kind: str, *, tail: int = 0, after: Place = BEGINNING
    ) -> AsyncIterator[AsyncIterator[LogLine]]:
        yield self._lines(f"{kind} of {instance_id} on {node_id}", tail, after)

    async def _lines(self, text: str, tail: int, after: Place) -> AsyncIterator[LogLine]:
        count = min(tail, 3) if tail or not after.number else 3
        for number in range(after.number + 1, after.number + 1 + count):
            yield LogLine(number, "2026-01-01T00:00:00Z", text, after.start or "7.1")


class Api:
    """An operator's view of it, and what he cannot do himself."""

    def __init__(self, world: World, presence: Presence, answering: Answering) -> None:
        self.world, self.presence, self.answering = world, presence, answering
        self.client: httpx2.AsyncClient = world.acting(Role.OPERATOR)

    async def call(self, method: str, url: str, expect: int, body: Any = None, /, **params: Any) -> Any:
        response = await self.client.request(method, url, json=body, params=params)
        assert response.status_code == expect, response.text
        return response.json() if response.content else None

    async def refused(self, method: str, path: str, body: Any = None, **params: Any) -> tuple[int, str]:
        response = await self.client.request(method, path, json=body, params=params)
        problem = response.json()
        assert problem["detail"]
        return response.status_code, problem["code"]

    async def has_node(self, **values: Any) -> Node:
        node = make_node(**values)
        await add(self.world.database, node)
        return node

    async def schedule(self) -> None:
        clock = self.world.clock
        await schedule(self.world.database, self.presence, Outlook(clock), clock=clock, settings=InstanceSettings())


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    clock, answering = StepClock(), Answering()
    presence = Presence(NodeSettings(), clock, database.signals)
    extra = {
        "presence": presence,
        "instance_settings": InstanceSettings(),
        "reach": answering,
    }
    await add(database, *make_template(**RULES))
    routers = (instances, inspection, streams, nodes)
    async with open_world(database, MemoryStore(clock), clock, more=routers, extra=extra) as world:
        yield Api(world, presence, answering)


async def test_an_instance_is_created_listed_changed_and_destroyed(api: Api) -> None:
    node = await api.has_node(name="octo", region="eu")
    created = await api.call("POST", "/instances", 202, {**LOBBY, "metadata": {"gamemode": "duels"}})
    assert (created["state"], created["wanted"], created["node"]) == ("requested", "running", None)
    assert created["variables"] == {"TOKEN": "********"}
    assert created["layers"][0]["template_id"] == "base"
    await api.schedule()
    placed = await api.call("GET", "/instances/lobby", 200)
    assert (placed["state"], placed["node"]) == ("preparing", {"id": node.id, "name": "octo"})
    assert placed["address"] == "203.0.113.5:30000"
    assert placed["ports"] == [{"name": "game", "port": 30000, "container": 30000, "protocol": "udp"}]
    assert placed["deadline"] is not None
    stopped = await api.call("POST", "/instances/lobby/stop", 202)
    assert (stopped["state"], stopped["wanted"]) == ("stopped", "stopped")
    changed = await api.call("PATCH", "/instances/lobby", 202, {"memory_mb": 512, "variables": {"MOTD": "hi"}})
    assert (changed["memory_mb"], changed["variables"]["MOTD"]) == (512, "hi")
    for params in (
        {"state": "stopped"},
        {"node": "octo"},
        {"game": "stand-in"},
        {"template": "base"},
        {"template": "base@1"},
        {"text": "DUELS"},
        {"text": "obb", "sort": "state", "order": "desc"},
    ):
        page = await api.call("GET", "/instances", 200, **params)
        assert [item["name"] for item in page["items"]] == ["lobby"], params
    for params in ({"state": "running"}, {"game": "other"}, {"template": "base@2"}, {"text": "nothing"}):
        assert (await api.call("GET", "/instances", 200, **params))["items"] == []
    history = await api.call("GET", "/instances/lobby/events", 200)
    assert [event["kind"] for event in history["items"]][-1] == "instance.created"
    await api.call("DELETE", "/instances/lobby", 202)
    assert (await api.call("DELETE", f"/instances/{created['id']}", 202))["wanted"] == "destroyed"


async def test_a_secret_is_shown_nowhere(api: Api) -> None:
    await api.has_node()
    created = await api.call("POST", "/instances", 202, LOBBY)
    seen = [
        created,
        await api.call("GET", "/instances", 200),
        await api.call("GET", "/instances/lobby", 200),
        await api.call("PATCH", "/instances/lobby", 202, {"variables": {"MOTD": "s3cr3t?"}, "metadata": {}}),
        await api.call("GET", "/instances/lobby/events", 200),
        await api.world.audit(),
    ]
    assert "s3cr3t" not in json.dumps(seen).replace("s3cr3t?", "")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": "Not A Name"}, 422, "bad_instance_name"),
        ({"layers": ["nothing"]}, 404, "template_not_found"),
        ({"layers": ["base@9"]}, 404, "template_version_not_found"),
        ({"layers": ["Ba se"]}, 422, "bad_layer_reference"),
        ({"game": "chess"}, 404, "game_not_found"),
        ({"variables": {"TOKEN": "x", "MOTDD": "x"}}, 422, "undeclared_variable"),
        ({"variables": {}}, 422, "missing_variable"),
        ({"variables": {"TOKEN": "x", "PORT": "1"}}, 422, "reserved_variable"),
        ({"ports": {"query": 30001}}, 422, "unknown_port"),
        ({"ports": {"game": 8080}}, 422, "port_outside_pools"),
        ({"node": "nowhere"}, 404, "node_not_found"),
        ({"memory_mb": 1}, 422, "invalid_request"),
        ({"cpus": 0}, 422, "invalid_request"),
        ({"layers": []}, 422, "invalid_request"),
        ({"colour": "red"}, 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_exists(
    api: Api, change: dict[str, Any], status: int, code: str
) -> None:
    await api.has_node()
    assert await api.refused("POST", "/instances", {**LOBBY, **change}) == (status, code)
    assert (await api.call("GET", "/instances", 200))["items"] == []


async def test_names_are_unique_until_destroyed_and_a_key_makes_a_creation_repeatable(api: Api) -> None:
    first = await api.client.post("/instances", json=LOBBY, headers={"Idempotency-Key": "k"})
    again = await api.client.post("/instances", json=LOBBY, headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert await api.refused("POST", "/instances", LOBBY) == (409, "name_taken")
    await api.call("DELETE", "/instances/lobby", 202)
    assert (await api.call("POST", "/instances", 202, LOBBY))["id"] != first.json()["id"]


async def test_explain_says_why_it_is_nowhere_and_why_it_is_where_it_is(api: Api) -> None:
    await api.has_node(name="small", memory_mb=256)
    await api.has_node(name="away", cordoned=True)
    await api.call("POST", "/instances", 202, {**LOBBY, "memory_mb": 1024})
    await api.schedule()
    nowhere = await api.call("GET", "/instances/lobby/explain", 200)
    assert nowhere["node"] is None
    assert nowhere["summary"] == "None of 2 nodes can take it: 1 cordoned, 1 short of memory."
    small = next(verdict for verdict in nowhere["nodes"] if verdict["node"] == "small")
    assert [check["check"] for check in small["checks"] if not check["ok"]] == ["memory_mb"]
    assert next(check for check in small["checks"] if not check["ok"])["detail"] == (
        "256 MB of memory free, 1024 MB needed"
    )
    assert (await api.call("GET", "/instances/lobby", 200))["waiting"]["summary"] == nowhere["summary"]
    await api.call("POST", "/nodes/away/uncordon", 202)
    await api.schedule()
    somewhere = await api.call("GET", "/instances/lobby/explain", 200)
    assert somewhere["node"]["name"] == "away"
    assert "only possible node" in somewhere["placed"]["why"]


async def test_an_upgrade_takes_the_newest_or_what_is_named(api: Api) -> None:
    await api.call("POST", "/instances", 202, LOBBY)
    await add(api.world.database, make_template(version="2", number=2, **RULES)[1])
    assert (await api.call("GET", "/instances/lobby", 200))["layers"][0]["version"] == "1"
    newest = await api.call("POST", "/instances/lobby/upgrade", 202, {})
    assert (newest["layers"][0]["version"], newest["requested_layers"]) == ("2", ["base"])
    pinned = await api.call("POST", "/instances/lobby/upgrade", 202, {"layers": ["base@1"]})
    assert (pinned["layers"][0]["version"], pinned["requested_layers"]) == ("1", ["base@1"])
    again = await api.call("POST", "/instances/lobby/upgrade", 202, {})
    assert again["requested_layers"] == ["base@2"]


async def test_a_preview_collects_everything_that_is_wrong(api: Api) -> None:
    await api.has_node(name="octo")
    body = {"layers": ["base"], "variables": {"NONSENSE": "1"}, "ports": {"game": 1}}
    preview = await api.call("POST", "/instances/preview", 200, body)
    assert [problem["code"] for problem in preview["problems"]] == ["undeclared_variable", "port_outside_pools"]
    assert preview["missing"] == ["TOKEN"]
    form = {line["name"]: line for line in preview["variables"]}
    assert form["MOTD"]["declared_by"] == "base@1"
    assert (form["TOKEN"]["secret"], form["SEED"]["declared_by"]) == (True, "built-in")
    good = await api.call("POST", "/instances/preview", 200, {"layers": ["base"], "variables": {"TOKEN": "x"}})
    assert (good["problems"], good["missing"]) == ([], [])
    assert good["placement"]["summary"] == "1 of 1 nodes can take it."
    none = await api.call("POST", "/instances/preview", 200, {"layers": ["nothing"]})
    assert [problem["code"] for problem in none["problems"]] == ["template_not_found"]


async def test_questions_and_lines_go_to_the_node(api: Api) -> None:
    node = await api.has_node()
    created = await api.call("POST", "/instances", 202, LOBBY)
    assert await api.refused("GET", "/instances/lobby/logs") == (409, "instance_has_no_node")
    await api.schedule()
    files = await api.call("GET", "/instances/lobby/provenance", 200, path="**/*.txt")
    assert files["files"][0]["layer"] == "base@1"
    lines = await api.call("GET", "/instances/lobby/logs", 200, tail=5)
    assert lines["lines"][0]["text"] == f"on {node.id}"
    assert await api.refused("POST", "/instances/lobby/console", {"line": "/who"}) == (409, "instance_not_running")
    assert await api.refused("POST", "/instances/lobby/console", {"line": "a\nb"}) == (422, "invalid_request")
    followed = await api.client.get("/instances/lobby/logs/follow", params={"tail": 2}, headers={"Last-Event-ID": "7"})
    assert followed.headers["content-type"].startswith("text/event-stream")
    numbers = [json.loads(row[6:])["number"] for row in followed.text.splitlines() if row.startswith("data: ")]
    assert numbers == [8, 9, 10], "who reconnects gets everything since"
    assert ("provenance", created["id"], {"path": "**/*.txt"}) in api.answering.asked


@pytest.mark.parametrize("kind", ["console", "logs/follow"])
async def test_a_stream_resumes_at_the_id_of_the_last_line(api: Api, kind: str) -> None:
    await api.has_node()
    await api.call("POST", "/instances", 202, LOBBY)
    await api.schedule()

    async def ids(after: str | None = None, last_event_id: str | None = None) -> list[str]:
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        query = {"tail": 2} | ({"after": after} if after else {})
        answer = await api.client.get(f"/instances/lobby/{kind}", params=query, headers=headers)
        return [row[4:] for row in answer.text.splitlines() if row.startswith("id: ")]

    assert await ids() == ["1@7.1", "2@7.1"]
    assert await ids(after="7@6.2") == ["8@6.2", "9@6.2", "10@6.2"], "the node hears which start it was"
    assert await ids(after="1", last_event_id="7@6.2") == ["8@6.2", "9@6.2", "10@6.2"]
    assert await ids(after="7") == ["8@7.1", "9@7.1", "10@7.1"], "a number alone, as earlier releases gave it"
    for bad in ("yesterday", "-1", "7@", "7@6", "7@6.2@1", str(2**53), "7@" + "6" * 99 + ".1"):
        for query, headers in (({"after": bad}, {}), ({}, {"Last-Event-ID": bad})):
            refused = await api.client.get(f"/instances/lobby/{kind}", params=query, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (422, "bad_event_id"), bad


async def test_nodes_are_shown_decided_about_purged_and_removed(api: Api) -> None:
    node = await api.has_node(name="octo", slots=4)
    api.presence.heartbeat(node.id, Heartbeat("", False, NodeLoad(cpu_percent=12.5, foreign_ports=(30001,))))
    await api.call("POST", "/instances", 202, LOBBY)
    await api.schedule()
    [shown] = (await api.call("GET", "/nodes", 200, text="oct"))["items"]
    assert (shown["state"], shown["connected"], shown["load"]["cpu_percent"]) == ("online", True, 12.5)
    assert shown["capacity"] == {"slots": 4, "cpus": 8.0, "memory_mb": 8192, "disk_mb": 16384, "ports": 100}
    assert shown["reserved"] == {"slots": 1, "cpus": 1.0, "memory_mb": 2048, "disk_mb": 2048, "ports": 1}
    assert shown["instances"] == {"preparing": 1}
    drained = await api.call("POST", "/nodes/octo/drain", 202, {"deadline_s": 60})
    assert (drained["draining"], drained["drain"]["remaining"]) == (True, ["lobby"])
    assert (await api.call("POST", "/nodes/octo/undrain", 202))["drain"] is None
    assert (await api.call("POST", "/nodes/octo/cordon", 202))["cordoned"]
    assert (await api.call("POST", "/nodes/octo/dev-mode", 202, {"enabled": True}))["dev_mode"]
    renamed = await api.call("PATCH", "/nodes/octo", 200, {"name": "pus", "tags": ["ssd"]})
    assert (renamed["name"], renamed["tags"], renamed["overrides"]) == ("pus", ["ssd"], {"tags": ["ssd"]})
    held = await api.call("GET", "/nodes/pus/cache", 200)
    assert [each["template_id"] for each in held["templates"]] == ["map", "base"]
    assert (await api.call("POST", "/nodes/pus/purge", 200, {"template_id": "base"}))["freed_bytes"] == 7
    assert await api.refused("DELETE", "/nodes/pus") == (403, "forbidden")
    admin = api.world.acting(Role.ADMIN)
    refused = await admin.delete("/nodes/pus")
    assert (refused.status_code, refused.json()["code"]) == (409, "node_not_empty")
    assert (await admin.delete("/nodes/pus", params={"force": True})).status_code == 204
    assert api.answering.disconnected == [node.id]
    assert await api.refused("GET", "/nodes/pus") == (404, "node_not_found")
    actions = {record["action"] for record in await api.world.audit()}
    assert {"node.drain_began", "node.cordoned", "node.update", "node.purge", "node.remove"} <= actions


async def test_resources_change_at_rest_and_what_it_is_made_of_needs_a_restart(api: Api) -> None:
    await api.has_node()
    await api.call("POST", "/instances", 202, LOBBY)
    await api.schedule()
    assert await api.refused("PATCH", "/instances/lobby", {"memory_mb": 64}) == (409, "instance_not_at_rest")
    assert await api.refused("POST", "/instances/lobby/upgrade", {}) == (409, "instance_not_at_rest")
    await api.call("POST", "/instances/lobby/stop", 202)
    assert await api.refused("PATCH", "/instances/lobby", {"disk_mb": 1_000_000}) == (409, "no_room")
    renamed = await api.call("PATCH", "/instances/lobby", 202, {"name": "hub", "tags": ["b", "a"]})
    assert (renamed["name"], renamed["tags"]) == ("hub", ["a", "b"])
    assert await api.refused("GET", "/instances/lobby") == (404, "instance_not_found")
