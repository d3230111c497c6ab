"""Ways to wait: for the first of several things, for a deadline on our clock, to the end whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from hytopus.kit.clock import Clock

COMPANY_S: Final = 5.0

T = TypeVar("T")
P = ParamSpec("P")


class Blocking(Protocol):
    """Runs what blocks beside the event loop: `asyncio.to_thread`, or `inline` where time must stand still."""

    async def __call__(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...


async def inline(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """For simulations on a clock of their own, which cannot see what a thread does."""
    return work(*args, **kwargs)


async def race(*works: Coroutine[Any, Any, Any]) -> tuple[int, Any]:
    """Index and result of the one that ends first (the lowest index of several); the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        index = next(index for index, task in enumerate(tasks) if task.done())
        return index, tasks[index].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The work's result; it is cancelled and `TimeoutError` raised after `seconds` of the clock."""
    index, result = await race(work, clock.sleep(seconds))
    if index == 1:
        raise TimeoutError
    return result  # type: ignore[no-any-return]


def in_company(clock: Clock, seconds: float) -> float:
    """Seconds until a moment that others wait for, too: what many do at once costs little more than for one.

    At least `seconds`, and less than `COMPANY_S` more.
    """
    return seconds + -(clock.monotonic() + seconds) % COMPANY_S


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Await to the very end; a cancellation that comes meanwhile takes effect afterwards.

    For what must not be left half-done: a container that may or may not exist, a file being written.
    """
    return await _see_out(asyncio.ensure_future(work))


async def apart(work: Coroutine[Any, Any, T]) -> T:
    """The work's result, from a task of its own; cancelling the caller cancels it and is never lost.

    For task groups: one whose own task is cancelled while one of its children fails raises the failure only, and one
    whose child fails while it winds up leaves its task marked as cancelled (both in Python 3.11).
    """
    task = asyncio.ensure_future(work)
    return await _see_out(task, when_cancelled=task.cancel)


async def _see_out(task: asyncio.Task[T], when_cancelled: Callable[[], Any] = lambda: None) -> T:
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
            when_cancelled()
    if cancelled:
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain that nobody did
        raise asyncio.CancelledError
    return task.result()


async def wait_for(task: asyncio.Task[Any]) -> None:
    """Until a task has ended, however it ends."""
    await asyncio.wait({task})


@asynccontextmanager
async def closing(iterator: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """An iterator that is closed when we leave, even in the middle: what it reads from is given back at once."""
    try:
        yield iterator
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()
