"""Time that moves only when told."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """Sleepers wake in the order of their times, and everything they set off is finished before time moves on.

    `settle` waits until nothing is left to do; without one a few rounds of the event loop have to do.
    """

    def __init__(self, settle: Callable[[], Awaitable[None]] | None = None) -> None:
        self._elapsed = 0.0
        self._wall = 0.0
        self._suspended = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._settle = settle or _a_few_rounds

    def now(self) -> datetime:
        return START + timedelta(seconds=self._elapsed + self._wall)

    def monotonic(self) -> float:
        return self._elapsed

    def boottime(self) -> float:
        return self._elapsed + self._suspended

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self._wall += seconds

    def suspend(self, seconds: float) -> None:
        """The machine sleeps for so long: its wall clock and its boot time go on, its timers do not."""
        self._wall += seconds
        self._suspended += seconds

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), wake))
        await wake

    async def advance(self, seconds: float) -> None:
        """Let so much time pass, moment by moment."""
        until = self._elapsed + seconds
        await self._settle()
        while (due := self._next()) is not None and due <= until:
            self._elapsed = due
            self._wake()
            await self._settle()
        self._elapsed = until
        await self._settle()

    async def settle(self) -> None:
        """Let everything happen that happens without time passing."""
        await self._settle()

    def _next(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _wake(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            _, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)


async def _a_few_rounds() -> None:
    for _ in range(50):
        await asyncio.sleep(0)
