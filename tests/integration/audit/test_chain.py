"""The audit log on both databases: only appended to, chained, and whoever changed it all the same is found out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hytopus.brain.accounts.roles import Role
from hytopus.brain.activity.chain import GENESIS, verify
from hytopus.brain.activity.commands import audit
from hytopus.brain.db.engine import Database
from hytopus.brain.db.migrate import migrate
from hytopus.brain.db.signals import Signals
from hytopus.storage.memory import MemoryStore
from tests.harness.clock import START
from tests.harness.database import KEYS, database
from tests.harness.factories import OPERATOR
from tests.integration.api.clock import StepClock
from tests.integration.api.world import open_world

__all__ = ["database"]

DROP = {
    "sqlite": ("DROP TRIGGER audit_records_no_update", "DROP TRIGGER audit_records_no_delete"),
    "postgresql": ("DROP TRIGGER audit_records_no_change ON audit_records",),
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def migrated(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'brain.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    async with Database.open(url, Signals(), KEYS) as opened:
        yield opened


async def write(database: Database, *targets: str) -> None:
    async with database.write() as session:
        for target in targets:
            audit(session, OPERATOR, "thing.change", target, at=START, after={"ö": [1, None, 0.1], "b": {"y": 1}})


async def fail_after_writing(database: Database) -> None:
    async with database.write() as session:
        audit(session, OPERATOR, "thing.change", "undone", at=START)
        raise RuntimeError


async def tamper(database: Database, statement: str) -> None:
    """As somebody who owns the database can."""
    async with database.writer.begin() as connection:
        for drop in DROP[database.dialect]:
            await connection.execute(text(drop))
        await connection.execute(text(statement))


async def test_records_are_chained_in_the_order_of_their_commits(database: Database) -> None:
    assert (await verify(database)).head == GENESIS
    await write(database, "a", "b")
    first = await verify(database)
    await write(database, "c")
    verdict = await verify(database, first.head)
    assert (verdict.records, verdict.broken, verdict.knows) == (3, None, True)
    assert not (await verify(database, "0" * 64)).knows


async def test_many_writers_make_one_chain(database: Database) -> None:
    async def writer(number: int) -> None:
        for each in range(5):
            await write(database, f"{number}-{each}", f"{number}-{each}-again")

    await asyncio.gather(*(writer(number) for number in range(8)))
    verdict = await verify(database)
    assert (verdict.records, verdict.broken) == (80, None)


async def test_what_is_undone_leaves_no_gap(database: Database) -> None:
    await write(database, "a")
    with pytest.raises(RuntimeError):
        await fail_after_writing(database)
    await write(database, "b")
    verdict = await verify(database)
    assert (verdict.records, verdict.broken) == (2, None)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_records SET actor_name = 'nobody'", "DELETE FROM audit_records", "TRUNCATE audit_records"],
)
async def test_the_database_refuses_to_change_it(database: Database, statement: str) -> None:
    await write(database, "a")
    if database.dialect == "sqlite" and statement.startswith("TRUNCATE"):
        statement = "DELETE FROM audit_records WHERE id = 1"
    with pytest.raises(DBAPIError, match="only ever appended to"):
        async with database.writer.begin() as connection:
            await connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "broken", "good", "cause"),
    [
        ("UPDATE audit_records SET actor_name = 'nobody' WHERE target = 'b'", 2, 1, "what it says was changed"),
        ("UPDATE audit_records SET after = '{}' WHERE target = 'c'", 3, 2, "what it says was changed"),
        ("UPDATE audit_records SET at = '2025-01-01 00:00:00' WHERE target = 'a'", 1, 0, "what it says was changed"),
        ("DELETE FROM audit_records WHERE target = 'b'", 3, 1, "the record before it is missing"),
        ("DELETE FROM audit_records WHERE target = 'a'", 2, 0, "the record before it is missing"),
        ("UPDATE audit_records SET id = id + 10 WHERE target = 'a'", 2, 0, "the record before it is missing"),
    ],
)
async def test_the_first_record_that_was_changed_is_named(
    database: Database, statement: str, broken: int, good: int, cause: str
) -> None:
    await write(database, "a", "b", "c", "d")
    await tamper(database, statement)
    verdict = await verify(database)
    assert verdict.broken is not None
    assert (verdict.broken.id, verdict.records) == (broken, good)
    assert verdict.broken.cause.startswith(cause)


async def test_an_end_that_was_cut_off_shows_against_a_head_noted_before(database: Database) -> None:
    await write(database, "a", "b")
    head = (await verify(database)).head
    await tamper(database, "DELETE FROM audit_records WHERE target = 'b'")
    verdict = await verify(database, head)
    assert (verdict.broken, verdict.knows) == (None, False)


async def test_records_of_before_the_chain_are_chained_by_the_migration(migrated: Database) -> None:
    await migrate(migrated, "0007")
    async with migrated.write() as session:
        await session.execute(
            text(
                "INSERT INTO audit_records (at, actor_kind, actor_id, actor_name, address, request_id, action, target, "
                "outcome, before, after) VALUES ('2026-01-01 12:00:00.5', 'user', 'u', 'ann', '', 'r', 'a.b', 'x', "
                "'done', '{}', '{\"b\": 1, \"a\": [0.5, \"ü\"]}')"
            )
        )
    await migrate(migrated)
    await write(migrated, "after")
    verdict = await verify(migrated)
    assert (verdict.records, verdict.broken) == (2, None)
    with pytest.raises(DBAPIError, match="only ever appended to"):
        async with migrated.writer.begin() as connection:
            await connection.execute(text("DELETE FROM audit_records"))


async def test_it_is_verified_and_exported_over_the_api(database: Database) -> None:
    clock = StepClock()
    async with open_world(database, MemoryStore(clock), clock) as world:
        await write(database, *(f"t{number}" for number in range(1200)))
        admin = world.acting(Role.ADMIN)
        verdict = (await admin.get("/audit/verify")).json()
        assert (verdict["broken"], verdict["knows"]) == (None, True)
        lines = await _lines(await admin.get("/audit/export"))
        assert len(lines) == verdict["records"]
        assert [line["id"] for line in lines] == sorted(line["id"] for line in lines)
        assert lines[-1]["hash"] == verdict["head"]
        assert len(await _lines(await admin.get("/audit/export", params={"target": "t7"}))) == 1
        for role in (Role.OPERATOR, Role.VIEWER):
            assert (await world.acting(role).get("/audit/export")).status_code == 403
        await tamper(database, "UPDATE audit_records SET target = 'x' WHERE target = 't7'")
        assert (await admin.get("/audit/verify")).json()["broken"]["cause"] == "what it says was changed"


async def _lines(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]
