"""Which of several Brains a command talks to."""

from __future__ import annotations

import httpx2
import pytest

from hytopus.cli.connection.client import Api
from hytopus.cli.connection.credentials import Credentials
from hytopus.cli.failure import BrainUnreachable

TWO = Credentials("http://a:1,http://b:2", "token")


class Brains(httpx2.AsyncBaseTransport):
    """Brains by `host:port`, as far as they can be reached."""

    def __init__(self, *up: str) -> None:
        self.up = set(up)
        self.asked: list[str] = []
        self.failing = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.headers["Host"]
        self.asked.append(host)
        if host not in self.up:
            raise httpx2.ConnectError("refused")
        if self.failing:
            raise httpx2.ReadError("reset")
        return httpx2.Response(200, json={"host": f"{request.url.host}:{request.url.port}"})


async def test_the_first_that_answers_is_used_and_kept() -> None:
    brains = Brains("b:2")
    async with Api.open(TWO, transport=brains) as api:
        assert await api.get("/status") == {"host": "b:2"}
        brains.up.add("a:1")
        assert await api.get("/status") == {"host": "b:2"}
    assert brains.asked == ["a:1", "b:2", "b:2"]


async def test_what_has_begun_is_not_repeated_elsewhere_but_the_next_request_is() -> None:
    brains = Brains("a:1", "b:2")
    brains.failing = True
    async with Api.open(TWO, transport=brains) as api:
        with pytest.raises(BrainUnreachable):
            await api.post("/instances", {})
        assert brains.asked == ["a:1"]
        brains.failing = False
        assert await api.get("/status") == {"host": "b:2"}


async def test_no_brain_at_all() -> None:
    async with Api.open(TWO, transport=Brains()) as api:
        with pytest.raises(BrainUnreachable, match="a:1"):
            await api.get("/status")
