"""A container's output as lines with the engine's time stamps."""

from __future__ import annotations

import struct
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import aiohttp
from aiodocker import Docker, DockerError

from hytopus.node.runtime.docker.client import stream
from hytopus.node.runtime.docker.errors import is_missing
from hytopus.node.runtime.docker.names import name_of

LONGEST_LINE: Final = 8 * 1024
"""Bytes; the rest of a longer line is dropped, so that one line can fill neither memory nor a browser."""

_HEADER: Final = struct.Struct(">BxxxL")
_STAMP: Final = len("2026-01-01T00:00:00.000000000Z")
_MICROSECONDS: Final = len("2026-01-01T00:00:00.000000")


async def read_logs(
    docker: Docker, instance_id: str, *, tail: int | None, since: datetime | None, follow: bool
) -> AsyncGenerator[tuple[datetime, str], None]:
    """Lines of both outputs in the order the engine stored them; a missing container has none."""
    params = {
        "stdout": "1",
        "stderr": "1",
        "timestamps": "1",
        "follow": str(int(follow)),
        "tail": "all" if tail is None else str(tail),
    }
    if since is not None:
        params["since"] = f"{since.timestamp():.6f}"
    lines = LineJoiner()
    try:
        async with (
            stream(docker, "GET", f"containers/{name_of(instance_id)}/logs", params=params) as response,
            aclosing(_frames(response)) as frames,
        ):
            async for output, payload in frames:
                for line in lines.feed(output, payload):
                    yield line
    except DockerError as error:
        if not is_missing(error):
            raise
    for line in lines.rest():
        yield line


async def _frames(response: aiohttp.ClientResponse) -> AsyncGenerator[tuple[int, bytes], None]:
    """The engine's framing of two outputs in one stream: eight bytes of header before each piece."""
    buffer = bytearray()
    async for chunk in response.content.iter_any():
        buffer += chunk
        start = 0
        while len(buffer) - start >= _HEADER.size:
            output, length = _HEADER.unpack_from(buffer, start)
            end = start + _HEADER.size + length
            if len(buffer) < end:
                break
            yield output, bytes(buffer[start + _HEADER.size : end])
            start = end
        del buffer[:start]


@dataclass(slots=True)
class LineJoiner:
    """Puts lines together again that the engine cut into pieces of 16 KiB, each with a time stamp before it.

    The time of a line is that of its first piece. Both outputs may be in the middle of a line at once.
    """

    _open: dict[int, tuple[datetime, bytearray]] = field(default_factory=dict)

    def feed(self, output: int, payload: bytes) -> Iterator[tuple[datetime, str]]:
        stamp, text = payload[:_STAMP], payload[_STAMP + 1 :]
        at, line = self._open.setdefault(output, (_time(stamp), bytearray()))
        line += text[: LONGEST_LINE + 1 - len(line)]
        if text.endswith(b"\n"):
            del self._open[output]
            yield at, _decode(line)

    def rest(self) -> Iterator[tuple[datetime, str]]:
        """What the container wrote last, without ending the line."""
        for at, line in self._open.values():
            yield at, _decode(line)
        self._open.clear()


def _decode(line: bytearray) -> str:
    return line.rstrip(b"\r\n")[:LONGEST_LINE].decode(errors="replace")


def _time(stamp: bytes) -> datetime:
    return datetime.fromisoformat(stamp[:_MICROSECONDS].decode()).replace(tzinfo=UTC)
