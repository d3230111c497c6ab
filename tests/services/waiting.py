"""Waiting for processes outside the test: polling with a deadline."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    predicate: Callable[[], T | Awaitable[T]], timeout: float = 10.0, *, every: float = 0.02, what: str = ""
) -> T:
    """The predicate's first true value. An AssertionError it raises counts as "not yet".

    At the deadline the last failed assertion is raised, or one that names `what` was waited for.
    """
    deadline = time.monotonic() + timeout
    while True:
        value, failure = await _attempt(predicate)
        if value:
            return value
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"not within {timeout} s: {what or inspect.getsource(predicate).strip()}")
        await asyncio.sleep(every)


def eventually_sync(predicate: Callable[[], T], timeout: float = 10.0, *, every: float = 0.02, what: str = "") -> T:
    """The same for tests and fixtures without an event loop."""
    deadline = time.monotonic() + timeout
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what or predicate}")
        time.sleep(every)
    return value


async def _attempt(predicate: Callable[[], T | Awaitable[T]]) -> tuple[T | None, AssertionError | None]:
    try:
        value = predicate()
        return (await value if inspect.isawaitable(value) else value), None
    except AssertionError as failure:
        return None, failure
