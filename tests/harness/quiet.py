"""Knowing when a program has nothing left to do: every task waits, no thread works, no database session is open.

That is the only moment at which a hand-moved clock may move; then a simulation is the same every time it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.db.engine import Database


class Quiet:
    """Counts work that the event loop itself cannot see: threads and database sessions."""

    def __init__(self) -> None:
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def busy(self) -> Iterator[None]:
        self._busy += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def wait(self) -> None:
        """Until nothing is left to do. Tasks that wait for the clock do not count."""
        ready: Any = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        while True:
            await self._idle.wait()
            await asyncio.sleep(0)
            if not ready and not self._busy:
                return

    def watch_threads(self) -> None:
        """Count what is handed to threads from now on, on the running loop."""
        loop = asyncio.get_running_loop()
        run: Callable[..., asyncio.Future[Any]] = loop.run_in_executor

        def run_in_executor(executor: Any, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
            return asyncio.ensure_future(self._counted(run(executor, function, *args)))

        loop.run_in_executor = run_in_executor  # type: ignore[method-assign, assignment]

    async def _counted(self, work: asyncio.Future[Any]) -> Any:
        with self.busy():
            return await work


class WatchedDatabase(Database):
    """A database whose sessions are counted. It belongs to the test and outlives every Brain that uses it."""

    quiet: Quiet

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        with self.quiet.busy():
            async with super().read() as session:
                yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        with self.quiet.busy():
            async with super().write() as session:
                yield session
