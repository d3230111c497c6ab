"""What a connection may cost before anybody has said who he is: uvicorn itself bounds neither the head of a request nor
the time it takes to come."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hytopus.kit.logs import get_logger

log = get_logger(__name__)


_AROUND: Final = 4
"""Bytes of a header beside its name and value."""


@dataclass(frozen=True, slots=True)
class Limits:
    head_bytes: int = 64 << 10
    """Of a request's address and headers."""
    head_s: float = 15.0
    """From the connection, or the first byte of a further request, to the end of its head."""
    pause_s: float = 30.0
    """Between two pieces of a body, unless it is the Brain that wants no more at the moment."""


USUAL: Final = Limits()


def within(limits: Limits) -> type[HttpToolsProtocol]:
    """uvicorn's protocol, bounded."""
    return type("Within", (_Bounded,), {"limits": limits})


class _Bounded(HttpToolsProtocol):
    limits: ClassVar[Limits]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_head, self._in_body = True, False
        self._fed = self._head = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(self.limits.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head:
            self._take_more(len(data))
        elif self._in_body:
            self._wait(self.limits.pause_s)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._in_body = True, False
        self._fed = self._head = 0

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + _AROUND)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body = False, True
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        self._stop_waiting()
        super().on_message_complete()

    def _count(self, size: int) -> None:
        """Of what is complete. The parser takes the error for one of the request, and that is what it is."""
        self._head += size
        if self._head > self.limits.head_bytes:
            raise ValueError("the head is too large")

    def _take_more(self, size: int) -> None:
        """The head is not complete: of a single header without end the parser says nothing, but keeps it."""
        self._fed += size
        if self._fed > self.limits.head_bytes:
            self._stop_waiting()
            self.send_400_response("The head of the request is too large.")
        elif self._timer is None:
            self._wait(self.limits.head_s)

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._in_body and self.flow.read_paused:
            self._wait(self.limits.pause_s)
            return
        log.info("a request that does not come is ended", address=self.client[0] if self.client else "")
        self.transport.close()
