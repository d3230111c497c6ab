"""What every route has in common: problems, request ids, paging, idempotency, limits."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Annotated, ClassVar

import pytest
from fastapi import Query, Request
from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from hytopus.brain.accounts.dependencies import ActorDep
from hytopus.brain.accounts.roles import Role
from hytopus.brain.activity.commands import audit, record
from hytopus.brain.activity.models import Event
from hytopus.brain.db.engine import Database
from hytopus.brain.http.dependencies import ClockDep, CreationDep, ReadDep, WriteDep
from hytopus.brain.http.paging import Page, PageDep
from hytopus.brain.http.routing import feature_router
from hytopus.brain.http.schemas import Schema
from hytopus.errors import HytopusError
from hytopus.storage.memory import MemoryStore
from tests.integration.api.clock import StepClock
from tests.integration.api.world import World, open_world

router = feature_router("things")


class Explosion(HytopusError):
    code: ClassVar[str] = "explosion"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{what} exploded."
    remedy: ClassVar[str] = "Stand back from {what}."


class Thing(Schema):
    name: Annotated[str, Field(max_length=20)]
    size: int = 1


@router.post("/things", status_code=202)
async def make_thing(body: Thing, session: CreationDep, actor: ActorDep, clock: ClockDep) -> dict[str, str]:
    record(session, "thing.made", subject=("thing", body.name), message="Made.", at=clock.now(), actor=actor)
    if body.name == "bomb":
        raise Explosion(what="the bomb")
    if body.name == "bug":
        raise RuntimeError("a bug")
    if body.name == "blackout":
        raise OperationalError("INSERT", {}, OSError("disk gone"))
    return {"made": body.name}


@router.put("/things/{name}")
async def change_thing(name: str, session: WriteDep, actor: ActorDep, clock: ClockDep) -> None:
    audit(session, actor, "thing.change", name, at=clock.now(), before={"a": 1}, after={"a": 2})


@router.get("/things")
async def list_things(session: ReadDep, page: PageDep, down: Annotated[bool, Query()] = False) -> Page[str]:
    rows, next_cursor = await page.keyset(session, select(Event), Event.at, Event.id, descending=down)
    return Page(items=[row.subject_id for row in rows], next_cursor=next_cursor)


TABLE = {("POST", "/things"): Role.OPERATOR, ("PUT", "/things/{name}"): Role.OPERATOR, ("GET", "/things"): Role.VIEWER}


@pytest.fixture
async def world(database: Database, store: MemoryStore, clock: StepClock) -> AsyncIterator[World]:
    async with open_world(database, store, clock, more=[router], table=TABLE) as opened:
        yield opened


async def _events(world: World) -> int:
    async with world.database.read() as session:
        return await session.scalar(select(func.count()).select_from(Event)) or 0


async def test_a_problem_names_the_thing_and_the_remedy(world: World) -> None:
    answer = await world.acting(Role.OPERATOR).post("/things", json={"name": "bomb"})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:hytopus:problem:explosion",
        "title": "Explosion",
        "status": 409,
        "detail": "the bomb exploded.",
        "code": "explosion",
        "remedy": "Stand back from the bomb.",
        "params": {"what": "the bomb"},
        "retryable": False,
        "request_id": answer.headers["x-request-id"],
    }


async def test_a_refused_change_leaves_nothing_but_its_audit_record(world: World) -> None:
    await world.acting(Role.OPERATOR).post("/things", json={"name": "bomb"})
    assert await _events(world) == 0
    (entry,) = await world.audit(action="make_thing")
    assert (entry["outcome"], entry["actor_name"], entry["target"]) == ("explosion", "operator", "/api/v1/things")


async def test_every_change_leaves_exactly_one_audit_record(world: World) -> None:
    operator = world.acting(Role.OPERATOR)
    await operator.post("/things", json={"name": "plain"})
    await operator.put("/things/plain")
    await operator.post("/things", json={"nam": "x"})
    await world.acting(Role.VIEWER).post("/things", json={"name": "plain"})
    records = [(r["action"], r["outcome"], r["actor_name"]) for r in await world.audit()][-4:]
    assert records == [
        ("make_thing", "done", "operator"),
        ("thing.change", "done", "operator"),
        ("make_thing", "invalid_request", "operator"),
        ("make_thing", "forbidden", "viewer"),
    ]


async def test_strangers_cannot_fill_the_audit_log(world: World) -> None:
    stranger = world.client()
    for _ in range(25):
        assert (await stranger.post("/things", json={})).status_code == 401
    assert len(await world.audit(actor="anonymous")) == 20


async def test_invalid_fields_are_named(world: World) -> None:
    answer = await world.acting(Role.OPERATOR).post("/things", json={"name": "x" * 21, "size": "big", "colour": 1})
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "invalid_request"
    assert {error["field"] for error in problem["errors"]} == {"name", "size", "colour"}


@pytest.mark.parametrize(
    ("content", "kind"), [("{", "application/json"), ("", "application/json"), ("name=x", "text/plain")]
)
async def test_bodies_that_are_no_json_are_refused(world: World, content: str, kind: str) -> None:
    answer = await world.acting(Role.OPERATOR).post("/things", content=content, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_unknown_paths_and_methods_are_problems_too(world: World) -> None:
    viewer = world.acting(Role.VIEWER)
    assert (await viewer.get("/nothing")).json()["code"] == "route_not_found"
    missing = await viewer.delete("/things")
    assert (missing.status_code, missing.json()["code"]) == (405, "method_not_allowed")


async def test_too_large_a_body_is_refused(world: World) -> None:
    answer = await world.acting(Role.OPERATOR).post("/things", content=b"[" + b" " * (5 << 20) + b"]")
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_bug_is_answered_and_recorded(world: World) -> None:
    answer = await world.acting(Role.OPERATOR).post("/things", json={"name": "bug"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "a bug" not in answer.text
    assert [r["outcome"] for r in await world.audit(action="make_thing")] == ["internal_error"]


async def test_a_database_that_fails_is_told_apart_from_a_bug(world: World) -> None:
    answer = await world.acting(Role.OPERATOR).post("/things", json={"name": "blackout"})
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.json()["retryable"] is True
    assert "disk gone" not in answer.text


async def test_who_may_not_is_refused_before_anything_is_read(world: World) -> None:
    answer = await world.acting(Role.VIEWER).post("/things", content="{", headers={"Content-Type": "application/json"})
    assert answer.json()["code"] == "forbidden"
    assert (await world.client().post("/things", content="{")).json()["code"] == "not_authenticated"


async def test_request_ids_are_taken_over_if_harmless(world: World) -> None:
    viewer = world.acting(Role.VIEWER)
    assert (await viewer.get("/me", headers={"X-Request-ID": "abc-1"})).headers["x-request-id"] == "abc-1"
    forged = (await viewer.get("/me", headers={"X-Request-ID": "a b\tc"})).headers["x-request-id"]
    assert len(forged) == 16


async def test_the_same_key_and_body_get_the_same_answer(world: World) -> None:
    operator = world.acting(Role.OPERATOR)
    key = {"Idempotency-Key": "k1"}
    first = await operator.post("/things", json={"name": "one"}, headers=key)
    again = await operator.post("/things", json={"name": "one"}, headers=key)
    assert (again.status_code, again.json()) == (first.status_code, first.json()) == (202, {"made": "one"})
    assert again.headers["idempotency-replayed"] == "true"
    assert await _events(world) == 1
    other = await operator.post("/things", json={"name": "two"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


async def test_twins_at_the_same_time_make_one_thing(world: World) -> None:
    operator = world.acting(Role.OPERATOR)
    key = {"Idempotency-Key": "twins"}
    answers = await asyncio.gather(*(operator.post("/things", json={"name": "one"}, headers=key) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert await _events(world) == 1


async def test_keys_belong_to_their_user_and_expire_and_failures_free_them(world: World, clock: StepClock) -> None:
    operator, admin = world.acting(Role.OPERATOR), world.acting(Role.ADMIN)
    key = {"Idempotency-Key": "k"}
    assert (await operator.post("/things", json={"name": "bomb"}, headers=key)).status_code == 409
    assert (await operator.post("/things", json={"name": "one"}, headers=key)).status_code == 202
    assert (await admin.post("/things", json={"name": "two"}, headers=key)).json() == {"made": "two"}
    clock.advance(23 * 3600)
    await operator.get("/me")
    await admin.get("/me")
    clock.advance(2 * 3600)
    assert (await operator.post("/things", json={"name": "three"}, headers=key)).json() == {"made": "three"}


@pytest.mark.parametrize("down", [False, True])
async def test_pages_hold_every_row_once(world: World, clock: StepClock, down: bool) -> None:
    operator = world.acting(Role.OPERATOR)
    for number in range(7):
        await operator.post("/things", json={"name": f"n{number}"})
        clock.advance(number % 2)  # some share a moment
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 3, "down": down} | ({"cursor": cursor} if cursor else {})
        page = (await operator.get("/things", params=params)).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    expected = [f"n{number}" for number in range(7)]
    assert seen == (expected[::-1] if down else expected)


@pytest.mark.parametrize("cursor", ["x", "bm90IGpzb24", "WzFd", "WyIyMDI2IiwgIngiXQ", "W251bGwsIDFd"])
async def test_forged_cursors_are_refused(world: World, cursor: str) -> None:
    answer = await world.acting(Role.VIEWER).get("/things", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


async def test_requests_go_without_the_garbage_collector(world: World) -> None:
    client = world.acting(Role.VIEWER)
    await client.get("/me")
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            assert (await client.get("/me")).is_success
        left = [each for each in gc.get_objects() if isinstance(each, Request)]
    finally:
        gc.enable()
    assert len(left) <= 1  # the connection keeps the last one
