"""An object behind a presigned address: asking for a range of it, and knowing when to stop asking."""

from __future__ import annotations

import time
from typing import Final

from hytopus.kit.backoff import backoff
from hytopus.node.cache.errors import ChecksumMismatch, ObjectMissing, S3Unreachable, UrlExpired
from hytopus.node.cache.http import Address, BadAnswer, Connection, Response

_SLOWEST: Final = 4096
"""Bytes per second below which a connection is given up."""


class RemoteObject:
    """The object as it was promised. `size` is 0 until it is known; `patience` is in seconds."""

    def __init__(self, address: Address, size: int, *, layer: str, patience: float) -> None:
        self.address, self.size, self.patience = address, size, patience
        self._layer = layer
        self.requests = self.failed_requests = 0

    def connect(self) -> Connection:
        return Connection(self.address)

    def ask(self, connection: Connection, first: int, last: int | None) -> int:
        """Have the answer's head read; returns how many bytes of body follow.

        Raises what cannot be helped by asking again, or `BadAnswer`.
        """
        self.requests += 1
        response = connection.get(first, last)
        if response.status == 404:
            raise ObjectMissing(layer=self._layer)
        if response.status in (401, 403):
            raise UrlExpired(layer=self._layer, why=_reason(connection, response))
        if response.status not in (200, 206, 416):
            raise BadAnswer(f"HTTP {response.status} {_reason(connection, response)}")
        if response.status == 200 and first:
            raise self.unreachable("it does not answer ranged requests")
        self._check_size(_total(response))
        return response.length

    def unreachable(self, why: str) -> S3Unreachable:
        return S3Unreachable(host=self.address.authority, why=why)

    def _check_size(self, total: int) -> None:
        if total != self.size and (self.size or not total):
            raise ChecksumMismatch(layer=self._layer, expected=f"{self.size} bytes", found=f"{total} bytes")
        self.size = total


class Patience:
    """How long to go on with a connection, or with trying, while nothing or too little comes."""

    def __init__(self, remote: RemoteObject) -> None:
        self._remote = remote
        self._progress_at = time.monotonic()
        self._delays = backoff(0.1, 2.0)
        self._window_at, self._window = self._progress_at, 0

    def received(self, size: int) -> None:
        """Raises TimeoutError where the bytes trickle."""
        now = time.monotonic()
        self._window += size
        if now - self._window_at > self._remote.patience:
            window, self._window = self._window, 0
            self._window_at = now
            if window < _SLOWEST * self._remote.patience:
                raise TimeoutError("it sends too slowly")
        if now - self._progress_at > 1:
            self._delays = backoff(0.1, 2.0)
        self._progress_at = now

    def failed(self, error: Exception) -> float:
        """Seconds to wait before the next attempt; raises `S3Unreachable` where there was no byte for too long."""
        now = time.monotonic()
        self._remote.failed_requests += 1
        self._window_at, self._window = now, 0
        if now - self._progress_at > self._remote.patience:
            raise self._remote.unreachable(str(error) or type(error).__name__) from error
        return next(self._delays)


def _total(response: Response) -> int:
    """The whole object's size."""
    if response.status == 200:
        return response.length
    total = response.headers.get("content-range", "").rpartition("/")[2]
    if not total.isdigit():
        raise BadAnswer("it does not say how large the object is")
    return int(total)


def _reason(connection: Connection, response: Response) -> str:
    """S3's own words, out of its XML."""
    body = connection.read_text(min(response.length, 4096))
    message = body.partition("<Message>")[2].partition("</Message>")[0]
    return message or response.reason
