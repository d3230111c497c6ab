"""A response that is a file on its way from a node: never more of it in memory than a piece."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hytopus.brain.nodes.remote import FileTransfer
from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger

log = get_logger(__name__)


class BrokenOff(Exception):
    """The response has begun: breaking the connection is the only way left to say that it is not whole."""


class FileResponse(Response):
    """Opens the stream when it is sent, so that what is wrong before the first byte is an ordinary problem."""

    media_type = "application/octet-stream"

    def __init__(self, open_file: Callable[[], AbstractAsyncContextManager[FileTransfer]]) -> None:
        super().__init__()
        self._open = open_file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._open() as stream:
            head = await stream.head()
            self._describe(head)
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            try:
                async for piece in stream.pieces():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except HytopusError as error:
                log.warning("download broken off", path=head["path"], code=error.code, cause=str(error))
                raise BrokenOff(str(error)) from error
            await send({"type": "http.response.body", "body": b""})

    def _describe(self, head: dict[str, Any]) -> None:
        """The node says it, and must not be able to say more than a name and a number."""
        name = quote(str(head["path"]).rpartition("/")[2], safe="")
        self.headers["content-length"] = str(int(head["size"]))
        self.headers["content-disposition"] = f"attachment; filename*=UTF-8''{name}"
