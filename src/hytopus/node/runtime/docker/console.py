"""Writing to the standard input of containers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final
from weakref import WeakValueDictionary

import aiohttp
from aiodocker import Docker, DockerError
from aiodocker.stream import Stream

from hytopus.node.runtime.base import ContainerFault
from hytopus.node.runtime.docker.client import call
from hytopus.node.runtime.docker.errors import is_conflict, is_missing, translated
from hytopus.node.runtime.docker.names import name_of

_VERB: Final = "write to the console of"
_WRITE_SECONDS: Final = 10
"""A program that reads its console takes a line at once; one that does not fills the pipe, and then nobody can."""


class Consoles:
    """One attached stream per container, opened by the first line and kept until the container ends.

    Each stream has a watcher that waits for the engine to close it. A line written to a container that has just
    ended would vanish without an error, so the engine is asked first; that takes a millisecond.
    """

    def __init__(self, docker: Docker) -> None:
        self._docker = docker
        self._streams: dict[str, Stream] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def send(self, instance_id: str, line: str) -> None:
        """Write one line; raises `ContainerFault` when nobody is there to read it."""
        if "\n" in line or "\r" in line:
            raise ContainerFault(verb=_VERB, instance=instance_id, why="a line cannot contain a line break")
        lock = self._locks.setdefault(instance_id, asyncio.Lock())
        async with lock:
            with translated(_VERB, instance_id):
                container = await self._running(instance_id)
                await self._write(container, instance_id, f"{line}\n".encode())

    async def close(self) -> None:
        """Let go of every stream; standard input stays open for whoever attaches next."""
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)

    async def _running(self, instance_id: str) -> str:
        """The container's own id: its name may have passed to a successor."""
        try:
            found = await call(self._docker, "GET", f"containers/{name_of(instance_id)}/json")
        except DockerError as error:
            if is_missing(error):
                raise _deaf(instance_id) from error
            raise
        if not found["State"]["Running"]:
            raise _deaf(instance_id)
        container: str = found["Id"]
        return container

    async def _write(self, container: str, instance_id: str, data: bytes) -> None:
        for _ in range(2):
            stream = self._streams.get(container) or await self._attach(container, instance_id)
            try:
                async with asyncio.timeout(_WRITE_SECONDS):
                    return await stream.write_in(data)
            except TimeoutError as error:
                why = f"the program has not read its console for {_WRITE_SECONDS} s"
                raise ContainerFault(verb=_VERB, instance=instance_id, why=why) from error
            except (AssertionError, RuntimeError):  # how aiodocker says that the connection has just been closed
                self._streams.pop(container, None)
        raise _deaf(instance_id)

    async def _attach(self, container: str, instance_id: str) -> Stream:
        # The engine closes a stream at the end of an output it carries; one for input alone would stay for ever.
        stream = self._docker.containers.container(container).attach(stdin=True, stderr=True)
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await stream.__aenter__()
        except DockerError as error:
            if is_missing(error) or is_conflict(error):
                raise _deaf(instance_id) from error
            raise
        self._streams[container] = stream
        watcher = asyncio.create_task(self._watch(container, stream))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        return stream

    async def _watch(self, container: str, stream: Stream) -> None:
        try:
            while await stream.read_out() is not None:
                pass
        except (aiohttp.ClientError, OSError):
            pass  # the engine is gone; the next line finds out
        finally:
            if self._streams.get(container) is stream:
                del self._streams[container]
            with suppress(AssertionError):  # it is closed already
                await stream.close()


def _deaf(instance_id: str) -> ContainerFault:
    return ContainerFault(verb=_VERB, instance=instance_id, why="it does not run")
