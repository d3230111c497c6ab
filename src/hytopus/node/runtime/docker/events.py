"""What happens to our containers, as the engine tells it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from aiodocker import Docker

from hytopus.node.runtime.base import ContainerEvent, RuntimeUnavailable
from hytopus.node.runtime.docker.client import json_lines, stream
from hytopus.node.runtime.docker.names import INSTANCE, generation_of, scope_filter

_KINDS: Final = {"start": "started", "die": "exited", "destroy": "removed"}


async def read_events(docker: Docker, scope: str) -> AsyncGenerator[ContainerEvent, None]:
    """Starts, ends and removals from now on. An engine that stops ends the stream, which is an error here."""
    params = {"filters": scope_filter(scope, type=["container"], event=list(_KINDS))}
    async with stream(docker, "GET", "events", params=params) as response:
        async for event in json_lines(response):
            labels = event["Actor"]["Attributes"]
            kind = _KINDS.get(event["Action"])
            if kind and INSTANCE in labels:
                yield ContainerEvent(labels[INSTANCE], generation_of(labels), kind)
    raise RuntimeUnavailable(why="it closed the stream of events")
