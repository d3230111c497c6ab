"""A response that is a file on its way from a node: never more of it in memory than a piece."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, Field
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hytopus.brain.files.errors import FileOfAnotherLength
from hytopus.brain.http.parameters import LARGEST
from hytopus.brain.nodes.answers import understood
from hytopus.brain.nodes.remote import FileTransfer
from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger

log = get_logger(__name__)


class BrokenOff(Exception):
    """The response has begun: breaking the connection is the only way left to say that it is not whole."""


class _Head(BaseModel):
    """What a node says of a file before its bytes."""

    path: Annotated[str, Field(max_length=12_000)]
    size: Annotated[int, Field(ge=0, le=LARGEST)]


class FileResponse(Response):
    """Opens the stream when it is sent, so that what is wrong before the first byte is an ordinary problem."""

    media_type = "application/octet-stream"

    def __init__(self, node_id: str, open_file: Callable[[], AbstractAsyncContextManager[FileTransfer]]) -> None:
        super().__init__()
        self._node_id, self._open = node_id, open_file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._open() as stream:
            head = understood(_Head, await stream.head(), node_id=self._node_id, what="download")
            self._describe(head)
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            try:
                async for piece in _whole(stream.pieces(), head.size):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except HytopusError as error:
                log.warning("download broken off", path=head.path, code=error.code, cause=str(error))
                raise BrokenOff(str(error)) from error
            await send({"type": "http.response.body", "body": b""})

    def _describe(self, head: _Head) -> None:
        """The node says it, and must not be able to say more than a name and a number."""
        name = quote(head.path.rpartition("/")[2], safe="")
        self.headers["content-length"] = str(head.size)
        self.headers["content-disposition"] = f"attachment; filename*=UTF-8''{name}"


async def _whole(pieces: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """As many bytes as were announced, or the problem."""
    left = size
    async for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise FileOfAnotherLength(announced=size)
        yield piece
    if left:
        raise FileOfAnotherLength(announced=size)
