"""Where a user is logged in, and ending that."""

from __future__ import annotations

from typing import Any

from hytopus.brain.accounts.roles import Role
from tests.integration.api.world import PASSWORD, World


async def _login(world: World, client: str) -> str:
    body = {"name": "operator", "password": PASSWORD}
    answer = await world.client().post("/login", json=body, headers={"User-Agent": client})
    return str(answer.json()["token"])


async def _sessions(world: World, token: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await world.client(token).get("/me/sessions")).json()
    return listed


async def test_logins_are_listed_with_where_they_are_used(world: World) -> None:
    token = await _login(world, "Firefox")
    world.clock.advance(3600)
    made = await world.client(token).post("/me/tokens", json={"name": "ci"})
    assert made.status_code == 201
    (mine,) = [each for each in await _sessions(world, token) if each["current"]]
    assert (mine["client"], mine["last_address"], mine["hint"]) == ("Firefox", "127.0.0.1", token[:8])
    assert mine["last_used_at"] > mine["created_at"]
    assert {each["client"] for each in await _sessions(world, token)} == {"Firefox", "login"}


async def test_one_login_can_be_ended_from_another(world: World) -> None:
    here, lost = await _login(world, "Firefox"), await _login(world, "Lost phone")
    (phone,) = [each for each in await _sessions(world, here) if each["client"] == "Lost phone"]
    assert (await world.client(here).delete(f"/me/sessions/{phone['id']}")).status_code == 204
    assert (await world.client(lost).get("/me")).status_code == 401
    assert (await world.client(here).get("/me")).status_code == 200


async def test_nobody_ends_the_logins_of_others(world: World) -> None:
    token = await _login(world, "Firefox")
    (mine,) = [each for each in await _sessions(world, token) if each["current"]]
    refused = await world.acting(Role.VIEWER).delete(f"/me/sessions/{mine['id']}")
    assert refused.json()["code"] == "token_not_found"
    assert (await world.acting(Role.VIEWER).delete("/users/operator/sessions")).json()["code"] == "forbidden"
    assert (await world.client(token).get("/me")).status_code == 200


async def test_all_others_can_be_ended_at_once(world: World) -> None:
    here, there = await _login(world, "Firefox"), await _login(world, "Elsewhere")
    api = (await world.client(here).post("/me/tokens", json={"name": "ci"})).json()["token"]
    assert (await world.client(here).delete("/me/sessions")).status_code == 204
    assert (await world.client(there).get("/me")).status_code == 401
    assert (await world.client(api).get("/me")).status_code == 200
    assert [each["client"] for each in await _sessions(world, here)] == ["Firefox"]


async def test_an_admin_ends_all_logins_of_a_user(world: World) -> None:
    token = await _login(world, "Firefox")
    assert (await world.acting(Role.ADMIN).delete("/users/operator/sessions")).status_code == 204
    assert (await world.client(token).get("/me")).status_code == 401
    (entry,) = await world.audit(action="session.end_all")
    assert (entry["actor_name"], entry["target"]) == ("admin", "user:operator")
