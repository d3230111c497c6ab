"""Writing to the standard input of containers."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Final

import aiohttp
from aiodocker import Docker, DockerError
from aiodocker.stream import Stream

from hytopus.node.runtime.base import ContainerFault
from hytopus.node.runtime.docker.errors import is_conflict, is_missing, translated
from hytopus.node.runtime.docker.names import name_of

_VERB: Final = "write to the console of"
_WRITE_SECONDS: Final = 10
"""A program that reads its console takes a line at once; one that does not fills the pipe, and then nobody can."""


class Consoles:
    """One attached stream per instance, opened by the first line and kept until the container ends.

    Each stream has a watcher that waits for the engine to close it, so that the next line attaches anew instead of
    vanishing in a dead connection.
    """

    def __init__(self, docker: Docker) -> None:
        self._docker = docker
        self._streams: dict[str, Stream] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def send(self, instance_id: str, line: str) -> None:
        """Write one line; raises `ContainerFault` when nobody is there to read it."""
        if "\n" in line or "\r" in line:
            raise ContainerFault(verb=_VERB, instance=instance_id, why="a line cannot contain a line break")
        async with self._locks[instance_id]:
            with translated(_VERB, instance_id):
                stream = self._streams.get(instance_id) or await self._attach(instance_id)
                await self._write(stream, instance_id, f"{line}\n".encode())

    async def close(self) -> None:
        """Let go of every stream; standard input stays open for whoever attaches next."""
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)

    async def _write(self, stream: Stream, instance_id: str, data: bytes) -> None:
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await stream.write_in(data)
        except TimeoutError as error:
            why = f"the program has not read its console for {_WRITE_SECONDS} s"
            raise ContainerFault(verb=_VERB, instance=instance_id, why=why) from error

    async def _attach(self, instance_id: str) -> Stream:
        stream = self._docker.containers.container(name_of(instance_id)).attach(stdin=True)
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await stream.__aenter__()
        except DockerError as error:
            if is_missing(error) or is_conflict(error):
                raise ContainerFault(verb=_VERB, instance=instance_id, why="it does not run") from error
            raise
        self._streams[instance_id] = stream
        watcher = asyncio.create_task(self._watch(instance_id, stream))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        return stream

    async def _watch(self, instance_id: str, stream: Stream) -> None:
        try:
            while await stream.read_out() is not None:
                pass
        except (aiohttp.ClientError, OSError):
            pass  # the engine is gone; the next line finds out
        finally:
            if self._streams.get(instance_id) is stream:
                del self._streams[instance_id]
            await stream.close()
