"""Many like instances by one request, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from hytopus.brain.accounts.roles import Role
from hytopus.brain.activity.chain import verify
from hytopus.brain.activity.models import AuditRecord, Event
from hytopus.brain.db.engine import Database
from hytopus.brain.instances.api import router as instances
from hytopus.brain.instances.batch_api import router as batches
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.schemas.asked import MOST_AT_ONCE
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.storage.memory import MemoryStore
from tests.harness.factories import add, make_template
from tests.integration.api.clock import StepClock
from tests.integration.api.world import open_world


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    clock = StepClock()
    extra = {
        "presence": Presence(NodeSettings(), clock, database.signals),
        "instance_settings": InstanceSettings(),
    }
    await add(database, *make_template(game="stand-in"))
    async with open_world(database, MemoryStore(clock), clock, more=(instances, batches), extra=extra) as world:
        yield world.acting(Role.OPERATOR)


async def ask(client: httpx2.AsyncClient, names: list[str], key: str = "", **more: Any) -> httpx2.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post("/instances/batch", json={"layers": ["base"], "names": names, **more}, headers=headers)


async def all_of(database: Database, what: Any) -> list[Any]:
    async with database.read() as session:
        return list(await session.scalars(select(what).order_by(what.id)))


async def test_each_has_its_own_row_event_and_record_in_one_transaction(
    client: httpx2.AsyncClient, database: Database
) -> None:
    names = [f"arena-{number}" for number in range(MOST_AT_ONCE)]
    answer = await ask(client, names, memory_mb=256, metadata={"mode": "arena"})
    assert (answer.status_code, answer.json()["created"]) == (202, MOST_AT_ONCE)
    assert [each["name"] for each in answer.json()["items"]] == names
    rows = await all_of(database, Instance)
    assert {(row.memory_mb, row.details["mode"], row.state.value) for row in rows} == {(256, "arena", "requested")}
    created = [event for event in await all_of(database, Event) if event.kind == "instance.created"]
    assert {event.subject_id for event in created} == {row.id for row in rows}
    records = [record for record in await all_of(database, AuditRecord) if record.action == "instance.created"]
    assert [record.target for record in records] == names
    assert (await verify(database)).broken is None


async def test_a_name_that_cannot_be_given_away_keeps_none_of_the_others_from_it(client: httpx2.AsyncClient) -> None:
    await ask(client, ["taken"])
    answer = (await ask(client, ["taken", "one", "Not A Name", "one", "two"])).json()
    problems = [each["problem"] and each["problem"]["code"] for each in answer["items"]]
    assert problems == ["name_taken", None, "bad_instance_name", "name_taken", None]
    assert answer["created"] == 2
    listed = (await client.get("/instances")).json()["items"]
    assert [each["name"] for each in listed] == ["one", "taken", "two"]


async def test_the_same_key_makes_them_once(client: httpx2.AsyncClient, database: Database) -> None:
    first, again = await ask(client, ["a", "b"], "k"), await ask(client, ["a", "b"], "k")
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert (await ask(client, ["a", "c"], "k")).json()["code"] == "idempotency_conflict"
    assert len(await all_of(database, Instance)) == 2


async def test_what_is_wrong_with_all_of_them_is_refused_before_any_exists(
    client: httpx2.AsyncClient, database: Database
) -> None:
    assert (await ask(client, ["a"], layers=["nothing"])).json()["code"] == "template_not_found"
    assert (await ask(client, ["a"], variables={"MOTTD": "hi"})).json()["code"] == "undeclared_variable"
    assert (await ask(client, [])).json()["code"] == "invalid_request"
    assert (await ask(client, [f"a-{number}" for number in range(MOST_AT_ONCE + 1)])).status_code == 422
    assert await all_of(database, Instance) == []


async def test_two_who_want_the_same_names_at_once_get_each_of_them_once(
    client: httpx2.AsyncClient, database: Database
) -> None:
    names = [f"arena-{number}" for number in range(20)]
    answers = await asyncio.gather(ask(client, names), ask(client, names[::-1]))
    codes = {answer.json().get("code", "done") for answer in answers}
    assert codes <= {"done", "names_taken_meanwhile"}
    assert sorted(row.name for row in await all_of(database, Instance)) == sorted(names)
