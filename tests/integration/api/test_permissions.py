"""The table of permissions holds on every route of the whole API, for every role and for strangers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI

from hytopus.brain.accounts.permissions import TABLE, PermissionTableMismatch, open_to_scoped, permissions_of
from hytopus.brain.accounts.roles import Role
from hytopus.brain.db.engine import Database
from hytopus.brain.http.routing import PREFIX, MountedRoute, UnguardedRoute, mounted_routes
from hytopus.storage.memory import MemoryStore
from tests.integration.api.clock import StepClock
from tests.integration.api.whole import open_whole
from tests.integration.api.world import PASSWORD, World


@pytest.fixture
async def world(sqlite: Database, store: MemoryStore, clock: StepClock, tmp_path: Path) -> AsyncIterator[World]:
    async with open_whole(sqlite, store, clock, tmp_path) as opened:
        yield opened


def _routes(world: World) -> list[MountedRoute]:
    """Every route, logout last: it ends the login the others are tried with."""
    return sorted(mounted_routes(world.app), key=lambda route: route.path == "/logout")


async def test_every_route_admits_its_role_and_those_above_it_only(world: World) -> None:
    routes = _routes(world)
    assert len(routes) == len(TABLE) > 50
    wrong: list[str] = []
    for role in (None, *Role):
        client = world.acting(role) if role else world.client()
        for route in routes:
            path = re.sub(r"\{\w+\}", "nothing-like-it", route.path)
            status = (await client.request(route.method, path, json={})).status_code
            expected = _expected(TABLE[route.method, route.path], role)
            if (status if status in (401, 403) else 200) != expected:
                wrong.append(f"{role} {route.method} {route.path}: {status}, not {expected}")
            if status >= 500 and status != 503:
                wrong.append(f"{role} {route.method} {route.path}: {status}")
    assert wrong == []


async def test_who_is_limited_to_a_part_enters_only_what_the_table_opens_to_such_people(world: World) -> None:
    body = {"name": "eva", "password": PASSWORD, "role": "operator", "scope": {"regions": ["eu"]}}
    assert (await world.acting(Role.ADMIN).post("/users", json=body)).status_code == 201
    login = await world.client().post("/login", json={"name": "eva", "password": PASSWORD})
    eva = world.client(login.json()["token"])
    wrong: list[str] = []
    for route in _routes(world):
        path = re.sub(r"\{\w+\}", "nothing-like-it", route.path)
        status = (await eva.request(route.method, path, json={})).status_code
        least = TABLE[route.method, route.path]
        scoped = least is None or open_to_scoped(route.method, route.path)
        expected = 403 if not scoped else _expected(least, Role.OPERATOR)
        if (status if status in (401, 403) else 200) != expected:
            wrong.append(f"{route.method} {route.path}: {status}, not {expected}")
    assert wrong == []


def _expected(least: Role | None, role: Role | None) -> int:
    if least is None:
        return 200
    if role is None:
        return 401
    return 200 if role.includes(least) else 403


@pytest.mark.parametrize(
    ("method", "path", "least"),
    [
        ("POST", "/users", Role.ADMIN),
        ("POST", "/nodes/join-tokens", Role.ADMIN),
        ("DELETE", "/nodes/{node}", Role.ADMIN),
        ("POST", "/instances", Role.OPERATOR),
        ("POST", "/instances/{instance}/console", Role.OPERATOR),
        ("POST", "/nodes/{node}/drain", Role.OPERATOR),
        ("GET", "/instances", Role.VIEWER),
    ],
)
def test_the_roles_are_those_of_the_specification(method: str, path: str, least: Role) -> None:
    assert TABLE[method, path] is least


def test_only_reading_is_open_to_viewers_beside_their_own_account() -> None:
    changing = {key for key, least in TABLE.items() if key[0] != "GET" and least in (None, Role.VIEWER)}
    own = {path for _, path in changing if path.startswith("/me") or path in ("/login", "/logout", "/oidc/logout")}
    looking = {"/instances/{instance}/upgrade/plan", "/instances/{instance}/upgrade/plan/content", "/instances/preview"}
    looking |= {f"/instances/preview/{what}" for what in ("files", "configs", "content")}
    assert {path for _, path in changing} - own == looking


def test_a_route_without_a_row_and_a_row_without_a_route_stop_the_build() -> None:
    route = MountedRoute("GET", "/new", lambda: None)
    with pytest.raises(PermissionTableMismatch, match=r"without a permission: GET /new\. .*without a route: POST /old"):
        permissions_of([route], {("POST", "/old"): Role.ADMIN})


def test_a_router_that_would_not_ask_stops_the_build() -> None:
    app, plain = FastAPI(), APIRouter()
    plain.add_api_route("/open", lambda: None)
    app.include_router(plain, prefix=PREFIX)
    with pytest.raises(UnguardedRoute, match="/api/v1/open would be open to everybody"):
        list(mounted_routes(app))


async def test_the_description_of_the_api_is_complete(world: World) -> None:
    client = world.client()
    document = (await client.get(f"{world.url}/openapi.json")).json()
    described = [operation for path in document["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in described]
    assert sorted(ids) == sorted(route.name for route in _routes(world))
    assert "Problem" in document["components"]["schemas"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert all({"401", "403", "422"} <= operation["responses"].keys() for operation in described)
    assert all(operation["summary"] for operation in described)


async def test_health_and_metrics_need_no_login(world: World, store: MemoryStore) -> None:
    client = world.client()
    assert (await client.get(f"{world.url}/healthz")).json() == {"status": "ok"}
    assert (await client.get(f"{world.url}/readyz")).status_code == 200
    await world.acting(Role.VIEWER).get("/instances/nothing-like-it")
    metrics = (await client.get(f"{world.url}/metrics")).text
    route = 'hytopus_http_request_seconds_count{method="GET",route="/api/v1/instances/{instance}",status="404"} 1.0'
    for line in (route, 'hytopus_nodes{state="online"} 0.0', 'hytopus_instances{state="running"} 0.0'):
        assert line in metrics
    assert 'hytopus_s3_requests_total{operation="head_bucket",outcome="ok"} 1.0' in metrics
    status = (await world.acting(Role.VIEWER).get("/status")).json()
    assert (status["nodes"]["online"], status["instances"]["failed"], status["templates"]) == (0, 0, 0)
