"""What a game server may call of this machine and beyond, with a fence and without one."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiodocker import Docker

from hytopus.kit.ids import new_id
from hytopus.node.runtime.docker import DockerRuntime
from hytopus.node.runtime.docker.addresses import Names
from hytopus.node.runtime.docker.client import call
from hytopus.node.runtime.docker.fence import Fence, FenceRefused, take_down
from hytopus.node.runtime.docker.network import ensure_network
from tests.integration.docker.conftest import DockerBench
from tests.integration.docker.test_hardening import inside
from tests.services.ports import free_ports
from tests.services.processes import Process
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.root]


@dataclass(frozen=True)
class Network:
    id: str
    machine: str
    """This machine's address there."""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """The address of another machine, as far as servers can tell; it answers on port 80."""
    tag, net = os.urandom(3).hex(), f"10.{180 + os.getpid() % 20}.{os.getpid() // 20 % 250}"
    namespace = f"hytopus-{tag}"
    serving = [sys.executable, "-m", "http.server", "80", "--directory", str(tmp_path)]
    server = Process(
        "elsewhere", ["nsenter", f"--net=/run/netns/{namespace}", *serving], tmp_path / "elsewhere.log", {}
    )
    ip("netns", "add", namespace)
    try:
        ip("link", "add", f"hyo{tag}", "type", "veth", "peer", "name", f"hyi{tag}", "netns", namespace)
        ip("address", "add", f"{net}.1/24", "dev", f"hyo{tag}")
        ip("link", "set", f"hyo{tag}", "up")
        ip("-n", namespace, "address", "add", f"{net}.2/24", "dev", f"hyi{tag}")
        ip("-n", namespace, "link", "set", f"hyi{tag}", "up")
        server.start()
        eventually_sync(lambda: answers(f"{net}.2", 80), what="the other machine")
        yield f"{net}.2"
    finally:
        server.kill()
        ip("netns", "delete", namespace)


@asynccontextmanager
async def fenced(bench: DockerBench, engine: Docker, url: str, fence: Fence | None) -> AsyncIterator[Network]:
    """The bench on a network of its own."""
    name = f"hytopus-{new_id()}"
    async with DockerRuntime.open(bench.scope, url=url, network=name, fence=fence) as runtime:
        former, bench.runtime = bench.runtime, runtime
        network_id = await ensure_network(engine, name)
        try:
            await runtime.guard()
            found = await call(engine, "GET", f"networks/{network_id}")
            yield Network(network_id, found["IPAM"]["Config"][0]["Gateway"])
        finally:
            for state in await runtime.list():
                await runtime.remove(state.instance_id)
            bench.runtime = former
            await take_down(network_id)
            await call(engine, "DELETE", f"networks/{network_id}")


async def reached(bench: DockerBench, targets: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Those of the addresses that take a connection of a server."""
    calls = "; ".join(f"busybox nc -w 2 {host} {port} < /dev/null > /dev/null 2>&1 && echo {host} {port}"
                      for host, port in targets)  # fmt: skip
    lines = await inside(bench, f"{calls}; echo end")
    assert lines[-1] == "end"
    return [(host, int(port)) for host, port in (line.split() for line in lines[:-1])]


async def _hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize("how", ["open", "fenced", "allowed"])
async def test_of_this_machine_only_game_ports_answer(
    docker_engine: str, bench: DockerBench, engine: Docker, how: str
) -> None:
    game, other = sorted(free_ports(2))
    fence = Fence(game, game, allowed=[f"0.0.0.0/0:{other}"] if how == "allowed" else ())
    async with fenced(bench, engine, docker_engine, None if how == "open" else fence) as network:
        machine = network.machine
        async with AsyncExitStack() as listening:
            for port in (game, other):
                await listening.enter_async_context(await asyncio.start_server(_hang_up, "0.0.0.0", port))
            found = await reached(bench, [(machine, game), (machine, other)])
    assert found == [(machine, game), *([] if how == "fenced" else [(machine, other)])]


async def test_what_is_forbidden_elsewhere_does_not_answer_and_the_rest_does(
    docker_engine: str, bench: DockerBench, engine: Docker, elsewhere: str
) -> None:
    for forbidden in ((), (elsewhere,)):
        fence = Fence(30_000, 30_499, lambda forbidden=forbidden: forbidden)  # type: ignore[misc]
        async with fenced(bench, engine, docker_engine, fence):
            assert await reached(bench, [(elsewhere, 80)]) == ([] if forbidden else [(elsewhere, 80)])


async def test_a_brain_elsewhere_does_not_answer_even_where_game_ports_would(
    docker_engine: str, bench: DockerBench, engine: Docker, elsewhere: str
) -> None:
    for closed in ((), (80,)):
        fence = Fence(1, 1_000, lambda: (elsewhere,), lambda closed=closed: closed)  # type: ignore[misc]
        async with fenced(bench, engine, docker_engine, fence):
            assert await reached(bench, [(elsewhere, 80)]) == ([] if closed else [(elsewhere, 80)])


async def test_a_name_that_is_not_known_any_more_leaves_the_fence_as_it_was(
    docker_engine: str, bench: DockerBench, engine: Docker, elsewhere: str
) -> None:
    known = [[f"{elsewhere}/32"]]
    fence = Fence(30_000, 30_499, lambda: ("brain.invalid",), names=Names(lambda _name: known[-1]))
    async with fenced(bench, engine, docker_engine, fence) as network:
        restarted = replace(fence, names=Names(lambda _name: ()))
        with pytest.raises(FenceRefused, match=r"address of brain\.invalid"):
            await restarted.put_up(network.id)
        assert await reached(bench, [(elsewhere, 80)]) == []


async def test_a_fence_that_was_torn_down_comes_back_once(
    docker_engine: str, bench: DockerBench, engine: Docker
) -> None:
    async with fenced(bench, engine, docker_engine, Fence(30_000, 30_499)) as network:
        assert isinstance(bench.runtime, DockerRuntime)
        before = hooks(network)
        assert len(before) == 2
        for rule in before:
            iptables("-D", *rule)
            assert len(hooks(network)) == 1
            for _ in range(2):
                await bench.runtime.guard()
            assert sorted(hooks(network)) == sorted(before)


def hooks(network: Network) -> list[list[str]]:
    """The rules by which packets of the network come to the fence."""
    listed = [*iptables("-S", "INPUT"), *iptables("-S", "DOCKER-USER")]
    return [line.split()[1:] for line in listed if "HYTOPUS-" in line and network.id[:12] in line]


def iptables(*words: str) -> list[str]:
    done = subprocess.run(["iptables", "--wait", *words], check=True, capture_output=True, text=True, timeout=20)
    return done.stdout.splitlines()


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


def answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
