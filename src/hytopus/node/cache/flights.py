"""One piece of work for however many want its result at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from hytopus.node.cache.download import Listener, Progress

_K = TypeVar("_K", bound=Hashable)
_T = TypeVar("_T")


class _Flight(Generic[_T]):
    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.task: asyncio.Task[_T] | None = None

    def report(self, progress: Progress) -> None:
        for listener in list(self.listeners):
            listener(progress)


class Flights(Generic[_K, _T]):
    """Work under way, by key. It is owned by those who wait for it: when the last one is cancelled, so is it."""

    def __init__(self) -> None:
        self._active: dict[_K, _Flight[_T]] = {}

    async def join(self, key: _K, start: Callable[[Listener], Awaitable[_T]], listener: Listener) -> _T:
        flight = self._active.get(key)
        if flight is None:
            flight = self._active[key] = _Flight()
            flight.task = asyncio.ensure_future(start(flight.report))
        task = flight.task
        assert task
        flight.listeners.append(listener)
        try:
            return await asyncio.shield(task)
        finally:
            flight.listeners.remove(listener)
            if not flight.listeners:
                self._active.pop(key, None)
                await _end(task)


async def _end(task: asyncio.Future[_T]) -> None:
    """Cancel what is not done; its error, if it has one, is nobody's any more."""
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
