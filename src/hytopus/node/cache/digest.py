"""SHA-256 of a stream, computed by a thread of its own while the stream is used for something else."""

from __future__ import annotations

import hashlib
import threading
from queue import SimpleQueue
from typing import Final

BUFFER: Final = 1 << 20
_BUFFERS: Final = 4


class BackgroundDigest:
    """Lends buffers, and hashes them in the order in which they come back."""

    def __init__(self) -> None:
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        self._filled: SimpleQueue[tuple[memoryview, int] | None] = SimpleQueue()
        self._digest = hashlib.sha256()
        for _ in range(_BUFFERS):
            self._free.put(memoryview(bytearray(BUFFER)))
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def borrow(self) -> memoryview:
        """A buffer to fill; waits while all are still being hashed."""
        return self._free.get()

    def give_back(self, buffer: memoryview, size: int) -> None:
        """Hash the first `size` bytes. The buffer may be read until the next one is borrowed, but not written."""
        self._filled.put((buffer, size))

    def update(self, data: memoryview) -> None:
        """Hash at once, after everything given back so far; nothing can be given back from then on."""
        self._finish()
        self._digest.update(data)

    def hexdigest(self) -> str:
        self._finish()
        return self._digest.hexdigest()

    def _finish(self) -> None:
        if self._thread.is_alive():
            self._filled.put(None)
            self._thread.join()

    def _work(self) -> None:
        while item := self._filled.get():
            buffer, size = item
            self._digest.update(buffer[:size])
            self._free.put(buffer)
