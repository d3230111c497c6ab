"""Waiting for something, but not for ever, by a clock that tests can move; and not losing a cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hytopus.kit.clock import Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, operation: Coroutine[Any, Any, T]) -> T:
    """The operation's result; it is cancelled and TimeoutError raised after `seconds` of the clock."""
    task = asyncio.ensure_future(operation)
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        for unfinished in (task, alarm):
            unfinished.cancel()
        await asyncio.gather(task, alarm, return_exceptions=True)


def raise_if_cancelled() -> None:
    """For use after `except*`: a task group whose own task is cancelled while one of its children fails raises the
    failure only (Python 3.11 and 3.12), and whoever asked for the end would wait for it for ever."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
