"""Doing at once what many ask for: who comes while a round is under way is part of the next one.

A round begins after everybody in it has asked, so each gets what was true after asking. Nobody waits for company: one
who comes alone is a round. Rounds that give way rest after each other while there is a rush: they get more done at
once, and leave the time to what people wait for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from hytopus.kit.rush import Rush

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST: Final = 64


class Together(Generic[Item, Result]):
    """`work` gets the items of a round and gives a result for each, in order; what it raises, all of them raise.

    It needs no task of its own: whoever's turn it is works for all who wait. If he is cancelled, another takes over.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        most: int = MOST,
        gives_way: Rush | None = None,
    ) -> None:
        self._work, self._most, self._rush = work, most, gives_way
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
        if self._rush is not None:
            await self._rush.wait_until(self._rested)

    async def _round(self) -> None:
        entries = self._take()
        began = 0.0 if self._rush is None else self._rush.now()
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
            if self._rush is not None:
                self._rested = self._rush.pause_after(began)

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
