"""Opening the database, and the two ways to use it: `read()` and `write()`.

Never hold a session over a network call: on SQLite a write session *is* the lock.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic_core import from_json
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from hytopus.brain.db import postgresql, sqlite
from hytopus.brain.db.writer import GroupWriter
from hytopus.errors import HytopusError

if TYPE_CHECKING:
    from hytopus.brain.db.keyring import KeyRing
    from hytopus.brain.db.signals import Signals

_HOOKS = "hytopus.after_commit"
_LAST = "hytopus.before_commit"


class BadDatabaseUrl(HytopusError):
    code: ClassVar[str] = "bad_database_url"
    template: ClassVar[str] = "{url!r} is not a database Hytopus can use."
    remedy: ClassVar[str] = "Write sqlite:///path/to/file.db or postgresql://user:password@host/name."


class Database:
    """A database that is open. Create it with `Database.open`."""

    def __init__(
        self, reader: AsyncEngine, writer: AsyncEngine, group_writer: GroupWriter | None, signals: Signals
    ) -> None:
        self.signals = signals
        self.reader = reader
        self.writer = writer
        self._group_writer = group_writer
        self._prepare: Callable[[AsyncSession], None] = _as_it_is
        self.observe_write: Callable[[float], None] = lambda seconds: None
        """Told how long each transaction took, from asking for it until it was durable."""

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.writer.dialect.name

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, signals: Signals, keys: KeyRing | None = None) -> AsyncIterator[Database]:
        """Connect; nothing is migrated here (see `migrate.py`), nor are keys looked for (see `unlock.py`)."""
        reader = _engine(url, immediate=False)
        writer = _engine(url, immediate=True)
        group_writer = GroupWriter(await writer.connect()) if writer.dialect.name == "sqlite" else None
        try:
            database = cls(reader, writer, group_writer, signals)
            if keys is not None:
                database.use_keys(keys)
            yield database
        finally:
            if group_writer is not None:
                await group_writer.close()
            await writer.dispose()
            await reader.dispose()

    def prepared(self, prepare: Callable[[AsyncSession], None]) -> Self:
        """The same database, whose sessions all go through `prepare` first."""
        other = copy(self)
        other._prepare = prepare
        return other

    def use_keys(self, keys: KeyRing) -> None:
        """The keys for `Sealed` columns; without them, none can be read or written."""
        for engine in (self.reader, self.writer):
            engine.dialect.hytopus_keys = keys  # type: ignore[attr-defined]

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session for looking; nothing it changes is kept."""
        async with AsyncSession(self.reader, expire_on_commit=False, autoflush=False) as session:
            self._prepare(session)
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A session that commits when the context is left without an error; then runs the after-commit hooks."""
        began = time.monotonic()
        if self._group_writer is not None:
            async with self._group_writer.unit() as session:
                session.info["signals"] = self.signals
                self._prepare(session)
                yield session
                await _finish(session)
        else:
            async with AsyncSession(self.writer, expire_on_commit=False, autoflush=False) as session:
                session.info["signals"] = self.signals
                self._prepare(session)
                yield session
                await _finish(session)
                await session.commit()
        self.observe_write(time.monotonic() - began)
        for hook in session.info.pop(_HOOKS, ()):
            hook()


def before_commit(session: AsyncSession, hook: Callable[[AsyncSession], Awaitable[None]]) -> None:
    """Call `hook` as the last thing of the session's work, once everything else has succeeded."""
    session.info.setdefault(_LAST, []).append(hook)


async def _finish(session: AsyncSession) -> None:
    for hook in session.info.pop(_LAST, ()):
        await hook(session)


def after_commit(session: AsyncSession, hook: Callable[[], None]) -> None:
    """Call `hook` once the session's work is durable; never if it is rolled back. It must not block or raise."""
    session.info.setdefault(_HOOKS, []).append(hook)


def _as_it_is(_session: AsyncSession) -> None:
    """Every session sees everything."""


def _engine(url: str, *, immediate: bool) -> AsyncEngine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise BadDatabaseUrl(url=url) from error
    if parsed.get_backend_name() == "postgresql":
        return postgresql.engine(parsed, writing=immediate)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise BadDatabaseUrl(url=parsed.render_as_string(hide_password=True))
    path = parsed.database
    engine = create_async_engine(
        parsed.set(drivername="sqlite+aiosqlite"),
        async_creator=lambda: sqlite.connect(path),
        json_deserializer=from_json,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=8,
        max_overflow=8,
    )
    begin = "BEGIN IMMEDIATE" if immediate else "BEGIN"

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
