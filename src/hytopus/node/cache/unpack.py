"""The unpacking side of a fetch: forked from it, reads the shared memory, writes the tree and its manifest.

A second process takes half of the small files, since creating them is what takes the time.
"""

from __future__ import annotations

import marshal
import mmap
import os
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from hytopus.errors import HytopusError
from hytopus.layers.archive import Limits
from hytopus.layers.tar import Window
from hytopus.layers.unpack import Marked, Piece, Tree, unpack, write_pieces
from hytopus.node.cache.channel import say, say_error, say_os_error
from hytopus.node.cache.ring import Ring, RingBroken

_BUSY: Final = 2
"""Chunks a helper may have waiting before the parser rather writes itself."""

_LENGTH: Final = struct.Struct("I")
_COUNT: Final = struct.Struct("Q")
_REPORT_EVERY: Final = 0.2


def fork(run: Callable[[], None]) -> int:
    """Run in a child process, which reports its own errors; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        run()
        status = 0
    except HytopusError as error:
        say_error(error)
    except OSError as error:
        say_os_error(error)
    except RingBroken:
        pass  # the side that broke it has said why
    except BaseException as error:  # noqa: BLE001 - the last frame of this process
        say(error="fetch_failed", params={"why": repr(error)[:300]})
    finally:
        os._exit(status)


def write_tree(ring: Ring, root: int, manifest: int, limits: Limits) -> None:
    """Consume the ring into the directory open as `root`, then write the manifest's file."""
    ring.be_consumer()
    helper = Writer(ring, root) if len(os.sched_getaffinity(0)) > 1 else None
    result = unpack(Window(ring.next_chunk), root, limits=limits, report=_Reporter(), helper=helper)
    data = memoryview(result.dump())
    while data:
        data = data[os.write(manifest, data) :]
    say(files=result.files, bytes=result.size, entries=len(result.entries))


class _Reporter:
    """Tells the agent how many entries there are, a few times per second."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, entries: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _REPORT_EVERY
            say(unpacked=entries)


class Writer:
    """A process that writes the small files of the chunks it is given."""

    def __init__(self, ring: Ring, root: int) -> None:
        self._ring = ring
        self._sent = 0
        self._done = mmap.mmap(-1, mmap.PAGESIZE)
        work_out, self._work = os.pipe()
        self._result, result_in = os.pipe()
        self._pid = fork(lambda: self._run(root, work_out, result_in))
        os.close(work_out)
        os.close(result_in)

    def take(self, pieces: list[Piece]) -> bool:
        if self._sent - _COUNT.unpack_from(self._done)[0] >= _BUSY:
            return False
        message = marshal.dumps((self._ring.keep(), pieces))
        self._send(_LENGTH.pack(len(message)) + message)
        self._sent += 1
        return True

    def settle(self) -> Marked:
        os.close(self._work)
        with os.fdopen(self._result, "rb") as result:
            data = result.read()
        _, status = os.waitpid(self._pid, 0)
        if status:
            raise RingBroken
        marked: Marked = marshal.loads(data)  # noqa: S302 - written by our own child
        return marked

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._work, view) :]
        except BrokenPipeError as error:
            raise RingBroken from error

    def _run(self, root: int, work_out: int, result_in: int) -> None:
        os.close(self._work)
        os.close(self._result)
        marked: Marked = []
        memory: Any = self._ring.memory
        with os.fdopen(work_out, "rb") as work, Tree(root) as tree:
            count = 0
            while head := work.read(_LENGTH.size):
                slot, pieces = marshal.loads(work.read(_LENGTH.unpack(head)[0]))  # noqa: S302 - written by our parent
                marked += write_pieces(tree, memory, pieces)
                count += 1
                _COUNT.pack_into(self._done, 0, count)
                with suppress(RingBroken):  # everything may already have been read
                    self._ring.give_back(slot)
        with os.fdopen(result_in, "wb") as result:
            result.write(marshal.dumps(marked))
