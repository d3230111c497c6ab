"""The audit log as it grows: every record once, in order, from any point on."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from hytopus.brain.activity.audit_feed import BATCH, follow_audit
from hytopus.brain.activity.queries import select_audit
from hytopus.brain.db.engine import Database
from tests.harness.database import database
from tests.integration.api.clock import StepClock
from tests.integration.audit.test_chain import write
from tests.services.waiting import eventually

__all__ = ["database"]


async def test_what_was_written_comes_first_and_then_what_is(database: Database) -> None:
    await write(database, "a", "b")
    async with aclosing(follow_audit(database, StepClock(), select_audit(), after=1)) as feed:
        assert (await anext(feed)).target == "b"
        following = asyncio.ensure_future(anext(feed))
        await write(database, "c")
        async with asyncio.timeout(10):
            assert (await following).target == "c"


async def test_only_what_the_filter_wants_comes_however_much_lies_between(database: Database) -> None:
    await write(database, "a", *["x"] * BATCH, *["b"] * (BATCH + 1))
    async with aclosing(follow_audit(database, StepClock(), select_audit(target="b"), after=0)) as feed:
        ids = [(await anext(feed)).id for _ in range(BATCH + 1)]
        assert ids == sorted(set(ids))
        following = asyncio.ensure_future(anext(feed))
        await write(database, "x", "b")
        async with asyncio.timeout(10):
            assert (await following).target == "b"


async def test_without_a_point_it_begins_with_the_present(database: Database) -> None:
    await write(database, "a")
    clock = StepClock()
    async with aclosing(follow_audit(database, clock, select_audit())) as feed:
        following = asyncio.ensure_future(anext(feed))
        await eventually(lambda: clock.sleeping)
        await write(database, "b")
        async with asyncio.timeout(10):
            assert (await following).target == "b"
