"""Foreign processes, foreign hands, other agents, and an engine that is not there."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from aiodocker import Docker

from hytopus.node.runtime.base import (
    ContainerFault,
    ContainerStatus,
    ImageMissing,
    PortMapping,
    PortTaken,
    RuntimeUnavailable,
)
from hytopus.node.runtime.docker import DockerRuntime
from hytopus.node.runtime.docker.client import call
from hytopus.node.runtime.docker.names import name_of
from hytopus.node.runtime.docker.network import check_ports
from tests.integration.docker.conftest import DockerBench
from tests.services.waiting import eventually
from tests.unit.node.runtime.contract import boot, complete, ended, line_of, watched

pytestmark = pytest.mark.docker


@pytest.mark.parametrize(("kind", "protocol"), [(socket.SOCK_DGRAM, "udp"), (socket.SOCK_STREAM, "tcp")])
async def test_a_foreign_process_on_the_port_is_named(
    bench: DockerBench, engine: Docker, kind: socket.SocketKind, protocol: str
) -> None:
    with socket.socket(socket.AF_INET, kind) as foreign:
        foreign.bind(("0.0.0.0", 0))
        if kind is socket.SOCK_STREAM:
            foreign.listen()
        port = foreign.getsockname()[1]
        spec = replace(bench.spec(), ports=[PortMapping(port, port, protocol)])
        with pytest.raises(PortTaken, match=f"Port {port}/{protocol}"):
            await bench.runtime.start(spec)
    assert await bench.runtime.inspect(spec.instance_id) is None
    await boot(bench, spec)


async def test_the_engines_own_word_for_a_taken_port_is_understood(
    bench: DockerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look and the engine's binding somebody may be quicker."""
    monkeypatch.setattr("hytopus.node.runtime.docker.runtime.check_ports", lambda ports, address: None)
    first = bench.spec(ports=[bench.free_port()])
    await boot(bench, first)
    second = bench.spec(ports=[first.ports[0].host])
    with pytest.raises(PortTaken, match=f"Port {first.ports[0].host}/udp"):
        await bench.runtime.start(second)
    assert await bench.runtime.inspect(second.instance_id) is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
        foreign.bind(("0.0.0.0", 0))
        third = bench.spec(ports=[foreign.getsockname()[1]])
        with pytest.raises(PortTaken, match=f"Port {third.ports[0].host}/udp"):
            await bench.runtime.start(third)
    assert await bench.runtime.inspect(third.instance_id) is None


def test_a_port_in_use_on_one_address_only_counts_too() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
        foreign.bind(("127.0.0.1", 0))
        port = foreign.getsockname()[1]
        with pytest.raises(PortTaken):
            check_ports([PortMapping(port, port)], "0.0.0.0")


async def test_a_container_removed_by_hand_is_noticed(bench: DockerBench, engine: Docker) -> None:
    spec = bench.overlay(bench.spec(), {})
    async with watched(bench) as events:
        await boot(bench, spec)
        waiting = asyncio.create_task(bench.runtime.wait(spec.instance_id))
        await call(engine, "DELETE", f"containers/{name_of(spec.instance_id)}", params={"force": "1"})
        state = await waiting
        mine = await eventually(lambda: complete(events, spec.instance_id), what="the removal's event")
    assert state is None or state.status is ContainerStatus.EXITED
    assert [event.kind for event in mine] == ["started", "exited", "removed"]
    assert await bench.runtime.inspect(spec.instance_id) is None
    await bench.runtime.remove(spec.instance_id)
    await boot(bench, replace(spec, generation=2))


async def test_a_container_that_was_never_started_makes_room(bench: DockerBench, engine: Docker) -> None:
    spec = bench.spec()
    await boot(bench, spec)
    await bench.runtime.kill(spec.instance_id)
    await ended(bench.runtime, spec.instance_id)
    found = await call(engine, "GET", f"containers/{name_of(spec.instance_id)}/json")
    await bench.runtime.remove(spec.instance_id)
    body = {**found["Config"], "HostConfig": found["HostConfig"]}
    await call(engine, "POST", "containers/create", params={"name": name_of(spec.instance_id)}, body=body)
    left = await bench.runtime.inspect(spec.instance_id)
    assert left is not None
    assert left.status is ContainerStatus.CREATED
    await boot(bench, spec)


async def test_a_network_that_vanished_is_made_again(docker_engine: str, bench: DockerBench, engine: Docker) -> None:
    name = f"hytopus-{bench.scope}"
    async with DockerRuntime.open(bench.scope, url=docker_engine, network=name) as runtime:
        bench.runtime = runtime
        try:
            first, second = bench.spec(), bench.spec()
            await boot(bench, first)
            await runtime.remove(first.instance_id)
            await call(engine, "DELETE", f"networks/{name}")
            await boot(bench, second)
            await runtime.remove(second.instance_id)
        finally:
            await call(engine, "DELETE", f"networks/{name}")


async def test_another_agents_containers_are_neither_seen_nor_touched(docker_engine: str, bench: DockerBench) -> None:
    spec = bench.spec()
    await boot(bench, spec)
    async with DockerRuntime.open(f"{bench.scope}-other", url=docker_engine) as other:
        assert await other.list() == []
        assert await other.usage() == {}
        for use in (other.inspect(spec.instance_id), other.wait(spec.instance_id), other.start(spec)):
            with pytest.raises(ContainerFault, match=f"belongs to {bench.scope}"):
                await use
    found = await bench.runtime.inspect(spec.instance_id)
    assert found is not None
    assert found.status is ContainerStatus.RUNNING


async def test_an_agent_that_comes_back_finds_everything(docker_engine: str, bench: DockerBench) -> None:
    spec = bench.spec(generation=4)
    await boot(bench, spec)
    await bench.runtime.send_line(spec.instance_id, "fake line before")
    await line_of(bench.runtime, spec.instance_id, "before")
    async with DockerRuntime.open(bench.scope, url=docker_engine) as again:
        (state,) = await again.list()
        assert (state.instance_id, state.generation) == (spec.instance_id, 4)
        assert (await again.start(spec)).started_at == state.started_at
        await again.send_line(spec.instance_id, "fake line after")
        await line_of(again, spec.instance_id, "after")
        lines = [text async for _, text in again.logs(spec.instance_id, follow=False)]
        assert lines.index("before") < lines.index("after")
        await again.send_line(spec.instance_id, "stop")
        assert (await ended(again, spec.instance_id)).exit_code == 0


async def test_an_engine_that_is_not_there_is_called_so(bench: DockerBench, tmp_path: Path) -> None:
    async with DockerRuntime.open("nobody", url=f"unix://{tmp_path}/docker.sock") as runtime:
        spec = bench.spec()
        for use in (runtime.info(), runtime.list(), runtime.start(spec), runtime.send_line("x", "stop")):
            with pytest.raises(RuntimeUnavailable, match="does not answer"):
                await use
        with pytest.raises(RuntimeUnavailable):
            _ = [line async for line in runtime.logs("x")]
        with pytest.raises(RuntimeUnavailable):
            _ = [event async for event in runtime.events()]


async def test_a_command_that_is_not_in_the_image_is_told(bench: DockerBench) -> None:
    spec = replace(bench.spec(), command=["/no/such/server"])
    with pytest.raises(ContainerFault, match="/no/such/server"):
        await bench.runtime.start(spec)
    assert await bench.runtime.inspect(spec.instance_id) is None


async def test_a_registry_that_cannot_be_reached_is_the_reason(bench: DockerBench) -> None:
    with pytest.raises(ImageMissing, match=r"registry\.invalid"):
        await bench.runtime.ensure_image("registry.invalid/hytopus/thing:1", game="thing")


async def test_a_cancelled_start_leaves_nothing(bench: DockerBench) -> None:
    spec = bench.spec()
    starting = asyncio.create_task(bench.runtime.start(spec))
    async with asyncio.timeout(20):
        while await bench.runtime.inspect(spec.instance_id) is None:
            pass  # it is made now
    assert starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await bench.runtime.inspect(spec.instance_id) is None
