"""Group commits: every unit stands or falls alone, and is durable once it returns."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hytopus.brain.activity.commands import record
from hytopus.brain.activity.models import Event
from hytopus.brain.db.engine import Database
from tests.harness.database import database, sqlite, sqlite_url

__all__ = ["database", "sqlite"]


async def _write(database: Database, subject: str, *, fail: bool = False) -> None:
    async with database.write() as session:
        record(session, "test.happened", subject=("system", subject), message="", at=datetime.now(UTC))
        if fail:
            await session.flush()
            raise ValueError(subject)


async def _count(database: Database) -> int:
    async with database.read() as session:
        return (await session.execute(select(func.count()).select_from(Event))).scalar_one()


async def test_a_failing_unit_takes_no_other_with_it(database: Database) -> None:
    results = await asyncio.gather(
        *(_write(database, str(number), fail=number % 3 == 0) for number in range(60)), return_exceptions=True
    )
    assert sum(isinstance(result, ValueError) for result in results) == 20
    assert await _count(database) == 40


async def test_a_cancelled_unit_leaves_the_writer_usable(database: Database) -> None:
    tasks = [asyncio.create_task(_write(database, str(number))) for number in range(40)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    done = sum(result is None for result in results)
    assert done >= 20
    await _write(database, "afterwards")
    assert await _count(database) >= done + 1


async def test_signals_fire_only_after_the_commit_and_never_for_a_rollback(database: Database) -> None:
    with database.signals.subscribe("event") as subscription:
        await _write(database, "kept")
        with pytest.raises(ValueError, match="lost"):
            await _write(database, "lost", fail=True)
        assert [event.subject_id for event in subscription.drain()] == ["kept"]


async def test_what_returned_is_on_disk(sqlite: Database, tmp_path: Path) -> None:
    await asyncio.gather(*(_write(sqlite, str(number)) for number in range(100)))
    with sqlite3.connect(sqlite_url(tmp_path).removeprefix("sqlite:///")) as other:
        assert other.execute("SELECT count(*) FROM events").fetchone() == (100,)
    other.close()
