"""One writer for SQLite: units of work run one after the other on one connection and are committed in groups.

SQLite has one write lock; many connections fighting for it wait up to a second each. Here a unit is a savepoint in
a shared transaction, and whoever finishes last (or the 64th) commits for all. `unit()` returns only after that
commit, so what it promised is on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

GROUP_LIMIT: Final = 64


class GroupWriter:
    """Owns the write connection of a SQLite database."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._group: asyncio.Future[None] | None = None
        self._units = 0

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[AsyncSession]:
        """A session whose work is durable once the context is left without an error."""
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        group: asyncio.Future[None] | None = None
        try:
            group = await self._begin()
            session = AsyncSession(
                self._connection,
                expire_on_commit=False,
                autoflush=False,
                join_transaction_mode="create_savepoint",
            )
            async with session:
                yield session
                await session.commit()
            self._units += 1
        finally:
            # A cancelled caller must not leave the group open for ever, nor the lock held.
            await asyncio.shield(self._leave())
        await asyncio.shield(group)

    async def _begin(self) -> asyncio.Future[None]:
        if self._group is None:
            await self._connection.begin()
            self._group = asyncio.get_running_loop().create_future()
            self._units = 0
        return self._group

    async def _leave(self) -> None:
        try:
            if self._group is not None and (self._waiting == 0 or self._units >= GROUP_LIMIT):
                await self._commit(self._group)
        finally:
            self._turn.release()

    async def _commit(self, group: asyncio.Future[None]) -> None:
        self._group = None
        try:
            await self._connection.commit()
        except BaseException as error:
            await self._connection.rollback()
            group.set_exception(error)
            group.exception()  # every unit of the group raises it; none of them must be warned about
            raise
        group.set_result(None)

    async def close(self) -> None:
        """Wait for the unit under way, then close the connection."""
        async with self._turn:
            if self._group is not None:
                await self._commit(self._group)
            await self._connection.close()
