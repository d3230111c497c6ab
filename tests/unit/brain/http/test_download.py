"""What a node says of a file never becomes a header of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import Message

from hytopus.brain.files.download import BrokenOff, FileResponse
from hytopus.brain.nodes.errors import NodeAnswerUnusable


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

    await FileResponse("node-1", opened)({"type": "http"}, receive, send)
    return messages


async def test_a_name_is_quoted() -> None:
    (start, *_) = await sent(Said(path='a/b\r\nSet-Cookie: x="', size=1))
    assert dict(start["headers"])[b"content-disposition"] == (
        b"attachment; filename*=UTF-8''b%0D%0ASet-Cookie%3A%20x%3D%22"
    )


@pytest.mark.parametrize("size", ["1\r\nSet-Cookie: hytopus_session=theirs", -1, 2**70, None])
async def test_a_size_is_a_number(size: object) -> None:
    with pytest.raises(NodeAnswerUnusable, match="size"):
        await sent(Said(path="a", size=size))


async def test_a_head_that_is_none() -> None:
    with pytest.raises(NodeAnswerUnusable, match="path"):
        await sent(Said())


@pytest.mark.parametrize("size", [0, 2])
async def test_another_number_of_bytes_than_announced_is_not_taken_for_the_file(size: int) -> None:
    with pytest.raises(BrokenOff, match=f"the {size} it had announced"):
        await sent(Said(path="a", size=size))
