"""One whole file on its way from a node, or to it. Nothing is kept: whoever reads slowly slows only his own stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final, Literal, TypeVar

from hytopus.brain.gateway.errors import NodeOffline, NodeTimeout, raised
from hytopus.brain.nodes.answers import read_answer
from hytopus.kit.clock import Clock
from hytopus.kit.waiting import within
from hytopus.wire.channel import Channel, LinkClosed
from hytopus.wire.messages import StreamFrame

FileChannel = Channel[StreamFrame, StreamFrame]
FileKind = Literal["download", "upload"]

PATIENCE_S: Final = 30.0
"""How long a node may take for the next piece, or to take one."""
FINISHING_S: Final = 120.0
"""How long it may take to put a file into place once all of it is there."""
PIECE: Final = 256 << 10
"""Bytes that are sent at once."""

_T = TypeVar("_T")


class FileStream:
    """Either `head` and then `pieces`, or `send`."""

    def __init__(self, node_id: str, channel: FileChannel, clock: Clock) -> None:
        self._node_id, self._channel, self._clock = node_id, channel, clock

    async def head(self) -> dict[str, Any]:
        """What the file is. Raises what the node says is wrong."""
        frame = await self._receive(PATIENCE_S)
        return read_answer(frame.body, node_id=self._node_id, what="download")

    async def pieces(self) -> AsyncIterator[bytes]:
        """Its bytes. Raises what the node says is wrong, or NodeOffline where they stop coming."""
        while not (frame := await self._receive(PATIENCE_S)).ended:
            yield frame.data

    async def send(self, chunks: AsyncIterator[bytes]) -> dict[str, Any]:
        """Give the node all the bytes; returns what it did with them.

        What a node refuses before its end is still read to the end, but not sent: whoever sends it hears why then.
        """
        answer = asyncio.ensure_future(self._receive(None))
        try:
            async for chunk in chunks:
                for start in range(0, len(chunk), PIECE):
                    if not answer.done():
                        piece = StreamFrame("", data=chunk[start : start + PIECE])
                        await self._within(PATIENCE_S, self._send(piece))
            if not answer.done():
                await self._within(PATIENCE_S, self._send(StreamFrame("", ended=True)))
            done = await self._within(FINISHING_S, _result(answer))
            return read_answer(done.body, node_id=self._node_id, what="upload")
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)

    async def _receive(self, seconds: float | None) -> StreamFrame:
        try:
            coming = self._channel.receive()
            frame = await (coming if seconds is None else self._within(seconds, coming))
        except LinkClosed as error:
            raise NodeOffline(node=self._node_id) from error
        if frame is None:
            raise NodeOffline(node=self._node_id)
        if frame.problem is not None:
            raise raised(frame.problem)
        return frame

    async def _send(self, frame: StreamFrame) -> None:
        try:
            await self._channel.send(frame)
        except LinkClosed as error:
            raise NodeOffline(node=self._node_id) from error

    async def _within(self, seconds: float, operation: Coroutine[Any, Any, _T]) -> _T:
        try:
            return await within(self._clock, seconds, operation)
        except TimeoutError as error:
            raise NodeTimeout(node=self._node_id, what="a file", seconds=seconds) from error


async def _result(answer: asyncio.Future[_T]) -> _T:
    return await asyncio.shield(answer)
