"""Server-sent events: live responses that stay alive on a quiet line and end cleanly when the Brain does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger

log = get_logger(__name__)

HEARTBEAT_SECONDS: Final = 15.0


class RightsChanged(HytopusError):
    code: ClassVar[str] = "rights_changed"
    status: ClassVar[int] = 401
    template: ClassVar[str] = "The login or token of this live stream has ended, or may do more or less than before."
    remedy: ClassVar[str] = "Open the stream again, after a new login if it asks for one."
    retryable: ClassVar[bool] = True


_AHEAD: Final = 64


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event. `data` is sent as JSON; `id` comes back as `Last-Event-ID` when a client reconnects."""

    data: Any
    id: str | None = None
    event: str | None = None

    def encode(self) -> bytes:
        lines = [f"id: {self.id}"] if self.id is not None else []
        if self.event is not None:
            lines.append(f"event: {self.event}")
        lines.append(f"data: {json.dumps(self.data, separators=(',', ':'), ensure_ascii=False)}")
        return ("\n".join(lines) + "\n\n").encode()


class Streams:
    """All live responses of one Brain; `close()` ends them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.open = 0
        self._closing = asyncio.Event()

    def close(self) -> None:
        self._closing.set()

    async def closing(self) -> None:
        """Wait until the Brain wants its streams to end."""
        await self._closing.wait()


class _EventStream(Response):
    media_type = "text/event-stream"

    def __init__(self, streams: Streams, frames: AsyncGenerator[Frame, None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._streams = streams
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._streams.open += 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _send(send, b": open\n\n")
            state = scope["state"]
            why = await self._run(
                receive, send, state.get("recheck", _always), state.get("revoked", asyncio.Event().wait)
            )
            await _send(send, b"" if why is None else _problem(why), more=False)
        finally:
            self._streams.open -= 1

    async def _run(
        self,
        receive: Receive,
        send: Send,
        still_good: Callable[[], Awaitable[bool]],
        revoked: Callable[[], Awaitable[Any]],
    ) -> HytopusError | None:
        """Until the frames end, the client goes, his rights change or the Brain stops; whichever comes first.

        Returns what he is to be told at the end.
        """
        reasons: list[HytopusError | None] = []
        async with anyio.create_task_group() as tasks:

            async def until(wait: Callable[[], Awaitable[Any]], why: HytopusError | None = None) -> None:
                await wait()
                reasons.append(why)
                tasks.cancel_scope.cancel()

            tasks.start_soon(until, lambda: self._write(send))
            tasks.start_soon(until, lambda: _disconnected(receive))
            tasks.start_soon(until, self._streams.closing)
            tasks.start_soon(until, revoked, RightsChanged())
            tasks.start_soon(until, lambda: self._heartbeat(send, still_good), RightsChanged())
        return reasons[0]

    async def _write(self, send: Send) -> None:
        async with aclosing(self._frames) as frames:
            try:
                async for frame in frames:
                    await _send(send, frame.encode())
            except HytopusError as error:
                await _send(send, _problem(error))
            except Exception:  # the response has begun: all that is left is to say so and end it
                log.exception("live stream failed")
                await _send(send, _problem(HytopusError()))

    async def _heartbeat(self, send: Send, still_good: Callable[[], Awaitable[bool]]) -> None:
        """Returns when the token the stream was opened with is not good any more."""
        while True:
            await self._streams.clock.sleep(HEARTBEAT_SECONDS)
            if not await still_good():
                return
            await _send(send, b": heartbeat\n\n")


def stream_response(streams: Streams, frames: AsyncGenerator[Frame, None]) -> Response:
    """A live response. `frames` is closed when the client goes or the Brain stops.

    A `HytopusError` raised by `frames` ends the stream with an event `problem`.
    """
    return _EventStream(streams, frames)


async def merge(*sources: AsyncGenerator[Frame, None]) -> AsyncGenerator[Frame, None]:
    """Frames of several sources as they come, until one of them ends or raises; then all are closed."""
    frames: asyncio.Queue[Frame] = asyncio.Queue(_AHEAD)
    pumps = [asyncio.create_task(_pump(source, frames)) for source in sources]
    try:
        while True:
            coming = asyncio.create_task(frames.get())
            try:
                await asyncio.wait({coming, *pumps}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    break
                yield coming.result()
            finally:
                coming.cancel()
        next(pump for pump in pumps if pump.done()).result()
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def watched(
    frames: AsyncGenerator[Frame, None], watch: Callable[[], Awaitable[None]]
) -> AsyncGenerator[Frame, None]:
    """The frames, until they end or `watch` does; raises what it raises."""
    async with aclosing(merge(frames, _silent(watch))) as merged:
        async for frame in merged:
            yield frame


async def _silent(watch: Callable[[], Awaitable[None]]) -> AsyncGenerator[Frame, None]:
    await watch()
    nothing: tuple[Frame, ...] = ()
    for frame in nothing:
        yield frame


async def _pump(source: AsyncGenerator[Frame, None], frames: asyncio.Queue[Frame]) -> None:
    async with aclosing(source):
        async for frame in source:
            await frames.put(frame)


def _problem(error: HytopusError) -> bytes:
    """The last event of a stream: what its headers can no longer say."""
    said = {**error.as_dict(), "status": error.status, "retryable": error.retryable}
    return Frame(said, event="problem").encode()


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _always() -> bool:
    return True


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
