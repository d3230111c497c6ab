"""Live streams of the Brain that survive a broken line: events, and an instance's lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

import httpx2

from hytopus.cli.connection.client import Api, Json, at
from hytopus.cli.failure import ApiProblem, BrainUnreachable
from hytopus.cli.terminal.output import note
from hytopus.cli.terminal.sanitise import sanitise_line
from hytopus.kit.backoff import backoff

_ALIVE: Final = frozenset({"requested", "preparing", "starting", "running", "stopping", "moving", "lost"})
"""States in which a stream that ended was cut off: there are lines to come."""


async def follow_events(
    api: Api, *, after: str | None = None, quiet: bool = False, **query: Any
) -> AsyncIterator[Json]:
    """New events, for ever; after a broken line those missed meanwhile come first."""
    delays = _pauses()
    while True:
        try:
            async with api.stream("/events", last_id=after, **query) as source:
                async for event in source:
                    after = event.id or after
                    delays = _pauses()
                    yield _data(event)
        except (BrainUnreachable, ApiProblem) as error:
            if not error.retryable:
                raise
            if not quiet:
                note(f"{sanitise_line(error.message)} Trying again …")
        await asyncio.sleep(next(delays))


def _pauses() -> Iterator[float]:
    return backoff(0.5, 10)


async def follow_lines(
    api: Api, instance: str, what: str, *, tail: int, pauses: Callable[[], Iterator[float]] = _pauses
) -> AsyncIterator[Json]:
    """An instance's lines, past and new, until the server has ended; each once, even over a broken line.

    `what` is `console` or `logs/follow`; `pauses` are the seconds before each further attempt.
    """
    seen: str | None = None
    delays = pauses()
    while True:
        try:
            async with api.stream(at("instances", instance, *what.split("/")), last_id=seen, tail=tail) as source:
                async for event in source:
                    line = _data(event)
                    seen = event.id
                    delays = pauses()
                    yield line
            if (await api.get(at("instances", instance)))["state"] not in _ALIVE:
                return
        except BrainUnreachable as error:
            note(f"{sanitise_line(error.message)} Trying again …")
        except ApiProblem as error:
            if seen is None or not error.retryable:
                raise
            note(f"{sanitise_line(error.message)} Trying again …")
        await asyncio.sleep(next(delays))


def _data(event: httpx2.ServerSentEvent) -> Json:
    data: Any = event.json()
    if event.event == "problem":
        raise ApiProblem(data, int(data.get("status", 500)))
    return data
