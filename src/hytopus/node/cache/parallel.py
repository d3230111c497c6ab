"""Reading an object in parts of 8 MiB over several connections, for stores that are far away or slow per connection.

It begins with two and adds one whenever whoever reads had to wait for bytes that came slowly.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Final

from hytopus.node.cache.http import BadAnswer, Connection
from hytopus.node.cache.remote import Patience, RemoteObject

PART: Final = 8 << 20
MAX_CONNECTIONS: Final = 8
FAST: Final = 150e6
"""Bytes per second of one connection above which another would only cost."""

_FIRST: Final = 2
_AHEAD: Final = 2
"""Parts beyond those being read that may lie in memory."""
_STEP: Final = 1 << 20


class _Part:
    __slots__ = ("buffer", "filled", "size", "start")

    def __init__(self, start: int, size: int, buffer: bytearray) -> None:
        self.start, self.size, self.buffer = start, size, buffer
        self.filled = 0


class ParallelReader:
    """An object of known size being fetched by threads from `start` on. `read` gives its bytes in order."""

    def __init__(self, remote: RemoteObject, start: int) -> None:
        self._remote = remote
        self._changed = threading.Condition()
        self._parts: deque[_Part] = deque()
        self._spare: list[bytearray] = []
        self._scheduled, self._offset = start, 0
        self._connections, self._waited, self._stopped = 0, 0.0, False
        self._error: Exception | None = None
        self.received = 0
        """Bytes that came over the network, repeated ones included."""
        for _ in range(_FIRST):
            self._add_connection()

    def read(self, size: int) -> memoryview:
        """Up to `size` bytes, valid until the next call; empty at the end. Raises what stopped the fetch."""
        with self._changed:
            self._drop_finished()
            part = self._wait_for_bytes()
            if part is None:
                return memoryview(b"")
            start = self._offset
            end = self._offset = min(part.filled, start + size)
        return memoryview(part.buffer)[start:end]

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
            if not self._parts and self._scheduled >= self._remote.size:
                return None
            self._changed.wait()
        raise self._error

    def _add_connection(self) -> None:
        self._connections += 1
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        connection = self._remote.connect()
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
            while not self._stopped and not self._error and self._scheduled < self._remote.size:
                if len(self._parts) < self._connections + _AHEAD:
                    size = min(PART, self._remote.size - self._scheduled)
                    part = _Part(self._scheduled, size, self._spare.pop() if self._spare else bytearray(PART))
                    self._parts.append(part)
                    self._scheduled += size
                    return part
                self._changed.wait()
            return None

    def _consider_another(self, size: int, seconds: float, waited: float) -> None:
        with self._changed:
            starved = waited > seconds / 4 and size < seconds * FAST
            if starved and self._connections < MAX_CONNECTIONS and self._scheduled < self._remote.size:
                self._add_connection()

    def _fetch(self, connection: Connection, part: _Part) -> None:
        """Fill a part, going on where it broke off."""
        patience = Patience(self._remote)
        while part.filled < part.size:
            try:
                self._fetch_once(connection, part, patience)
            except (OSError, BadAnswer) as error:
                connection.close()
                self._pause(patience.failed(error))

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with self._changed:
            while not self._stopped and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            if self._stopped:
                raise self._remote.unreachable("the fetch was given up")

    def _fetch_once(self, connection: Connection, part: _Part, patience: Patience) -> None:
        self._remote.ask(connection, part.start + part.filled, part.start + part.size - 1)
        view = memoryview(part.buffer)
        while part.filled < part.size:
            size = connection.read_into(view[part.filled : min(part.size, part.filled + _STEP)])
            if not size:
                raise BadAnswer("the connection broke off")
            patience.received(size)
            with self._changed:
                part.filled += size
                self.received += size
                self._changed.notify_all()
