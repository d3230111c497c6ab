"""Asks a server over the network whether it is ready: UDP, TCP or HTTP."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from hytopus.games.definition import Probe

_LOOPBACK: Final = "127.0.0.1"
_ANSWER_SECONDS: Final = 2.0


async def ask(probe: Probe, port: int) -> bool:
    """One attempt on a port of this node; no answer within two seconds is a no."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            match probe.kind:
                case "udp":
                    return await _udp(bytes.fromhex(probe.send_hex), bytes.fromhex(probe.expect_hex), port)
                case "tcp":
                    return await _tcp(port)
                case "http":
                    return await _http(probe.path, port)
    except (OSError, TimeoutError, ValueError):  # ValueError: a line of the answer without an end
        return False


async def _tcp(port: int) -> bool:
    _, writer = await asyncio.open_connection(_LOOPBACK, port)
    writer.close()
    return True


async def _http(path: str, port: int) -> bool:
    """Any 2xx or 3xx."""
    reader, writer = await asyncio.open_connection(_LOOPBACK, port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        words = (await reader.readline()).split()
        return len(words) > 1 and words[1][:1] in {b"2", b"3"}
    finally:
        writer.close()


async def _udp(request: bytes, expected: bytes, port: int) -> bool:
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Answer(answer), remote_addr=(_LOOPBACK, port)
    )
    try:
        transport.sendto(request)
        return (await answer).startswith(expected)
    finally:
        transport.close()


class _Answer(asyncio.DatagramProtocol):
    def __init__(self, answer: asyncio.Future[bytes]) -> None:
        self._answer = answer

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self._answer.done():
            self._answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens yet: the kernel says so for UDP, too."""
        if not self._answer.done():
            self._answer.set_exception(exc)
