"""The last lines of a server's output, numbered from 1 with every start, for whoever wants to read along."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from itertools import islice
from typing import Final

from hytopus.wire.messages import LogLine
from hytopus.wire.place import Place

KEPT: Final = 1_000
"""Lines."""

KEPT_CHARACTERS: Final = 512 * 1024
"""Of servers that print very long lines, fewer are kept."""

BATCH: Final = 200


class Lines:
    """A ring of lines with readers. Readers hold a place, not a queue, so that a slow one costs nothing."""

    def __init__(self) -> None:
        self._ring: deque[LogLine] = deque()
        self._characters = 0
        self._last = 0
        self._start = ""
        self._ended = False
        self._news = asyncio.Event()

    @property
    def last(self) -> int:
        """The number of the newest line; 0 before the first."""
        return self._last

    def begin(self, start: str) -> None:
        """The numbers begin again. Readers go on with a new start's line 1; the same start is read anew by an agent
        that was away, and readers go on where they were."""
        self._ring.clear()
        self._characters = 0
        self._last = 0
        self._start = start
        self._ended = False
        self._wake()

    def add(self, number: int, at: str, text: str) -> None:
        """Numbers grow by one; only the first of a start may be any number (what came before it is lost)."""
        self._ring.append(LogLine(number, at, text, self._start))
        self._last = number
        self._characters += len(text)
        while len(self._ring) > KEPT or (self._characters > KEPT_CHARACTERS and len(self._ring) > 1):
            self._characters -= len(self._ring.popleft().text)
        self._wake()

    def end(self) -> None:
        """Nothing more comes until the next start."""
        self._ended = True
        self._wake()

    def tail(self, count: int) -> Sequence[LogLine]:
        if count <= 0:
            return ()
        return tuple(islice(self._ring, max(0, len(self._ring) - count), None))

    async def follow(self, *, tail: int, after: Place) -> AsyncGenerator[tuple[LogLine, ...], None]:
        """The last `tail` lines (with `after`: all that come later than that), then everything new, in batches.

        Ends with the server's end, once everything is told. A restart goes on with its line 1, whenever it was.
        """
        place = self._opened(tail, after)
        while True:
            batch = self._later(self._number(place))
            if batch:
                place = batch[-1].place
                yield batch
            elif self._ended:
                return
            else:
                await self._news.wait()

    def _opened(self, tail: int, after: Place) -> Place:
        if not after.number:
            return Place(max(0, self._last - tail), self._start)
        if not after.start:  # of this one, unless it has no such line
            return Place(after.number if after.number <= self._last else 0, self._start)
        return after

    def _number(self, place: Place) -> int:
        return place.number if place.start == self._start else 0

    def _later(self, number: int) -> tuple[LogLine, ...]:
        if number >= self._last:
            return ()
        begin = max(0, number + 1 - self._ring[0].number)
        return tuple(islice(self._ring, begin, begin + BATCH))

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
