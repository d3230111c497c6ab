"""The last lines of a server's output, numbered from 1 with every start, for whoever wants to read along."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from itertools import islice
from typing import Final

from hytopus.wire.messages import LogLine

KEPT: Final = 1_000
"""Lines."""

KEPT_CHARACTERS: Final = 512 * 1024
"""Of servers that print very long lines, fewer are kept."""

BATCH: Final = 200


class Lines:
    """A ring of lines with readers. Readers hold a number, not a queue, so that a slow one costs nothing."""

    def __init__(self) -> None:
        self._ring: deque[LogLine] = deque()
        self._characters = 0
        self._last = 0
        self._start = 0
        self._ended = False
        self._news = asyncio.Event()

    @property
    def last(self) -> int:
        """The number of the newest line; 0 before the first."""
        return self._last

    def begin(self) -> None:
        """A new start: the numbers begin again, and readers go on with them."""
        self._ring.clear()
        self._characters = 0
        self._last = 0
        self._start += 1
        self._ended = False
        self._wake()

    def add(self, number: int, at: str, text: str) -> None:
        """Numbers grow by one; only the first of a start may be any number (what came before it is lost)."""
        self._ring.append(LogLine(number, at, text))
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

    async def follow(self, *, tail: int, after: int) -> AsyncGenerator[tuple[LogLine, ...], None]:
        """The last `tail` lines (with `after`: those with a greater number), then everything new, in batches.

        Ends with the server's end, once everything is told. A restart meanwhile goes on with its line 1; so does one
        before, told by an `after` that is greater than any number there is.
        """
        position = max(after, self._last - tail) if tail or not after else after
        start = self._start
        while True:
            if start != self._start:
                start, position = self._start, 0
            batch = self._after(position)
            if batch:
                position = batch[-1].number
                yield batch
            elif self._ended:
                return
            else:
                await self._news.wait()

    def _after(self, position: int) -> tuple[LogLine, ...]:
        if not self._ring or position == self._last:
            return ()
        begin = max(0, position + 1 - self._ring[0].number) if position < self._last else 0
        return tuple(islice(self._ring, begin, begin + BATCH))

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
