"""A keyed, level-triggered work queue.

Only keys travel, never what happened to them: whoever works on a key looks at the present state. A key that is asked
for while it waits is worked on once; one that is asked for while it is worked on is worked on again afterwards.
Signals make it fast, the periodic sweep makes it certain.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hytopus.brain.db.signals import Signals, Subscription
from hytopus.kit.backoff import backoff
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger

log = get_logger(__name__)

Key = TypeVar("Key", bound=str)


@dataclass(frozen=True, slots=True)
class Topic(Generic[Key]):
    """Which keys a signal is about, and how long (seconds) it may wait for others about the same key."""

    keys_of: Callable[[Any], Awaitable[Iterable[Key]]]
    patience: float = 0.0


class Controller(Generic[Key]):
    """Brings one kind of thing to its desired state.

    `reconcile` returns the seconds after which it wants to look at the key again, or None. When it raises, the key is
    tried again with growing pauses. `due` lists the keys a sweep looks at.
    """

    def __init__(
        self,
        name: str,
        reconcile: Callable[[Key], Awaitable[float | None]],
        *,
        clock: Clock,
        signals: Signals,
        topics: Mapping[str, Topic[Key]],
        due: Callable[[], Awaitable[Iterable[Key]]],
        sweep_s: float,
        workers: int = 4,
    ) -> None:
        self.name = name
        self._reconcile = reconcile
        self._clock = clock
        self._signals = signals
        self._topics = topics
        self._due = due
        self._sweep_s = sweep_s
        self._workers = workers
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: set[Key] = set()
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._later: dict[Key, float] = {}
        self._alarms: list[tuple[float, Key]] = []
        self._alarms_changed = asyncio.Event()
        self._pauses: dict[Key, Iterator[float]] = {}

    async def run(self) -> None:
        """Until cancelled. A key under work is cancelled with it; nothing is lost, because the next start sweeps."""
        async with asyncio.TaskGroup() as tasks:
            for name, topic in self._topics.items():
                tasks.create_task(self._listen(name, topic))
            tasks.create_task(self._sweep())
            tasks.create_task(self._ring())
            for _ in range(self._workers):
                tasks.create_task(self._work())

    def enqueue(self, key: Key) -> None:
        """Look at this key soon."""
        self._later.pop(key, None)
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)

    def enqueue_after(self, key: Key, seconds: float) -> None:
        """Look at this key then, unless it is looked at earlier."""
        at = self._clock.monotonic() + max(0.0, seconds)
        if self._later.get(key, at + 1) <= at:
            return
        self._later[key] = at
        heapq.heappush(self._alarms, (at, key))
        self._alarms_changed.set()

    async def _work(self) -> None:
        while True:
            key = await self._ready.get()
            self._waiting.discard(key)
            self._working.add(key)
            try:
                await self._work_on(key)
            finally:
                self._working.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.enqueue(key)

    async def _work_on(self, key: Key) -> None:
        try:
            again_in = await self._reconcile(key)
        except Exception:
            pause = next(self._pauses.setdefault(key, backoff()))
            log.exception("reconciling failed", controller=self.name, key=key, again_in=round(pause, 1))
            self.enqueue_after(key, pause)
            return
        self._pauses.pop(key, None)
        if again_in is not None:
            self.enqueue_after(key, again_in)

    async def _listen(self, name: str, topic: Topic[Key]) -> None:
        with self._signals.subscribe(name) as subscription:
            while True:
                for value in await _batch(subscription):
                    await self._take_in(name, topic, value)

    async def _take_in(self, name: str, topic: Topic[Key], value: Any) -> None:
        try:
            keys = await topic.keys_of(value)
        except Exception:
            log.exception("a signal was lost; the next sweep makes up for it", controller=self.name, topic=name)
            return
        for key in keys:
            if topic.patience:
                self.enqueue_after(key, topic.patience)
            else:
                self.enqueue(key)

    async def _sweep(self) -> None:
        while True:
            try:
                for key in await self._due():
                    self.enqueue(key)
            except Exception:
                log.exception("sweeping failed; trying again", controller=self.name)
            await self._clock.sleep(self._sweep_s)

    async def _ring(self) -> None:
        """Turn alarms into work when their time has come."""
        while True:
            self._alarms_changed.clear()
            now = self._clock.monotonic()
            while self._alarms and self._alarms[0][0] <= now:
                at, key = heapq.heappop(self._alarms)
                if self._later.get(key) == at:
                    self.enqueue(key)
            await self._sleep_until_next(now)

    async def _sleep_until_next(self, now: float) -> None:
        """Until the earliest alarm, or until there is an earlier one."""
        changed = asyncio.ensure_future(self._alarms_changed.wait())
        waiting: set[asyncio.Future[Any]] = {changed}
        if self._alarms:
            waiting.add(asyncio.ensure_future(self._clock.sleep(self._alarms[0][0] - now)))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for future in waiting:
                future.cancel()


async def _batch(subscription: Subscription) -> list[Any]:
    """Everything that has been signalled, each value once; at least one."""
    first = await subscription.get()
    return list(dict.fromkeys([first, *subscription.drain()]))
