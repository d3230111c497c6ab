"""What a node says of a file never becomes a header of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import Message

from hytopus.brain.files.download import FileResponse


class Said:
    """A transfer from a node that says anything."""

    def __init__(self, **head: Any) -> None:
        self._head = head

    async def head(self) -> dict[str, Any]:
        return self._head

    async def pieces(self) -> AsyncIterator[bytes]:
        yield b"x"

    async def send(self, chunks: AsyncIterator[bytes]) -> dict[str, Any]:
        raise AssertionError("nothing is sent to it")


async def sent(transfer: Said) -> list[Message]:
    messages: list[Message] = []

    @asynccontextmanager
    async def opened() -> AsyncIterator[Said]:
        yield transfer

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    await FileResponse(opened)({"type": "http"}, receive, send)
    return messages


async def test_a_name_is_quoted() -> None:
    (start, *_) = await sent(Said(path='a/b\r\nSet-Cookie: x="', size=1))
    assert dict(start["headers"])[b"content-disposition"] == (
        b"attachment; filename*=UTF-8''b%0D%0ASet-Cookie%3A%20x%3D%22"
    )


async def test_a_size_is_a_number() -> None:
    with pytest.raises(ValueError, match="Set-Cookie"):
        await sent(Said(path="a", size="1\r\nSet-Cookie: hytopus_session=theirs"))
