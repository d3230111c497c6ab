"""Telling other parts of the Brain that something was committed, so that nobody has to poll.

A signal only makes things faster: whoever listens must also look for himself now and then.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.db.engine import after_commit
from hytopus.kit.clock import Clock

TRAVELLING: Final = frozenset({"event", "node", "blobs", "rights", "authority"})
"""Topics that other Brains must hear of, too. The rest is for the Brain where it happened: its own loops see to it, and
if it dies before they do, the sweeps of the others find it."""


class Subscription:
    """Signals of one topic in order. A listener that falls too far behind loses them and is told so."""

    def __init__(self, limit: int) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue(limit)
        self.overflowed = False

    def offer(self, value: Any) -> None:
        try:
            self._queue.put_nowait(value)
        except asyncio.QueueFull:
            self.overflowed = True

    async def get(self) -> Any:
        """The next signal; waits for it."""
        return await self._queue.get()

    def drain(self) -> list[Any]:
        """What has come in the meantime, without waiting."""
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]

    async def wait(self, clock: Clock, seconds: float) -> list[Any]:
        """Until a signal comes or the time is up; what has come by then."""
        tasks = [asyncio.ensure_future(self._queue.get()), asyncio.ensure_future(clock.sleep(seconds))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            first = [tasks[0].result()] if tasks[0].done() else []
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return first + self.drain()


class Signals:
    """Topics: `event` (activity.Event), `audit`, `instance`, `node` and `placement` (keys to look at), `rights` (ids),
    `load` and `progress` (what is measured and never written down).

    From another Brain an event comes without its value, and None instead of a key means "look at all of them".
    """

    def __init__(self) -> None:
        self._subscriptions: dict[str, dict[str | None, set[Subscription]]] = defaultdict(lambda: defaultdict(set))
        """By topic, then by the key that is listened for; None for whoever wants all of them."""
        self.carry: Callable[[str, str | None], None] | None = None
        """Takes what is to travel to the other Brains; must not block."""

    def announce(self, topic: str, value: Any = None) -> None:
        """Publish here and, if the topic is one that travels, to the other Brains."""
        self.publish(topic, value)
        if self.carry is not None and topic in TRAVELLING:
            self.carry(topic, value if isinstance(value, str) else None)

    def publish(self, topic: str, value: Any = None) -> None:
        for subscription in self._listeners(topic, value):
            subscription.offer(value)

    @contextmanager
    def subscribe(self, topic: str, *, key: str | None = None, limit: int = 10_000) -> Iterator[Subscription]:
        """Every signal of the topic, or with a `key` only those that may be about it: one of a thousand sessions must
        not be woken for each of the others."""
        subscription, by_key = Subscription(limit), self._subscriptions[topic]
        by_key[key].add(subscription)
        try:
            yield subscription
        finally:
            by_key[key].discard(subscription)
            if not by_key[key]:
                del by_key[key]

    def _listeners(self, topic: str, value: Any) -> tuple[Subscription, ...]:
        by_key = self._subscriptions.get(topic, {})
        if value is None:
            return tuple(chain.from_iterable(by_key.values()))
        keyed = by_key.get(value, ()) if isinstance(value, str) else ()
        return (*by_key.get(None, ()), *keyed)


def signal(session: AsyncSession, topic: str, value: Any = None) -> None:
    """Publish once the session's work is durable."""
    signals: Signals = session.info["signals"]
    after_commit(session, lambda: signals.announce(topic, value))
