"""The bytes of an object over HTTP, in order: over one connection, and over several where that is slow.

What breaks off is resumed where it stopped.
"""

from __future__ import annotations

import time
from typing import Final

from hytopus.node.cache.http import BadAnswer
from hytopus.node.cache.parallel import FAST, PART, ParallelReader
from hytopus.node.cache.remote import Patience, RemoteObject

_TRIAL: Final = PART
"""Bytes after which it is judged whether one connection is enough."""


class Receiver:
    """One object being received once."""

    def __init__(self, remote: RemoteObject) -> None:
        self._remote = remote
        self._connection = remote.connect()
        self._patience = Patience(remote)
        self._position = 0
        self._left = 0
        self._waited = 0.0
        self._direct = 0
        self._parallel: ParallelReader | None = None

    @property
    def received(self) -> int:
        """Bytes that came over the network, repeated ones included."""
        return self._direct + (self._parallel.received if self._parallel else 0)

    def receive_into(self, buffer: memoryview) -> int:
        """The next bytes, as many as fit and come soon; 0 at the end. Raises what stopped the fetch."""
        if not self._parallel and self._is_slow():
            self._connection.close()
            self._parallel = ParallelReader(self._remote, self._position)
        size = self._read_into(buffer) if self._parallel is None else _copy(self._parallel, buffer)
        self._position += size
        return size

    def close(self) -> None:
        self._connection.close()
        if self._parallel:
            self._parallel.close()

    def _read_into(self, buffer: memoryview) -> int:
        while self._position < self._remote.size or not self._position:
            try:
                return self._read_once(buffer)
            except (OSError, BadAnswer) as error:
                self._connection.close()
                self._left = 0
                time.sleep(self._patience.failed(error))
        return 0

    def _read_once(self, buffer: memoryview) -> int:
        began = time.monotonic()
        if not self._left:
            self._left = self._remote.ask(self._connection, self._position, None)
        received = self._connection.read_into(buffer[: self._left])
        if not received:
            raise BadAnswer("the connection broke off")
        self._waited += time.monotonic() - began
        self._patience.received(received)
        self._left -= received
        self._direct += received
        return received

    def _is_slow(self) -> bool:
        """One connection brings less than several might: enough has come to tell, and enough is left.

        On this machine itself more connections would only compete with what they wait for.
        """
        worth_it = self._position >= _TRIAL and self._remote.size - self._position > PART
        return worth_it and self._direct < self._waited * FAST and not self._connection.is_local


def _copy(parallel: ParallelReader, buffer: memoryview) -> int:
    view = parallel.read(len(buffer))
    buffer[: len(view)] = view
    return len(view)
