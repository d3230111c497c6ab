"""Wake-ups that pile up while the loop is busy."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import grpc.aio

from hytopus.wire import wakeups
from hytopus.wire.wakeups import gather_wakeups, take_together


def test_one_call_for_all_that_came_and_none_is_left_behind() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    seen: list[bytes] = []
    with ours, theirs:
        for burst in (1, 5, 200):
            theirs.send(b"1" * burst)
            take_together(ours, lambda: seen.append(ours.recv(1)))
            assert not _readable(ours)
    assert seen == [b"1"] * 3


def _readable(wakeups: socket.socket) -> bool:
    try:
        return bool(wakeups.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


async def test_grpc_is_woken_through_it(monkeypatch: Any) -> None:
    """It reaches into how gRPC works: a release that works otherwise must not pass unnoticed."""
    taken: list[int] = []

    def counting(fd: socket.socket, callback: Any, *args: Any) -> None:
        taken.append(fd.fileno())
        take_together(fd, callback, *args)

    monkeypatch.setattr(wakeups, "take_together", counting)
    loop = asyncio.get_running_loop()
    gather_wakeups(loop)
    gather_wakeups(loop)
    server, answered = grpc.aio.server(), asyncio.Event()

    async def answer(_request: bytes, _context: Any) -> bytes:
        answered.set()
        return b"yes"

    handler: Any = grpc.unary_unary_rpc_method_handler(answer)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", {"Ask": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask: Any = channel.unary_unary("/s/Ask")
        assert await ask(b"?", timeout=10) == b"yes"
    await server.stop(0)
    assert answered.is_set()
    assert len(set(taken)) == 1
