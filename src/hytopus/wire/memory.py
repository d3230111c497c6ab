"""A link within one process, with the faults of a real one: for simulations and tests.

Time comes from a clock, so that a partition of twenty seconds can pass at once.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar
from weakref import WeakSet

from hytopus.kit.clock import Clock
from hytopus.wire.channel import LinkClosed
from hytopus.wire.codec import BRAIN, FRAME, NODE, Codec
from hytopus.wire.messages import BrainMessage, NodeMessage, StreamFrame

SILENCE_S: Final = 20.0
"""A partition this long ends the link, as keepalive would."""

Out = TypeVar("Out")
In = TypeVar("In")


class Faults:
    """What is wrong with the links that share it. May be changed at any time."""

    def __init__(self, *, delay: float = 0.0, duplicate: float = 0.0, reorder: float = 0.0, seed: int = 0) -> None:
        self.delay = delay
        """Seconds each message takes."""
        self.duplicate = duplicate
        """How often, 0 to 1, a message arrives twice."""
        self.reorder = reorder
        """How often, 0 to 1, a message overtakes the one before it, if that has not arrived. gRPC never does that; what
        relies on it should not have to."""
        self.partitioned = False
        self.random = random.Random(seed)  # noqa: S311 - faults, not secrets
        self._pipes: WeakSet[_Pipe] = WeakSet()

    def drop(self) -> None:
        """Break every link that lives now; what was under way is lost."""
        for pipe in tuple(self._pipes):
            pipe.end(lost=True)

    def partition(self) -> None:
        """Hold everything back until `heal()`."""
        self.partitioned = True
        self._wake()

    def heal(self) -> None:
        self.partitioned = False
        self._wake()

    def watch(self, pipe: _Pipe) -> None:
        self._pipes.add(pipe)

    def _wake(self) -> None:
        for pipe in tuple(self._pipes):
            pipe.wake()


class MemoryChannel(Generic[Out, In]):
    """One end of a pair."""

    def __init__(self, outgoing: _Pipe, incoming: _Pipe, encode: Codec[Out], decode: Codec[In]) -> None:
        self._outgoing, self._incoming = outgoing, incoming
        self._encode, self._decode = encode, decode
        self._closed = False

    async def send(self, message: Out) -> None:
        await self._outgoing.put(self._encode.encode(message))

    async def receive(self) -> In | None:
        try:
            while (data := await self._incoming.get()) is not None:
                if (message := self._decode.decode(data)) is not None:
                    return message
        except LinkClosed:
            if not self._closed:
                raise
        return None

    async def close(self) -> None:
        self._closed = True
        self._outgoing.end()
        self._incoming.end(lost=True)


def memory_pair(
    clock: Clock, *, faults: Faults | None = None, limit: int = 256
) -> tuple[MemoryChannel[NodeMessage, BrainMessage], MemoryChannel[BrainMessage, NodeMessage]]:
    """The node's end and the Brain's end of a session. `limit` is how many messages fit into each direction."""
    up, down = _pipes(clock, faults, limit)
    return MemoryChannel(up, down, NODE, BRAIN), MemoryChannel(down, up, BRAIN, NODE)


def memory_stream(
    clock: Clock, *, faults: Faults | None = None, limit: int = 16
) -> tuple[MemoryChannel[StreamFrame, StreamFrame], MemoryChannel[StreamFrame, StreamFrame]]:
    """The node's end and the Brain's end of a console or log stream."""
    up, down = _pipes(clock, faults, limit)
    return MemoryChannel(up, down, FRAME, FRAME), MemoryChannel(down, up, FRAME, FRAME)


def _pipes(clock: Clock, faults: Faults | None, limit: int) -> tuple[_Pipe, _Pipe]:
    faults = faults or Faults()
    return _Pipe(clock, faults, limit), _Pipe(clock, faults, limit)


class _Pipe:
    """One direction: bytes with the moment they are due."""

    def __init__(self, clock: Clock, faults: Faults, limit: int) -> None:
        self._clock, self._faults, self._limit = clock, faults, limit
        self._items: deque[tuple[float, bytes]] = deque()
        self._waiters: set[asyncio.Future[None]] = set()
        self._ended = False
        self._lost = False
        faults.watch(self)

    async def put(self, data: bytes) -> None:
        await self._until(lambda: self._ended or len(self._items) < self._limit)
        if self._ended:
            raise LinkClosed(cause="the other end is gone")
        due = self._clock.monotonic() + self._faults.delay if self._faults.delay else 0.0
        copies = 2 if self._faults.random.random() < self._faults.duplicate else 1
        self._items.extend([(due, data)] * copies)
        if len(self._items) > 1 and self._faults.random.random() < self._faults.reorder:
            (first, before), (second, after) = self._items[-2], self._items[-1]
            self._items[-2], self._items[-1] = (first, after), (second, before)
        self.wake()

    async def get(self) -> bytes | None:
        while True:
            await self._until(lambda: bool(self._items) or self._ended or self._faults.partitioned)
            if self._lost:
                raise LinkClosed(cause="the connection was lost")
            if self._faults.partitioned:
                await self._sit_out_partition()
            elif not self._items:
                return None
            elif (wait := self._items[0][0] - self._clock.monotonic()) > 0:
                await self._first_of(self._clock.sleep(wait), lambda: self._lost)
            else:
                self.wake()
                return self._items.popleft()[1]

    def end(self, *, lost: bool = False) -> None:
        """No more messages; `lost` also throws away those under way."""
        self._ended = True
        if lost:
            self._lost = True
        self.wake()

    def wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _sit_out_partition(self) -> None:
        await self._first_of(self._clock.sleep(SILENCE_S), lambda: self._lost or not self._faults.partitioned)
        if self._faults.partitioned:
            self.end(lost=True)

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    async def _first_of(self, sleep: Any, ready: Callable[[], bool]) -> None:
        tasks = {asyncio.ensure_future(sleep), asyncio.ensure_future(self._until(ready))}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
