"""The event log as it grows: every committed event once, in the order of its number, from any point on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from typing import Final

from hytopus.brain.activity.models import Event
from hytopus.brain.activity.queries import EventFilter, event_ids, events_between, newest_event
from hytopus.brain.db.engine import Database
from hytopus.kit.clock import Clock

BATCH: Final = 500
LOOK_AGAIN_SECONDS: Final = 1.0
"""How long an event written by another Brain may stay unseen."""
GAP_SECONDS: Final = 5.0
"""PostgreSQL hands out numbers before commit, so a lower number can appear after a higher one. A missing number is
waited for this long; longer means its transaction was undone."""
SETTLED_SECONDS: Final = 600.0
"""Before events this old nothing is waited for: what is missing there was undone, or deleted after its time."""


async def follow(
    database: Database, clock: Clock, wanted: EventFilter, *, after: int | None = None
) -> AsyncGenerator[Event, None]:
    """Events numbered after `after` (None: from now on), then new ones as they are committed, without end."""
    with database.signals.subscribe("event") as wake:
        cursor = await _start(database) if after is None else after
        gap = _Gap(clock) if database.dialect == "postgresql" else None
        while True:
            events, seen, more = await _look(database, wanted, cursor, gap)
            for event in events:
                yield event
            cursor = seen
            if not more:
                await wake.wait(clock, LOOK_AGAIN_SECONDS)


async def _look(
    database: Database, wanted: EventFilter, cursor: int, gap: _Gap | None
) -> tuple[Sequence[Event], int, bool]:
    """The wanted events, the number everything up to which has been seen, and whether there is more at once."""
    async with database.read() as session:
        ids = await event_ids(session, after=cursor, limit=BATCH)
        whole = [number for number, _ in ids] if gap is None else gap.passable(cursor, ids)
        if not whole:
            return (), cursor, False
        events = await events_between(session, wanted, after=cursor, upto=whole[-1])
    return events, whole[-1], len(whole) == BATCH


class _Gap:
    """Remembers since when a number has been missing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._missing: tuple[int, float] | None = None

    def passable(self, cursor: int, ids: Sequence[tuple[int, datetime]]) -> Sequence[int]:
        """The beginning of `ids` that nothing can be inserted into any more."""
        settled = self._clock.now() - timedelta(seconds=SETTLED_SECONDS)
        numbers = [number for number, _ in ids]
        for index, (number, at) in enumerate(ids):
            if number != cursor + 1 and at > settled and not self._given_up(cursor + 1):
                return numbers[:index]
            cursor = number
        return numbers

    def _given_up(self, number: int) -> bool:
        now = self._clock.monotonic()
        if self._missing is None or self._missing[0] != number:
            self._missing = (number, now)
        return now - self._missing[1] >= GAP_SECONDS


async def _start(database: Database) -> int:
    async with database.read() as session:
        return await newest_event(session)
