"""`python -m tests.services.forward LISTEN=TARGET …`: carries TCP connections, each pair as `host:port=host:port`.

One end runs in a network namespace and one outside, so that both sides keep their loopback addresses and the
only way between them is the cable that gets cut.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

CONNECT_SECONDS: Final = 10
CHUNK: Final = 65_536

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def main(pairs: Sequence[str]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for pair in pairs:
            listen, _, target = pair.partition("=")
            host, port = _address(listen)
            server = await asyncio.start_server(_to(*_address(target)), host, port)
            tasks.create_task(server.serve_forever())


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _to(host: str, port: int) -> Handler:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                their_reader, their_writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            writer.close()
            return
        await asyncio.gather(_pump(reader, their_writer), _pump(their_reader, writer))

    return carry


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1:]))
