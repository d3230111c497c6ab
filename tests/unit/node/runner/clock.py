"""A clock that stands still until it is moved."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class StillClock:
    """`advance` wakes the sleepers whose time has come, in order. `sleeping` waits until somebody sleeps so long."""

    def __init__(self) -> None:
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, float, asyncio.Future[None]]] = []
        self._news = asyncio.Event()

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def boottime(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sleeper = (self._elapsed + seconds, seconds, woken)
        self._sleepers.append(sleeper)
        self._news.set()
        try:
            await woken
        finally:
            self._sleepers.remove(sleeper)

    async def sleeping(self, seconds: float) -> None:
        async with asyncio.timeout(5):
            while not any(abs(asked - seconds) < 1e-6 for _, asked, _ in self._sleepers):
                self._news.clear()
                await self._news.wait()

    async def advance(self, seconds: float) -> None:
        until = self._elapsed + seconds
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= until and not sleeper[2].done()]:
            at, _, woken = min(due, key=lambda sleeper: sleeper[0])
            self._elapsed = max(self._elapsed, at)
            woken.set_result(None)
            for _ in range(20):
                await asyncio.sleep(0)
        self._elapsed = until
