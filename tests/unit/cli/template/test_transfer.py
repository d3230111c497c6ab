"""Fetching from an object store that means harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hytopus.cli.template.transfer import DownloadCorrupt, download


@pytest.fixture
async def endless() -> AsyncIterator[str]:
    """The address of an object that never ends."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        try:
            while True:
                writer.write(bytes(1 << 16))
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"


async def test_an_object_that_does_not_end_fills_no_disk(endless: str, tmp_path: Path) -> None:
    got: list[int] = []

    async def url() -> str:
        return endless

    expected = {"size": 1000, "checksum": "0" * 64}
    with pytest.raises(DownloadCorrupt):
        await asyncio.wait_for(download(url, "base@1", expected, tmp_path / "x", got.append), 20)
    assert sum(got) < 4 << 20
    assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []
