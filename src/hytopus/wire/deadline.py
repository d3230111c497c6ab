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


async def apart(operation: Coroutine[Any, Any, T]) -> T:
    """The operation's result, from a task of its own; cancelling the caller cancels it and is never lost.

    For task groups: one whose own task is cancelled while one of its children fails raises the failure only, and one
    whose child fails while it winds up leaves its task marked as cancelled (both in Python 3.11).
    """
    task = asyncio.ensure_future(operation)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
            task.cancel()
    if cancelled:
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain that nobody did
        raise asyncio.CancelledError
    return task.result()
