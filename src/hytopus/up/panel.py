"""The panel of a checkout: built beside everything else while `up` starts, and waited for in the end."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, STDOUT
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from hytopus.brain.panel.bundle import checkout
from hytopus.up.service import Say, tail

_MAKE: Final = ("make", "--no-print-directory", "panel")
_GRACE: Final = 5.0
"""Seconds that a build which is given up has for ending by itself."""


@asynccontextmanager
async def building(logs: Path, say: Say, place: Path | None = None) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Build what is not current; calling what is given waits for that. Leaving the block earlier ends the build.

    Outside of a checkout there is nothing to build: the package brings its panel.
    """
    task = asyncio.create_task(_build(place or checkout(), logs, say))

    async def finished() -> None:
        if not task.done():
            say("Waiting for the panel; the command line works already.")
        await task

    try:
        yield finished
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _build(place: Path | None, logs: Path, say: Say) -> None:
    """A panel that cannot be built is no reason to bring nothing up."""
    if place is None or await _make(place, Path(os.devnull), "--question") == 0:
        return
    log = await asyncio.to_thread(_log_in, logs)
    say(f"Building the panel, once; this takes a few minutes (log: {log}).")
    if await _make(place, log) != 0:
        say(f"The panel could not be built; everything else works. `make panel` tries again. The end of {log}:")
        say(tail(log))


def _log_in(logs: Path) -> Path:
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    return logs / "panel.log"


async def _make(place: Path, log: Path, *options: str) -> int:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *_MAKE,
            *options,
            cwd=place,
            env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
            start_new_session=True,
        )
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Gently, then for good: nothing of its group may still write into the checkout, or keep Ctrl-C waiting."""
    _signal(process.pid, signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE):
            await process.wait()
    _signal(process.pid, signal.SIGKILL)
    await process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)
