"""Readiness probes and port checks, on real sockets of the loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hytopus.games.definition import Probe
from hytopus.node.runner.ports import first_taken
from hytopus.node.runner.probes import ask
from hytopus.wire.messages import PortBinding


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server(asyncio.DatagramProtocol):
    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(self.answer + data, addr)


@asynccontextmanager
async def udp_server(answer: bytes) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Server(answer), local_addr=("127.0.0.1", 0))
    yield int(transport.get_extra_info("sockname")[1])
    transport.close()


@asynccontextmanager
async def http_server(status: str) -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readline()
        writer.write(f"HTTP/1.1 {status if b' /ready ' in request else '404 Not Found'}\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def test_udp_asks_and_compares_the_beginning_of_the_answer() -> None:
    async with udp_server(b"\x4f\x45") as port:
        assert await ask(Probe(kind="udp", send_hex="01", expect_hex="4f4501"), port)
        assert await ask(Probe(kind="udp", send_hex="01"), port)
        assert not await ask(Probe(kind="udp", send_hex="01", expect_hex="ff"), port)


async def test_a_port_nobody_listens_on_is_not_ready() -> None:
    assert not await ask(Probe(kind="udp", send_hex="01"), free_port(socket.SOCK_DGRAM))
    assert not await ask(Probe(kind="tcp"), free_port(socket.SOCK_STREAM))
    assert not await ask(Probe(kind="http"), free_port(socket.SOCK_STREAM))


@pytest.mark.parametrize(("status", "ready"), [("200 OK", True), ("302 Found", True), ("503 Not Yet", False)])
async def test_http_wants_a_good_status(status: str, ready: bool) -> None:
    async with http_server(status) as port:
        assert await ask(Probe(kind="tcp"), port)
        assert await ask(Probe(kind="http", path="/ready"), port) is ready
        assert not await ask(Probe(kind="http", path="/other"), port)


async def test_an_answer_without_an_end_is_no_answer() -> None:
    async with http_server("200 " + "x" * 200_000) as port:
        assert not await ask(Probe(kind="http", path="/ready"), port)


@pytest.mark.parametrize(("kind", "protocol"), [(socket.SOCK_DGRAM, "udp"), (socket.SOCK_STREAM, "tcp")])
def test_a_port_in_use_is_found_whatever_address_it_is_bound_to(kind: socket.SocketKind, protocol: str) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        taken = PortBinding("game", port, port, protocol)
        assert first_taken([PortBinding("free", free_port(kind), 1, protocol), taken]) == taken
    assert first_taken([taken]) is None
