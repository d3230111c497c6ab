"""Reading an object over HTTP in order and hashing it: over one connection, and over several where that is slow.

One connection is best where the store is near: the kernel's buffer fills while this process decompresses. What breaks
off is resumed where it stopped.
"""

from __future__ import annotations

import time
from typing import Final

from hytopus.node.cache.digest import BackgroundDigest
from hytopus.node.cache.http import BadAnswer
from hytopus.node.cache.parallel import FAST, PART, ParallelReader
from hytopus.node.cache.remote import Patience, RemoteObject

_TRIAL: Final = PART
"""Bytes after which it is judged whether one connection is enough."""


class ObjectReader:
    """One object being read once."""

    def __init__(self, remote: RemoteObject) -> None:
        self._remote = remote
        self._connection = remote.connect()
        self._patience = Patience(remote)
        self._left = 0
        self._waited = 0.0
        self._direct = 0
        self._parallel: ParallelReader | None = None
        self._digest = BackgroundDigest()
        self.position = 0
        """Bytes read so far."""

    @property
    def received(self) -> int:
        """Bytes that came over the network."""
        return self._direct + (self._parallel.received if self._parallel else 0)

    def hexdigest(self) -> str:
        """SHA-256 of everything read so far."""
        return self._digest.hexdigest()

    def read(self, size: int) -> memoryview:
        """Up to `size` bytes, valid until the next call; empty at the end. Raises what stopped the fetch."""
        if not self._parallel and self._is_slow():
            self._connection.close()
            self._parallel = ParallelReader(self._remote, self.position)
        if self._parallel:
            view = self._parallel.read(size)
            self._digest.update(view)
        else:
            view = self._read(size)
        self.position += len(view)
        return view

    def close(self) -> None:
        self._connection.close()
        if self._parallel:
            self._parallel.close()

    def _read(self, size: int) -> memoryview:
        while self.position < self._remote.size or not self.position:
            try:
                return self._receive(size)
            except (OSError, BadAnswer) as error:
                self._connection.close()
                self._left = 0
                time.sleep(self._patience.failed(error))
        return memoryview(b"")

    def _receive(self, size: int) -> memoryview:
        began = time.monotonic()
        if not self._left:
            self._left = self._remote.ask(self._connection, self.position, None)
        buffer = self._digest.borrow()
        received = 0
        try:
            received = self._connection.read_into(buffer[: min(size, self._left)])
        finally:
            self._digest.give_back(buffer, received)
        if not received:
            raise BadAnswer("the connection broke off")
        self._waited += time.monotonic() - began
        self._patience.received(received)
        self._left -= received
        self._direct += received
        return buffer[:received]

    def _is_slow(self) -> bool:
        """One connection brings less than several might: enough has come to tell, and enough is left.

        On this machine itself more connections would only compete with what they wait for.
        """
        worth_it = self.position >= _TRIAL and self._remote.size - self.position > PART
        return worth_it and self._direct < self._waited * FAST and not self._connection.is_local
