"""Connections of people who do not mean well, before they have said who they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI, Request

from hytopus.brain.http.connections import Limits
from hytopus.brain.settings import HttpSettings
from hytopus.brain.web import WebServer

LIMITS = Limits(head_bytes=4096, head_s=0.05, pause_s=0.05)
PATIENT = Limits(head_bytes=4096)
ASK = b"POST /echo HTTP/1.1\r\nHost: a\r\n"


@asynccontextmanager
async def serving(limits: Limits) -> AsyncIterator[tuple[str, int]]:
    app = FastAPI()

    @app.post("/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    async with WebServer.open(app, HttpSettings(listen="127.0.0.1:0"), limits=limits) as web:
        address = urlsplit(web.url)
        assert address.hostname
        assert address.port
        yield address.hostname, address.port


async def answer(limits: Limits, *pieces: bytes) -> bytes:
    """What the Brain says until it ends the connection."""
    async with serving(limits) as address:
        reader, writer = await asyncio.open_connection(*address)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        said = b""
        try:
            async with asyncio.timeout(10):
                while piece := await reader.read(65536):
                    said += piece
        except ConnectionError:
            pass
        writer.close()
        return said


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 8000 + b" HTTP/1.1\r\n",
        ASK + b"X-Endless: " + b"a" * 8000,
        ASK + b"X: 1\r\n" * 2000 + b"\r\n",
        ASK + b"X-" + b"a" * 8000,
    ],
)
async def test_a_head_without_an_end_is_refused(head: bytes) -> None:
    assert (await answer(PATIENT, head)).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("start", [b"", b"\r\n", ASK, ASK + b"X: 1\r\n", ASK + b"Content-Length: 5\r\n\r\n123"])
async def test_who_does_not_go_on_is_shown_out(start: bytes) -> None:
    assert b"200 OK" not in await answer(LIMITS, start)


async def test_a_head_that_comes_byte_by_byte_does_not_gain_time() -> None:
    async with serving(Limits(head_s=0.1)) as address, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(ASK)
        ended = asyncio.ensure_future(reader.read())
        while not ended.done():
            writer.write(b"X: 1\r\n")
            await asyncio.wait([ended], timeout=0.01)
        assert b"200 OK" not in (await _said(ended))
        writer.close()


async def _said(reading: asyncio.Future[bytes]) -> bytes:
    """Nothing, where the connection was reset because not all that came was read."""
    try:
        return await reading
    except ConnectionError:
        return b""


async def test_requests_that_come_are_answered_one_after_the_other() -> None:
    ask = ASK + b"Content-Length: 5\r\n\r\n"
    last = ASK + b"Connection: close\r\nContent-Length: 2\r\n\r\n"
    said = await answer(PATIENT, ask, b"12", b"345", ask + b"12345", last, b"12")
    assert said.count(b"200 OK") == 3
    assert said.endswith(b"2")
