"""Memory shared between the process that decompresses and those that write: slots of a megabyte, filled in turn.

No byte is copied on its way from the decompressor to the file it belongs to. Made before forking; each side then
uses its own half.
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import Any, Final

from hytopus.layers.tar import Chunk

SLOT: Final = 1 << 20
SLOTS: Final = 16

_SIZE: Final = struct.Struct("I")


class RingBroken(Exception):
    """The other side has gone."""


class Ring:
    """One producer, one consumer; whoever the consumer lets keep a slot gives it back itself."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, SLOTS * SLOT)
        self._filled_out, self._filled_in = os.pipe()
        self._free_out, self._free_in = os.pipe()
        self._free = set(range(SLOTS))
        self._next = 0
        self._current = -1

    def be_producer(self) -> None:
        """Keep this side's ends only, so that the other side's end is noticed."""
        os.close(self._filled_out)
        os.close(self._free_in)

    def be_consumer(self) -> None:
        os.close(self._filled_in)
        os.close(self._free_out)

    def slot(self) -> memoryview:
        """The next slot to fill, once it is free; raises `RingBroken` where nobody empties them any more."""
        while self._next not in self._free:
            freed = os.read(self._free_out, SLOTS)
            if not freed:
                raise RingBroken
            self._free.update(freed)
        start = self._next * SLOT
        return memoryview(self.memory)[start : start + SLOT]

    def filled(self, size: int) -> None:
        """Pass the slot on with so many bytes in it; 0 says that this was all."""
        self._free.discard(self._next)
        self._next = (self._next + 1) % SLOTS
        try:
            os.write(self._filled_in, _SIZE.pack(size))
        except BrokenPipeError as error:
            raise RingBroken from error

    def next_chunk(self) -> Chunk | None:
        """The next full slot; gives the one before back. None at the end, `RingBroken` before it."""
        if self._current >= 0:
            self.give_back(self._current)
        self._current = -1
        message = os.read(self._filled_out, _SIZE.size)
        if len(message) < _SIZE.size:
            raise RingBroken
        (size,) = _SIZE.unpack(message)
        if not size:
            return None
        self._current, self._next = self._next, (self._next + 1) % SLOTS
        start = self._current * SLOT
        buffer: Any = self.memory  # slicing it gives bytes
        return buffer, start, start + size

    def keep(self) -> int:
        """Take the present slot out of turn; it comes back with `give_back`."""
        slot, self._current = self._current, -1
        return slot

    def give_back(self, slot: int) -> None:
        try:
            os.write(self._free_in, bytes((slot,)))
        except BrokenPipeError as error:
            raise RingBroken from error
