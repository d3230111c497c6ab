"""Rights that reach to some regions and tags only: what lies outside does not exist for who holds them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from hytopus.brain.accounts.permissions import TABLE, open_to_scoped
from hytopus.brain.accounts.queries import get_user
from hytopus.brain.accounts.roles import Role
from hytopus.brain.crashes.api import router as crashes
from hytopus.brain.db.engine import Database
from hytopus.brain.history.api import router as history
from hytopus.brain.history.recorder import Recorder
from hytopus.brain.http.routing import mounted_routes
from hytopus.brain.instances.api import router as instances
from hytopus.brain.instances.inspect_api import router as inspection
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.streams import router as streams
from hytopus.brain.nodes.api import router as nodes
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.brain.overview.api import router as overview
from hytopus.storage.memory import MemoryStore
from tests.harness.factories import add, make_template
from tests.integration.api.clock import StepClock
from tests.integration.api.world import PASSWORD, World, open_world
from tests.integration.brain.test_api import LOBBY, RULES, Answering, Api

EU = {"regions": ["eu"]}


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    clock, answering = StepClock(), Answering()
    presence = Presence(NodeSettings(), clock, database.signals)
    extra = {
        "recorder": Recorder(database, presence, clock),
        "presence": presence,
        "instance_settings": InstanceSettings(),
        "reach": answering,
    }
    await add(database, *make_template(**RULES))
    routers = (instances, inspection, streams, nodes, overview, history, crashes)
    async with open_world(database, MemoryStore(clock), clock, more=routers, extra=extra) as world:
        yield await _network(Api(world, presence, answering))


async def _network(api: Api) -> Api:
    """A node and a running instance in each of two regions, and one that anybody's node may take."""
    await api.has_node(name="octo", region="eu", tags=["ssd"])
    await api.has_node(name="nemo", region="us", tags=["hdd"])
    for region, tag in (("eu", "ssd"), ("us", "hdd")):
        await api.call("POST", "/instances", 202, {**LOBBY, "name": f"lobby-{region}", "region": region, "tags": [tag]})
    await api.schedule()
    await api.call("POST", "/instances", 202, {**LOBBY, "name": "anywhere", "autostart": False})
    return api


async def _user(world: World, role: Role = Role.OPERATOR, scope: Any = EU, name: str = "eva") -> httpx2.AsyncClient:
    body = {"name": name, "password": PASSWORD, "role": role.value, "scope": scope}
    made = await world.acting(Role.ADMIN).post("/users", json=body)
    assert made.status_code == 201, made.text
    login = await world.client().post("/login", json={"name": name, "password": PASSWORD})
    return world.client(login.json()["token"])


async def _names(client: httpx2.AsyncClient, path: str) -> list[str]:
    return [each["name"] for each in (await client.get(path)).json()["items"]]


async def test_a_name_that_is_none_is_answered_with_names_one_may_know(api: Api) -> None:
    eva, admin = await _user(api.world), api.world.acting(Role.ADMIN)
    for client, path, near in (
        (admin, "/instances/loby-us", "lobby-us, lobby-eu"),
        (eva, "/instances/loby-us", "lobby-eu"),
        (admin, "/nodes/nemoo", "nemo"),
    ):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert answer.json()["detail"].endswith(f"; the nearest are {near}."), answer.text
    for path in ("/nodes/nemoo", "/nodes/%25", "/instances/_obby-eu", f"/instances/{'l' * 3000}"):
        assert "nearest" not in (await eva.get(path)).json()["detail"]


async def test_lists_show_the_part_only(api: Api) -> None:
    eva = await _user(api.world)
    assert await _names(eva, "/instances") == ["lobby-eu"]
    assert await _names(eva, "/nodes") == ["octo"]
    status = (await eva.get("/status")).json()
    assert sum(status["instances"].values()) == sum(status["nodes"].values()) == 1
    assert status["templates"] == 1, "templates are everybody's"
    assert (await eva.get("/me")).json()["scope"] == [{"regions": ["eu"], "tags": [], "others": []}]


async def test_tags_limit_like_regions_and_both_together(api: Api) -> None:
    ssd = await _user(api.world, scope={"tags": ["ssd", "nvme"]})
    assert await _names(ssd, "/instances") == ["lobby-eu"]
    both = await _user(api.world, scope={"regions": ["us"], "tags": ["ssd"]}, name="bob")
    assert await _names(both, "/instances") == await _names(both, "/nodes") == []
    case = await _user(api.world, scope={"tags": ["SSD"]}, name="cat")
    assert await _names(case, "/instances") == []


async def test_what_single_sign_on_grants_twice_is_not_mixed(api: Api) -> None:
    """`ssd` in one region and `hdd` in the other: neither `hdd` in the first nor `ssd` in the second."""
    eva = await _user(api.world, name="eva")
    for name, region, tag in (("eu-hdd", "eu", "hdd"), ("us-ssd", "us", "ssd")):
        body = {**LOBBY, "name": name, "region": region, "tags": [tag], "autostart": False}
        await api.call("POST", "/instances", 202, body)
    granted = {"regions": ["eu"], "tags": ["ssd"], "others": [{"regions": ["us"], "tags": ["hdd"]}]}
    async with api.world.database.write() as session:
        user = await get_user(session, "eva", lock=True)
        user.scope = granted
    assert sorted(await _names(eva, "/instances")) == ["lobby-eu", "lobby-us"]
    assert (await eva.get("/instances/eu-hdd")).status_code == 404
    body = {**LOBBY, "name": "mine", "region": "us", "tags": ["ssd"]}
    assert (await eva.post("/instances", json=body)).json()["code"] == "out_of_scope"
    assert (await eva.post("/instances", json={**body, "tags": ["hdd"]})).status_code == 202
    assert (await eva.get("/me")).json()["scope"] == [granted]


async def test_every_route_about_one_thing_hides_what_lies_outside(api: Api) -> None:
    eva = await _user(api.world)
    outside = {"{instance}": "lobby-us", "{node}": "nemo"}
    found: dict[str, tuple[int, str]] = {}
    for route in mounted_routes(api.world.app):
        least = TABLE[route.method, route.path]
        for parameter, name in outside.items():
            if parameter in route.path and least is not Role.ADMIN:
                path = route.path.replace(parameter, name)
                answer = await eva.request(route.method, path, json=BODIES.get(route.path, {}))
                found[f"{route.method} {path}"] = (answer.status_code, answer.json()["code"])
    assert len(found) > 15
    wrong = {path: got for path, got in found.items() if got[0] != 404 or not got[1].endswith("_not_found")}
    assert wrong == {}
    assert api.answering.asked == [], "no node outside was asked anything"


BODIES: dict[str, dict[str, Any]] = {
    "/instances/{instance}/console": {"line": "stop"},
    "/nodes/{node}/dev-mode": {"enabled": True},
}


async def test_charts_and_crashes_are_those_of_the_part(api: Api) -> None:
    eva = await _user(api.world)
    history = await eva.get("/history")
    assert (history.status_code, history.json()["series"]["players"]) == (200, [])
    assert "api_count" not in history.json()["series"], "answer times are everybody's"
    assert (await eva.get("/crashes")).json()["items"] == (await eva.get("/crashes/groups")).json()["items"] == []


async def test_what_concerns_everybody_is_refused(api: Api) -> None:
    eva = await _user(api.world)
    for method, path in (("PATCH", "/templates/base"), ("DELETE", "/templates/base/versions/1")):
        refused = await eva.request(method, path, json={})
        assert (refused.status_code, refused.json()["code"]) == (403, "needs_everything")
        assert "region eu" in refused.json()["detail"]


def test_a_route_nobody_thought_of_is_closed_to_who_may_a_part_only() -> None:
    assert not open_to_scoped("GET", "/something-new")
    assert not open_to_scoped("POST", "/templates/{template_id}/versions/{version}/uploads")
    assert not open_to_scoped("GET", "/methods")
    assert open_to_scoped("GET", "/instances/{instance}/something-new")


async def test_inside_everything_the_role_allows_works(api: Api) -> None:
    eva = await _user(api.world)
    assert (await eva.post("/instances/lobby-eu/stop")).status_code == 202
    assert (await eva.post("/nodes/octo/cordon")).status_code == 202
    assert (await eva.get("/instances/lobby-eu/explain")).json()["nodes"][0]["node"] == "octo"
    assert len((await eva.get("/instances/lobby-eu/explain")).json()["nodes"]) == 1
    vic = await _user(api.world, Role.VIEWER, name="vic")
    assert (await vic.get("/instances/lobby-eu")).status_code == 200
    assert (await vic.post("/instances/lobby-eu/stop")).json()["code"] == "forbidden"


@pytest.mark.parametrize(("region", "status"), [("eu", 202), ("us", 403), (None, 403)])
async def test_what_is_made_must_lie_inside(api: Api, region: str | None, status: int) -> None:
    eva = await _user(api.world)
    answer = await eva.post("/instances", json={**LOBBY, "name": "new", "region": region})
    assert answer.status_code == status, answer.text
    assert (answer.json().get("code") == "out_of_scope") is (status == 403)
    everybody = await _names(api.client, "/instances")
    assert ("new" in everybody) is (status == 202)


async def test_nothing_is_moved_out(api: Api) -> None:
    eva = await _user(api.world)
    assert (await eva.patch("/instances/lobby-eu", json={"region": "us"})).json()["code"] == "out_of_scope"
    assert (await eva.patch("/nodes/octo", json={"region": "us"})).json()["code"] == "out_of_scope"
    assert (await eva.patch("/nodes/octo", json={"tags": ["nvme"]})).status_code == 200
    assert (await api.client.get("/instances/lobby-eu")).json()["region"] == "eu"


async def test_names_are_taken_also_outside(api: Api) -> None:
    eva = await _user(api.world)
    answer = await eva.post("/instances", json={**LOBBY, "name": "lobby-us", "region": "eu"})
    assert answer.json()["code"] == "name_taken"
    assert (await eva.patch("/nodes/octo", json={"name": "nemo"})).json()["code"] == "node_name_taken"


async def test_what_others_hold_of_a_node_counts_though_it_is_not_seen(api: Api) -> None:
    await api.call("PATCH", "/instances/lobby-eu", 202, {"tags": []})
    tagged = await _user(api.world, scope={"tags": ["ssd"]})
    assert await _names(tagged, "/instances") == []
    (octo,) = (await tagged.get("/nodes")).json()["items"]
    assert octo["reserved"]["slots"] == 1, octo["reserved"]


async def test_events_are_those_of_what_is_seen(api: Api) -> None:
    eva = await _user(api.world)
    subjects = {(each["subject_kind"], each["data"].get("name")) for each in (await eva.get("/events")).json()["items"]}
    assert ("instance", "lobby-eu") in subjects
    assert {name for kind, name in subjects if kind == "instance"} == {"lobby-eu"}
    assert (await eva.get("/audit")).json()["code"] == "forbidden"


async def test_the_live_feed_passes_over_what_lies_outside_without_waiting(api: Api) -> None:
    eva = await _user(api.world)
    async with eva.stream("GET", "/events", headers={"Accept": "text/event-stream"}) as response:
        lines = response.aiter_lines()
        assert await anext(lines) == ": open"
        await api.call("POST", "/instances/lobby-us/stop", 202)
        await api.call("POST", "/instances/lobby-eu/stop", 202)
        data = await asyncio.wait_for(_data(lines), 10)
    assert data["data"]["name"] == "lobby-eu"


async def _data(lines: AsyncIterator[str]) -> Any:
    async for line in lines:
        if line.startswith("data: "):
            return json.loads(line.removeprefix("data: "))
    return None


async def test_a_changed_scope_counts_at_once_and_ends_what_is_live(api: Api) -> None:
    eva = await _user(api.world)
    async with eva.stream("GET", "/events", headers={"Accept": "text/event-stream"}) as response:
        lines = response.aiter_lines()
        assert await anext(lines) == ": open"
        changed = await api.world.acting(Role.ADMIN).patch("/users/eva", json={"scope": {"regions": ["us"]}})
        assert changed.json()["scope"] == {"regions": ["us"], "tags": [], "others": []}
        [said] = [line async for line in lines if line.startswith("data")]
        assert '"code":"rights_changed"' in said
    assert await _names(eva, "/instances") == ["lobby-us"]
    await api.world.acting(Role.ADMIN).patch("/users/eva", json={"scope": {}})
    assert len(await _names(eva, "/instances")) == 3


async def test_an_admin_cannot_be_limited(api: Api) -> None:
    admin = api.world.acting(Role.ADMIN)
    body = {"name": "eva", "password": PASSWORD, "role": "admin", "scope": EU}
    assert (await admin.post("/users", json=body)).json()["code"] == "scoped_admin"
    await _user(api.world)
    assert (await admin.patch("/users/eva", json={"role": "admin"})).json()["code"] == "scoped_admin"
    assert (await admin.patch("/users/eva", json={"role": "admin", "scope": {}})).status_code == 200


async def test_tokens_can_only_narrow(api: Api) -> None:
    eva = await _user(api.world, scope={"regions": ["eu", "us"]})
    made = (await eva.post("/me/tokens", json={"name": "us", "scope": {"regions": ["us", "asia"]}})).json()
    token = api.world.client(made["token"])
    assert await _names(token, "/instances") == ["lobby-us"]
    child = (await token.post("/me/tokens", json={"name": "child", "scope": {"regions": ["eu", "us"]}})).json()
    assert await _names(api.world.client(child["token"]), "/instances") == ["lobby-us"]
    plain = (await token.post("/me/tokens", json={"name": "plain"})).json()
    assert await _names(api.world.client(plain["token"]), "/instances") == ["lobby-us"]
    await api.world.acting(Role.ADMIN).patch("/users/eva", json={"scope": EU})
    assert await _names(token, "/instances") == []


async def test_an_admins_token_can_be_limited_with_a_lesser_role(api: Api) -> None:
    admin = api.world.acting(Role.ADMIN)
    refused = await admin.post("/me/tokens", json={"name": "bot", "scope": EU})
    assert refused.json()["code"] == "scoped_admin"
    body = {"name": "bot", "scope": EU, "role": "operator", "expires_at": _soon(api.world)}
    bot = api.world.client((await admin.post("/me/tokens", json=body)).json()["token"])
    assert await _names(bot, "/instances") == ["lobby-eu"]


def _soon(world: World) -> str:
    return (world.clock.now() + timedelta(days=1)).isoformat()
