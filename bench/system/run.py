"""All rows of the whole system, on a stack of their own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.files.row import Row
from bench.system import starting, whole
from tests.services import docker
from tests.services.stack import Stack


async def measure(work: Path) -> list[Row]:
    run = Path(tempfile.mkdtemp(prefix="run-", dir=work))
    url = await asyncio.to_thread(docker.running_engine, run)
    try:
        async with _stack(work / "stack", url) as stack:
            start = await starting.measure(Path(tempfile.mkdtemp(prefix="start-", dir=work)), url)
            return [start, await whole.creation(stack, url), await whole.memory(stack)]
    finally:
        await asyncio.to_thread(docker.stop_engine, run)


@asynccontextmanager
async def _stack(directory: Path, docker_url: str) -> AsyncIterator[Stack]:
    await asyncio.to_thread(directory.mkdir)
    stack = Stack(directory, docker_url=docker_url)
    try:
        await asyncio.to_thread(stack.start)
        await asyncio.to_thread(stack.cli, "game", "build", "stand-in")
        yield stack
    finally:
        await asyncio.to_thread(stack.close)
