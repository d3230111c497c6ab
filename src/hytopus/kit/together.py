"""Doing at once what many ask for: who comes while a round is under way is part of the next one.

A round begins after everybody in it has asked, so each gets what was true after asking. Nobody waits for company: one
who comes alone is a round. Where rounds rest, each is followed by a pause as long as itself: when much else is to be
done, rounds take longer, rest longer, and get more done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from hytopus.kit.clock import Clock

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST: Final = 64
REST_S: Final = 0.1
"""No pause is longer."""


class Together(Generic[Item, Result]):
    """`work` gets the items of a round and gives a result for each, in order; what it raises, all of them raise.

    It needs no task of its own: whoever's turn it is works for all who wait. If he is cancelled, another takes over.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        most: int = MOST,
        resting: Clock | None = None,
    ) -> None:
        self._work, self._most, self._clock = work, most, resting
        self._turn = asyncio.Lock()
        self._rested = 0.0
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()

    async def __call__(self, item: Item) -> Result:
        """The result for this item."""
        asked: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, asked))
        try:
            async with self._turn:
                while not asked.done():
                    await self._rest()
                    await self._round()
        finally:
            asked.cancel()  # does nothing to one that has its result
        return asked.result()

    async def _rest(self) -> None:
        if self._clock is not None and (left := self._rested - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)

    async def _round(self) -> None:
        entries = self._take()
        began = 0.0 if self._clock is None else self._clock.monotonic()
        try:
            results = await self._work([item for item, _ in entries])
        except Exception as error:  # noqa: BLE001 - raised by everybody who has asked
            for _, asked in entries:
                _fail(asked, error)
        except BaseException:
            self._waiting.extendleft(reversed(entries))
            raise
        else:
            for (_, asked), result in zip(entries, results, strict=True):
                if not asked.done():
                    asked.set_result(result)
        finally:
            if self._clock is not None:
                now = self._clock.monotonic()
                self._rested = now + min(now - began, REST_S)

    def _take(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        """Those whose turn it is; whoever was cancelled meanwhile is left out."""
        taken: list[tuple[Item, asyncio.Future[Result]]] = []
        while self._waiting and len(taken) < self._most:
            entry = self._waiting.popleft()
            if not entry[1].done():
                taken.append(entry)
        return taken


def _fail(asked: asyncio.Future[Result], error: Exception) -> None:
    if not asked.done():
        asked.set_exception(error)
        asked.exception()  # seen: whoever has asked may be gone, and then nobody raises it
