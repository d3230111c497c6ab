"""Typing at a console whose Brain comes and goes."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from hytopus.cli.connection.client import Api
from hytopus.cli.connection.credentials import Credentials
from hytopus.cli.failure import ApiProblem
from hytopus.cli.instance.console import send_or_tell

STOPPED = {"code": "instance_not_running", "title": "Not running", "detail": "It is stopped.", "status": 409}
OFFLINE = {"code": "node_offline", "title": "Offline", "detail": "It is away.", "status": 503, "retryable": True}


def answering(status: int, body: dict[str, Any]) -> httpx2.MockTransport:
    return httpx2.MockTransport(lambda _: httpx2.Response(status, json=body))


async def said(transport: httpx2.AsyncBaseTransport) -> str:
    async with Api.open(Credentials("http://a:1", "token"), transport=transport) as api:
        return await send_or_tell(api, "lobby", "who")


async def test_a_line_that_cannot_be_sent_now_does_not_end_the_console() -> None:
    def refused(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    assert (await said(httpx2.MockTransport(refused))).startswith("Perhaps not sent: who (")
    assert await said(answering(503, OFFLINE)) == "Perhaps not sent: who (It is away.)"
    assert await said(answering(202, {})) == ""


async def test_a_line_that_can_never_be_sent_does() -> None:
    with pytest.raises(ApiProblem, match="stopped"):
        await said(answering(409, STOPPED))
