"""Signals between Brains, by PostgreSQL's LISTEN and NOTIFY on a connection of their own.

What is said while the connection is down is lost; when it stands again, every travelling topic is published without a
key, so that whoever listens looks for himself. Notifications are sent after the commit they tell of, many in one
statement: inside the transactions they would make all of them commit one after the other.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from hytopus.brain.db.engine import Database
from hytopus.brain.db.signals import TRAVELLING, Signals
from hytopus.kit.backoff import backoff
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger

CHANNEL: Final = "hytopus"
_PAYLOAD_BYTES: Final = 7_900
"""PostgreSQL takes less than 8,000."""
_PING_S: Final = 5.0
_TIMEOUT_S: Final = 5.0
_MOST_WAITING: Final = 50_000

log = get_logger(__name__)

_Item = tuple[str, str | None]


async def carry_signals(database: Database, holder: str, clock: Clock) -> NoReturn:
    """Until cancelled. On SQLite there is nobody to talk to."""
    if database.dialect == "sqlite":
        await asyncio.Event().wait()
    await _Carrier(database, holder, clock).run()


class _Carrier:
    """Speaks and listens for one Brain."""

    def __init__(self, database: Database, holder: str, clock: Clock) -> None:
        self._signals: Signals = database.signals
        self._url = database.writer.url
        self._holder, self._clock = holder, clock
        self._waiting: dict[_Item, None] = {}
        self._filled = asyncio.Event()

    async def run(self) -> NoReturn:
        self._signals.carry = self._take
        engine = create_async_engine(self._url, poolclass=NullPool, connect_args={"timeout": _TIMEOUT_S})
        delays = backoff(limit=5.0)
        try:
            while True:
                try:
                    async with self._connected(engine) as connection:
                        delays = backoff(limit=5.0)
                        await self._speak(connection)
                except (OSError, TimeoutError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                    log.warning("not connected to the other Brains' signals", cause=str(error) or type(error).__name__)
                await self._clock.sleep(next(delays))
        finally:
            self._signals.carry = None
            await engine.dispose()

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[asyncpg.Connection[Any]]:
        async with engine.connect() as outer:
            connection: Any = (await outer.get_raw_connection()).driver_connection
            connection.add_termination_listener(lambda _: self._filled.set())
            await connection.add_listener(CHANNEL, self._heard)
            for topic in TRAVELLING:
                self._signals.publish(topic)
            try:
                yield connection
            finally:
                await outer.invalidate()  # with a listener on it, nobody else may have it

    async def _speak(self, connection: asyncpg.Connection[Any]) -> None:
        while not connection.is_closed():
            try:
                async with asyncio.timeout(_PING_S):
                    await self._filled.wait()
            except TimeoutError:
                await connection.execute("SELECT 1", timeout=_TIMEOUT_S)  # or a dead peer would stay unnoticed
                continue
            self._filled.clear()
            waiting, self._waiting = list(self._waiting), {}
            for payload in _payloads(self._holder, waiting):
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload, timeout=_TIMEOUT_S)

    def _take(self, topic: str, key: str | None) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting = dict.fromkeys((each, None) for each in TRAVELLING)
        self._waiting[topic, key] = None
        self._filled.set()

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        said = json.loads(str(payload))
        if said["from"] == self._holder:
            return
        for topic, key in said["signals"]:
            self._signals.publish(topic, key)


def _payloads(holder: str, items: list[_Item]) -> Iterator[str]:
    """JSON documents that each fit into a notification."""
    rows: list[str] = []
    size = 0
    for item in items:
        row = json.dumps(item, separators=(",", ":"))
        if size + len(row) > _PAYLOAD_BYTES - 64:
            yield _payload(holder, rows)
            rows, size = [], 0
        rows.append(row)
        size += len(row) + 1
    if rows:
        yield _payload(holder, rows)


def _payload(holder: str, rows: list[str]) -> str:
    return f'{{"from":"{holder}","signals":[{",".join(rows)}]}}'
