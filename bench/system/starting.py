"""Starting a container through the agent's own runtime beside starting it directly, pair by pair."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import time
from pathlib import Path

from aiodocker import Docker

from bench.files.row import Row
from bench.system import direct
from hytopus.games.library import builtin_games, load_game
from hytopus.kit.ids import new_id
from hytopus.layers.pack import pack
from hytopus.node.cache.cache import TemplateCache
from hytopus.node.cache.download import MemoryDownload
from hytopus.node.cache.source import LayerSource
from hytopus.node.materialise.probe import probe
from hytopus.node.materialise.workspace import Prepared, Workspaces
from hytopus.node.runtime.base import ContainerSpec, PortMapping
from hytopus.node.runtime.docker import DockerRuntime
from tests.services.layers import write_layer
from tests.services.ports import free_port

RENDERED = 900
VARIABLES = {"SERVER_NAME": "bench", "MOTD": "welcome"}


async def measure(work: Path, docker_url: str, *, rounds: int = 15) -> Row:
    """An instance with 900 rendered files, prepared and started by the agent's code, against create and start alone."""
    cache, source = await _cache(work)
    workspaces = Workspaces(cache, await probe(work / "node"))
    scope, network = f"bench-{new_id()}", "hytopus"
    async with (
        DockerRuntime.open(scope, url=docker_url, network=network) as runtime,
        Docker(url=docker_url) as docker,
        cache.hold([source]) as layers,
    ):
        instance = new_id()
        first = await workspaces.prepare(instance, layers, VARIABLES)
        await runtime.start(_spec(instance, first))
        recipe = await direct.recipe(docker, f"hytopus-{instance}")
        await runtime.remove(instance)
        direct_times, agent_times = [], []
        for number in range(rounds):
            began = time.perf_counter()
            prepared = await workspaces.prepare(instance, layers, VARIABLES)
            await runtime.start(_spec(instance, prepared, generation=number + 2))
            agent_times.append(time.perf_counter() - began)
            # The container goes, its volume stays for the one that is started directly.
            await (await docker.containers.get(f"hytopus-{instance}")).delete(force=True)
            direct_times.append(await direct.start(docker, recipe, f"bench-{instance}"))
            await runtime.remove(instance)
    return Row.at_least(
        f"container start through the agent, {RENDERED} rendered files",
        statistics.median(direct_times),
        statistics.median(agent_times),
        1 / 1.25,
    )


async def _cache(work: Path) -> tuple[TemplateCache, LayerSource]:

    folder = work / "layer"
    files: dict[str, str | bytes] = {
        f"config/{number:04d}.yml": "name: ${SERVER_NAME}\nmotd: ${MOTD}\n" + "x: 1\n" * 200
        for number in range(RENDERED)
    }
    write_layer(folder, files, "[variables]\nSERVER_NAME = {}\nMOTD = {}\n")
    packed = await asyncio.to_thread(pack, folder, work / "layer.tar.zst")
    data = await asyncio.to_thread((work / "layer.tar.zst").read_bytes)
    await asyncio.to_thread(shutil.rmtree, folder)
    root = work / "node"
    await asyncio.to_thread(root.mkdir)
    cache = TemplateCache(root, owner=(1000, 1000), download=MemoryDownload({packed.checksum: data}))
    await cache.recover()
    return cache, LayerSource("bench", "1", packed.checksum, packed.size, "")


def _spec(instance: str, prepared: Prepared, generation: int = 1) -> ContainerSpec:
    game = load_game(builtin_games() / "stand-in")
    port = free_port()
    return ContainerSpec(
        instance_id=instance,
        instance_name="bench",
        generation=generation,
        image=game.image.reference,
        command=["/usr/local/bin/stand-in", "--bind", f"0.0.0.0:{port}"],
        mount=prepared.mount,
        workdir=game.workdir,
        ports=[PortMapping(port, port)],
        memory_mb=64,
        read_only_root=True,
    )
