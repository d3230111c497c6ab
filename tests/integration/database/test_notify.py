"""Signals between two Brains on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hytopus.brain.db.engine import Database
from hytopus.brain.db.notify import carry_signals
from hytopus.brain.db.signals import Signals, Subscription, signal
from hytopus.kit.clock import SystemClock
from tests.services.postgres import PostgresServer

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def listening(url: str, holder: str) -> AsyncIterator[Database]:
    async with Database.open(url, Signals()) as database:
        with database.signals.subscribe("event") as connected:
            task = asyncio.create_task(carry_signals(database, holder, SystemClock()))
            await connected.get()
        yield database
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def commit(database: Database, topic: str, value: Any = None) -> None:
    async with database.write() as session:
        signal(session, topic, value)


async def until(subscription: Subscription, value: Any) -> None:
    async with asyncio.timeout(10):
        while await subscription.get() != value:
            pass


async def test_a_commit_wakes_the_other_brain_and_itself_once(postgres: str) -> None:
    async with listening(postgres, "a") as first, listening(postgres, "b") as second:
        with first.signals.subscribe("node") as own, second.signals.subscribe("node") as other:
            await commit(first, "node", "n1")
            await until(other, "n1")
            await commit(second, "node", "n2")
            await until(own, "n2")
            assert own.drain() == []


async def test_what_concerns_one_brain_stays_there_and_objects_travel_without_their_value(postgres: str) -> None:
    async with listening(postgres, "a") as first, listening(postgres, "b") as second:
        with second.signals.subscribe("instance") as instances, second.signals.subscribe("event") as events:
            await commit(first, "instance", "i")
            await commit(first, "event", object())
            await until(events, None)
            assert instances.drain() == []


async def test_thousands_of_signals_travel_in_few_notifications(postgres: str) -> None:
    async with listening(postgres, "a") as first, listening(postgres, "b") as second:
        with second.signals.subscribe("node") as other:
            async with first.write() as session:
                for number in range(3000):
                    signal(session, "node", f"{number:016}")
            await until(other, f"{2999:016}")


async def test_after_a_lost_connection_everybody_is_told_to_look(
    postgres: str, postgres_server: PostgresServer
) -> None:
    async with listening(postgres, "a") as first, listening(postgres, "b") as second:
        with second.signals.subscribe("node") as other:
            others = f"datname = '{postgres.rpartition('/')[2]}' and pid <> pg_backend_pid()"
            kill = f"select pg_terminate_backend(pid) from pg_stat_activity where {others}"
            await asyncio.to_thread(postgres_server.sql, kill)
            await until(other, None)

            await commit(first, "node", "n1")
            while "n1" not in await other.wait(SystemClock(), 0.2):
                await commit(first, "node", "n1")
