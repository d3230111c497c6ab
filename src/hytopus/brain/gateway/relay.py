"""Console and log lines from a node to whoever looks on, and whole files both ways, each on a stream of its own.

Nothing is kept here. A viewer who reads slowly makes the node read slowly: back-pressure goes through gRPC's flow
control to the agent, and the numbers of the lines show if the agent itself had to skip some.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

from hytopus.brain.gateway.errors import NodeOffline, NodeTimeout, raised
from hytopus.brain.gateway.files import FileKind, FileStream
from hytopus.brain.gateway.registry import LiveSession, Sessions
from hytopus.kit.clock import Clock
from hytopus.kit.ids import new_id
from hytopus.kit.logs import get_logger
from hytopus.kit.requests import request_id
from hytopus.kit.waiting import within
from hytopus.wire.channel import LinkClosed, StreamChannel
from hytopus.wire.messages import LogLine, OpenStream, StreamFrame
from hytopus.wire.place import BEGINNING, Place

log = get_logger(__name__)

Kind = Literal["console", "logs"]


class LineStream:
    """Lines of one instance as they come, history first."""

    def __init__(self, stream_id: str, node_id: str, channel: StreamChannel) -> None:
        self._stream_id, self._node_id, self._channel = stream_id, node_id, channel

    async def __aiter__(self) -> AsyncIterator[LogLine]:
        """Ends when nothing more is to come. Raises NodeOffline when the node is lost, NodeProblem if it says why."""
        async for batch in self.batches():
            for line in batch:
                yield line

    async def batches(self) -> AsyncIterator[tuple[LogLine, ...]]:
        """The same in the portions they come in."""
        while True:
            try:
                frame = await self._channel.receive()
            except LinkClosed as error:
                raise NodeOffline(node=self._node_id) from error
            if frame is None:
                raise NodeOffline(node=self._node_id)
            if frame.lines:
                yield frame.lines
            if frame.problem is not None:
                raise raised(frame.problem)
            if frame.ended:
                return

    async def send_line(self, text: str) -> None:
        """Type a line at the console."""
        try:
            await self._channel.send(StreamFrame(self._stream_id, input=text))
        except LinkClosed as error:
            raise NodeOffline(node=self._node_id) from error


class _Expected:
    """A stream a node was asked for."""

    def __init__(self, node_id: str) -> None:
        self.node_id = node_id
        self.channel: asyncio.Future[StreamChannel] = asyncio.get_running_loop().create_future()
        self.done = asyncio.Event()


class Relay:
    """Brings together the viewer who wants a stream and the node that dials it."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions, self._clock = sessions, clock
        self._expected: dict[str, _Expected] = {}

    @asynccontextmanager
    async def open_stream(
        self,
        node_id: str,
        instance_id: str,
        kind: Kind,
        *,
        tail: int = 0,
        after: Place = BEGINNING,
        timeout: float = 10.0,
    ) -> AsyncIterator[LineStream]:
        """The last `tail` lines, or those after a place, then what comes. Raises NodeOffline or NodeTimeout."""
        message = OpenStream(new_id(), kind, instance_id, tail, after.number, after.start, origin=request_id())
        async with self._open(node_id, message, timeout) as channel:
            yield LineStream(message.stream_id, node_id, channel)

    @asynccontextmanager
    async def open_file(
        self, node_id: str, instance_id: str, kind: FileKind, body: Mapping[str, Any], *, timeout: float = 10.0
    ) -> AsyncIterator[FileStream]:
        """A whole file from a node, or to it; `body` says which. Raises NodeOffline or NodeTimeout."""
        async with self.open_frames(node_id, instance_id, kind, json.dumps(dict(body)), timeout=timeout) as channel:
            yield FileStream(node_id, channel, self._clock)

    @asynccontextmanager
    async def open_frames(
        self, node_id: str, instance_id: str, kind: str, body: str, *, timeout: float = 10.0
    ) -> AsyncIterator[StreamChannel]:
        """The same as it travels, for whoever only passes it on. `body` is JSON."""
        message = OpenStream(new_id(), kind, instance_id, body=body, origin=request_id())
        async with self._open(node_id, message, timeout) as channel:
            yield channel

    @asynccontextmanager
    async def _open(self, node_id: str, message: OpenStream, timeout: float) -> AsyncIterator[StreamChannel]:
        session = self._sessions.get(node_id)
        expected = self._expected[message.stream_id] = _Expected(node_id)
        try:
            try:
                channel = await within(self._clock, timeout, _dialled(session, message, expected))
            except TimeoutError as error:
                raise NodeTimeout(node=node_id, what=message.kind, seconds=timeout) from error
            yield channel
        finally:
            del self._expected[message.stream_id]
            expected.done.set()
            if expected.channel.done() and not expected.channel.cancelled():
                await expected.channel.result().close()

    async def serve(self, channel: StreamChannel, node_id: str) -> None:
        """The node's call: hand it to the viewer who waits for it, and keep it open as long as he stays."""
        try:
            first = await within(self._clock, 10.0, channel.receive())
        except (TimeoutError, LinkClosed):
            return
        expected = self._expected.get(first.stream_id) if first is not None else None
        if expected is None or expected.node_id != node_id or expected.channel.done():
            log.info("stream refused: nobody waits for it", node=node_id)
            return
        expected.channel.set_result(channel)
        await expected.done.wait()


async def _dialled(session: LiveSession, message: OpenStream, expected: _Expected) -> StreamChannel:
    """Ask the node to dial; the link may end before it does."""
    await session.send(message)
    gone = asyncio.ensure_future(session.finished.wait())
    either: set[asyncio.Future[Any]] = {gone, expected.channel}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
    if not expected.channel.done():
        raise NodeOffline(node=session.node_id)
    return expected.channel.result()
