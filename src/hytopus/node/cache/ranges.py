"""Reading an object over HTTP in order, in parts of 8 MiB, over as many connections as pay off.

It begins with one connection, which is best where the store is near, and adds one whenever whoever reads had to wait
for bytes that came slowly. A part that breaks off is resumed where it stopped.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from hytopus.kit.backoff import backoff
from hytopus.node.cache.errors import ChecksumMismatch, ObjectMissing, S3Unreachable, UrlExpired
from hytopus.node.cache.http import BadAnswer, Connection, Response

PART: Final = 8 << 20
MAX_CONNECTIONS: Final = 8
_AHEAD: Final = 2
"""Parts beyond those being read that may lie in memory."""
_STEP: Final = 1 << 20
_FAST: Final = 150e6
"""Bytes per second of one connection above which another would only cost."""
_SLOWEST: Final = 4096
"""Bytes per second below which a connection is given up."""


class _Part:
    __slots__ = ("buffer", "filled", "size", "start")

    def __init__(self, start: int, size: int, buffer: bytearray) -> None:
        self.start, self.size, self.buffer = start, size, buffer
        self.filled = 0


class RangedReader:
    """An object being fetched by threads. `read` gives its bytes in order; `patience` is in seconds without any."""

    def __init__(
        self, connect: Callable[[], Connection], size: int, *, layer: str, host: str, patience: float = 30.0
    ) -> None:
        self._connect, self._layer, self._host, self._patience = connect, layer, host, patience
        self._changed = threading.Condition()
        self._parts: deque[_Part] = deque()
        self._spare: list[bytearray] = []
        self._size, self._scheduled, self._offset = size, 0, 0
        self._connections, self._waited, self._stopped = 0, 0.0, False
        self._error: Exception | None = None
        self._digest = hashlib.sha256()
        self.received = 0
        """Bytes that came over the network, repeated ones included."""
        self._add_connection()

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._done_with + self._offset

    @property
    def _done_with(self) -> int:
        return self._parts[0].start if self._parts else self._scheduled

    def hexdigest(self) -> str:
        """SHA-256 of everything read so far."""
        return self._digest.hexdigest()

    def read(self, size: int) -> memoryview:
        """Up to `size` bytes, valid until the next call; empty at the end. Raises what stopped the fetch."""
        with self._changed:
            self._drop_finished()
            part = self._wait_for_bytes()
            if part is None:
                return memoryview(b"")
            start = self._offset
            end = self._offset = min(part.filled, start + size)
        view = memoryview(part.buffer)[start:end]
        self._digest.update(view)
        return view

    def close(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _drop_finished(self) -> None:
        if self._parts and self._offset == self._parts[0].size:
            self._spare.append(self._parts.popleft().buffer)
            self._offset = 0
            self._changed.notify_all()

    def _wait_for_bytes(self) -> _Part | None:
        began = time.monotonic()
        while not self._error:
            if self._parts and self._parts[0].filled > self._offset:
                self._waited += time.monotonic() - began
                return self._parts[0]
            if not self._parts and self._size and self._scheduled >= self._size:
                return None
            self._changed.wait()
        raise self._error

    def _add_connection(self) -> None:
        self._connections += 1
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        connection = self._connect()
        try:
            while part := self._next_part():
                before, began = self._waited, time.monotonic()
                self._fetch(connection, part)
                self._consider_another(part.size, time.monotonic() - began, self._waited - before)
        except Exception as error:  # noqa: BLE001 - handed to whoever reads
            with self._changed:
                self._error = self._error or error
                self._changed.notify_all()
        finally:
            connection.close()

    def _next_part(self) -> _Part | None:
        with self._changed:
            while not self._stopped and not self._error:
                first = not self._scheduled
                if not first and self._scheduled >= self._size > 0:
                    return None
                if first or (self._size and len(self._parts) < self._connections + _AHEAD):
                    size = min(PART, self._size - self._scheduled) if self._size else PART
                    part = _Part(self._scheduled, size, self._spare.pop() if self._spare else bytearray(PART))
                    self._parts.append(part)
                    self._scheduled += size
                    return part
                self._changed.wait()
            return None

    def _consider_another(self, size: int, seconds: float, waited: float) -> None:
        with self._changed:
            starved = waited > seconds / 4 and size < seconds * _FAST
            if starved and self._connections < MAX_CONNECTIONS and self._scheduled < self._size:
                self._add_connection()

    def _fetch(self, connection: Connection, part: _Part) -> None:
        """Fill a part, going on where it broke off, until there was no byte for the whole of our patience."""
        progress_at, delays = time.monotonic(), backoff(0.1, 2.0)
        while part.filled < part.size:
            before = part.filled
            try:
                self._fetch_once(connection, part)
            except (OSError, BadAnswer) as error:
                connection.close()
                now = time.monotonic()
                if part.filled > before:
                    progress_at, delays = now, backoff(0.1, 2.0)
                if now - progress_at > self._patience:
                    raise S3Unreachable(host=self._host, why=str(error) or type(error).__name__) from error
                self._pause(next(delays))

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with self._changed:
            while not self._stopped and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            if self._stopped:
                raise S3Unreachable(host=self._host, why="the fetch was given up")

    def _fetch_once(self, connection: Connection, part: _Part) -> None:
        first, last = part.start + part.filled, part.start + part.size - 1
        response = connection.get(first, last)
        self._check(connection, response, part)
        began, before = time.monotonic(), part.filled
        view = memoryview(part.buffer)
        while part.filled < part.size:
            size = connection.read_into(view[part.filled : min(part.size, part.filled + _STEP)])
            if not size:
                raise BadAnswer("the connection broke off")
            with self._changed:
                part.filled += size
                self.received += size
                self._changed.notify_all()
            spent = time.monotonic() - began
            if spent > self._patience and part.filled - before < _SLOWEST * spent:
                raise TimeoutError("it sends too slowly")

    def _check(self, connection: Connection, response: Response, part: _Part) -> None:
        if response.status == 404:
            raise ObjectMissing(layer=self._layer)
        if response.status in (401, 403):
            raise UrlExpired(layer=self._layer, why=_reason(connection, response))
        if response.status not in (200, 206, 416):
            raise BadAnswer(f"HTTP {response.status} {_reason(connection, response)}")
        total = _total(response)
        if total is None or (response.status == 200 and total > PART):
            raise S3Unreachable(host=self._host, why="it does not answer ranged requests")
        if total != self._size and (self._size or not total):
            raise ChecksumMismatch(layer=self._layer, expected=f"{self._size} bytes", found=f"{total} bytes")
        if not self._size:
            with self._changed:
                self._size, part.size = total, min(part.size, total)
                self._scheduled = part.size
                self._changed.notify_all()


def _total(response: Response) -> int | None:
    """The whole object's size."""
    if response.status == 200:
        return response.length
    total = response.headers.get("content-range", "").rpartition("/")[2]
    return int(total) if total.isdigit() else None


def _reason(connection: Connection, response: Response) -> str:
    """S3's own words, out of its XML."""
    body = connection.read_text(min(response.length, 4096))
    message = body.partition("<Message>")[2].partition("</Message>")[0]
    return message or response.reason
