"""gRPC's wake-ups of the event loop, taken together.

A thread of gRPC's writes one byte into a socket for each thing that has happened (a message has come, one has been
sent), and gRPC reads one byte of it each turn of the loop. When more happens than the loop has turns, the bytes pile up
until the socket is full after some 280; from then on the thread waits for the loop, and all links with it: a Brain that
is busy would hear one message each turn, and nodes would seem silent that are not. So all bytes but the last are read
here first.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

_PIECE: Final = 1 << 16
_GATHERS: Final = "hytopus_gathers_wakeups"


def gather_wakeups(loop: asyncio.AbstractEventLoop) -> None:
    """To be called before gRPC is first used in this loop. Again does nothing."""
    if getattr(loop, _GATHERS, False):
        return
    setattr(loop, _GATHERS, True)
    plain: Callable[..., None] = loop.add_reader

    def add_reader(fd: Any, callback: Callable[..., Any], *args: Any) -> None:
        if isinstance(fd, socket.socket) and _is_of_grpc(callback):
            plain(fd, partial(take_together, fd, callback), *args)
        else:
            plain(fd, callback, *args)

    loop.add_reader = add_reader  # type: ignore[assignment, method-assign]


def take_together(wakeups: socket.socket, callback: Callable[..., Any], *args: Any) -> None:
    """Call back once for all wake-ups there are; the callback reads the last."""
    with suppress(BlockingIOError):  # a loop in another thread was quicker
        waiting = len(wakeups.recv(_PIECE, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        if waiting > 1:
            wakeups.recv(waiting - 1, socket.MSG_DONTWAIT)
    callback(*args)


def _is_of_grpc(callback: Any) -> bool:
    owner = getattr(getattr(callback, "func", callback), "__self__", None)
    return type(owner).__module__.startswith("grpc.")
