"""An instance's lines over connections that break."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import repeat
from typing import Any

import httpx2
import pytest

from hytopus.cli.connection.client import Api
from hytopus.cli.connection.credentials import Credentials
from hytopus.cli.connection.live import follow_lines
from hytopus.cli.failure import ApiProblem

OFFLINE = {
    "code": "node_offline",
    "title": "Node offline",
    "detail": "Node a is away.",
    "status": 503,
    "retryable": True,
}
GONE = {"code": "instance_not_found", "title": "Not found", "detail": "There is none.", "status": 404}


class Breaking(httpx2.AsyncByteStream):
    """Lines, and then a connection that breaks in the middle of the next one, ends, or says what is wrong."""

    def __init__(self, numbers: range, end: str | dict[str, Any]) -> None:
        self._numbers, self._end = numbers, end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number in self._numbers:
            yield f'id: {number}@7.1\ndata: {{"number": {number}, "text": "line"}}\n\n'.encode()
        if isinstance(self._end, dict):
            yield f"event: problem\ndata: {json.dumps(self._end)}\n\n".encode()
        if self._end == "cut":
            yield b'id: 99@7.1\ndata: {"number": 99, "te'
            raise httpx2.ReadError("reset by peer")


class Brain(httpx2.AsyncBaseTransport):
    """A console of ten lines, of which each connection in turn carries some, until the server has ended."""

    def __init__(self, *connections: tuple[int, str | dict[str, Any]]) -> None:
        self.connections = list(connections)
        self.asked: list[tuple[str, str]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not request.url.path.endswith("/console"):
            return httpx2.Response(200, json={"state": "running" if self.connections else "stopped"})
        tail, place = request.url.params["tail"], request.headers.get("Last-Event-ID", "")
        self.asked.append((tail, place))
        last, end = self.connections.pop(0)
        if end == "refused":
            raise httpx2.ConnectError("refused")
        first = int(place.removesuffix("@7.1")) + 1 if place else 11 - int(tail)
        headers = {"Content-Type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=Breaking(range(first, last + 1), end))


async def numbers(brain: Brain) -> list[int]:
    async with Api.open(Credentials("http://a:1", "token"), transport=brain) as api:
        lines = follow_lines(api, "lobby", "console", tail=10, pauses=lambda: repeat(0.0))
        return [line["number"] async for line in lines]


async def test_each_line_comes_once_however_often_the_connection_breaks() -> None:
    brain = Brain((3, "cut"), (0, "refused"), (3, "cut"), (6, OFFLINE), (8, "end"), (10, "end"))
    assert await numbers(brain) == list(range(1, 11))
    places = ["", "3@7.1", "3@7.1", "3@7.1", "6@7.1", "8@7.1"]
    assert brain.asked == [("10", place) for place in places], "which start it was goes back, too"


async def test_what_no_repetition_mends_ends_it() -> None:
    with pytest.raises(ApiProblem, match="There is none"):
        await numbers(Brain((3, "cut"), (5, GONE), (10, "end")))
