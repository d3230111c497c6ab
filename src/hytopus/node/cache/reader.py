"""Reading an object in order while a thread receives and hashes what comes next.

Receiving, hashing and decompressing all leave the interpreter to others, so that they go on side by side.
"""

from __future__ import annotations

import hashlib
import threading
from queue import SimpleQueue
from typing import Final

from hytopus.node.cache.receiver import Receiver
from hytopus.node.cache.remote import RemoteObject

BUFFER: Final = 1 << 20
AHEAD: Final = 16
"""Buffers that may lie in memory."""


class ObjectReader:
    """One object being read once."""

    def __init__(self, remote: RemoteObject) -> None:
        self._receiver = Receiver(remote)
        self._digest = hashlib.sha256()
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        self._filled: SimpleQueue[tuple[memoryview, int] | Exception] = SimpleQueue()
        for _ in range(AHEAD):
            self._free.put(memoryview(bytearray(BUFFER)))
        self._lent: memoryview | None = None
        self._rest = memoryview(b"")
        self._ended = False
        self.position = 0
        """Bytes read so far."""
        threading.Thread(target=self._work, daemon=True).start()

    @property
    def received(self) -> int:
        """Bytes that came over the network."""
        return self._receiver.received

    def hexdigest(self) -> str:
        """SHA-256 of the whole object; reads what is left of it."""
        while self.read(BUFFER):
            pass
        return self._digest.hexdigest()

    def read(self, size: int) -> memoryview:
        """Up to `size` bytes, valid until the next call; empty at the end. Raises what stopped the fetch."""
        if not self._rest and not self._ended:
            self._rest = self._next()
        view, self._rest = self._rest[:size], self._rest[size:]
        self.position += len(view)
        return view

    def close(self) -> None:
        self._receiver.close()

    def _next(self) -> memoryview:
        if self._lent is not None:
            self._free.put(self._lent)
        filled = self._filled.get()
        if isinstance(filled, Exception):
            self._filled.put(filled)  # for whoever asks again
            raise filled
        self._lent, size = filled
        self._ended = not size
        return self._lent[:size]

    def _work(self) -> None:
        size = -1
        try:
            while size:
                buffer = self._free.get()
                size = self._receiver.receive_into(buffer)
                self._digest.update(buffer[:size])
                self._filled.put((buffer, size))
        except Exception as error:  # noqa: BLE001 - raised by whoever reads
            self._filled.put(error)
