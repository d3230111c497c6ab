"""Creations that come at the same time share a transaction, and nobody can tell by the answers."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from hytopus.brain.activity.chain import verify
from hytopus.brain.activity.models import AuditRecord, Event
from hytopus.brain.db.engine import Database
from hytopus.brain.instances.models import Instance
from tests.integration.brain.test_batches import all_of
from tests.integration.brain.test_batches import client as client


async def ask(client: httpx2.AsyncClient, name: str, *, key: str = "", **more: Any) -> httpx2.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post("/instances", json={"name": name, "layers": ["base"], **more}, headers=headers)


@pytest.fixture
def counted(database: Database) -> list[float]:
    """How long each transaction took: as many as there were."""
    seen: list[float] = []
    database.observe_write = seen.append
    return seen


async def test_many_at_once_take_few_transactions_and_leave_all_that_one_leaves(
    client: httpx2.AsyncClient, database: Database, counted: list[float]
) -> None:
    await ask(client, "before")
    counted.clear()
    answers = await asyncio.gather(*(ask(client, f"arena-{n}", key=f"k{n}", memory_mb=100 + n % 2) for n in range(24)))
    assert {answer.status_code for answer in answers} == {202}
    assert len(counted) < 24
    rows = {row.name: row for row in await all_of(database, Instance)}
    for number, answer in enumerate(answers):
        row = rows[f"arena-{number}"]
        assert (
            (answer.json()["id"], answer.json()["memory_mb"]) == (row.id, row.memory_mb) == (row.id, 100 + number % 2)
        )
        assert row.origin == answer.headers["x-request-id"]
    created = [event for event in await all_of(database, Event) if event.kind == "instance.created"]
    assert {(event.subject_id, event.request_id) for event in created} == {
        (row.id, row.origin) for row in rows.values()
    }
    records = [each for each in await all_of(database, AuditRecord) if each.action == "instance.created"]
    assert sorted((each.target, each.request_id) for each in records) == sorted(
        (r.name, r.origin) for r in rows.values()
    )
    assert (await verify(database)).broken is None
    again = await asyncio.gather(*(ask(client, f"arena-{n}", key=f"k{n}", memory_mb=100 + n % 2) for n in range(24)))
    assert [answer.content for answer in again] == [answer.content for answer in answers]


async def test_what_is_wrong_with_one_is_no_other_ones_trouble(client: httpx2.AsyncClient, database: Database) -> None:
    await ask(client, "taken")
    await ask(client, "known", key="used")
    found = await asyncio.gather(
        ask(client, "one"),
        ask(client, "taken"),
        ask(client, "Not A Name"),
        ask(client, "two", layers=["nothing"]),
        ask(client, "three", variables={"MOTTD": "hi"}),
        ask(client, "four", key="used"),
        ask(client, "twin"),
        ask(client, "twin"),
        ask(client, "five", key="same"),
        ask(client, "five", key="same"),
        ask(client, "six"),
    )
    codes = [answer.json().get("code", "created") for answer in found]
    assert codes[:6] == [
        "created",
        "name_taken",
        "bad_instance_name",
        "template_not_found",
        "undeclared_variable",
        "idempotency_conflict",
    ]
    assert sorted(codes[6:8]) == ["created", "name_taken"]
    assert codes[8:] == ["created", "created", "created"]
    assert found[8].json()["id"] == found[9].json()["id"]
    names = sorted(row.name for row in await all_of(database, Instance))
    assert names == ["five", "known", "one", "six", "taken", "twin"]
    refused = {each.outcome for each in await all_of(database, AuditRecord)}
    assert refused >= {"name_taken", "bad_instance_name", "template_not_found", "idempotency_conflict"}
