"""A node on a real engine and a real disk with the stand-in game. Templates come from memory, the test is the Brain."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hytopus.games.definition import Game
from hytopus.games.images import build_image
from hytopus.games.library import builtin_games, load_game
from hytopus.kit.clock import SystemClock
from hytopus.kit.ids import new_id
from hytopus.node.agent import Agent
from hytopus.node.cache.cache import TemplateCache
from hytopus.node.cache.download import MemoryDownload
from hytopus.node.directories import CachedDirectories
from hytopus.node.journal import Journal
from hytopus.node.lease import Lease
from hytopus.node.materialise.probe import probe
from hytopus.node.materialise.workspace import Workspaces
from hytopus.node.runner.host import Host
from hytopus.node.runtime.base import Runtime
from hytopus.node.runtime.docker import DockerRuntime
from hytopus.node.runtime.docker.client import connect
from hytopus.wire.messages import (
    InstanceCommand,
    InstanceReport,
    NodeFacts,
    NodeStatus,
    PortBinding,
    PrepareInstance,
    SetDevMode,
    StartInstance,
    TemplateLayer,
)
from tests.services.ports import free_port
from tests.unit.node.agent.bed import Sent

CONFIG = '{\n"ServerName": "${SERVER_NAME}"\n}\n'


class Node:
    """The disk and the engine of one node; agents come and go."""

    def __init__(self, root: Path, runtime: Runtime, game: Game) -> None:
        self.root, self.runtime, self.game = root, runtime, game
        self.tarballs: dict[str, bytes] = {}
        self.sent = Sent()
        self.agent: Agent
        self._tasks: list[asyncio.Task[None]] = []
        self._seen = 0

    async def start_agent(self) -> None:
        clock = SystemClock()
        cache = TemplateCache(self.root, download=MemoryDownload(self.tarballs))
        await cache.recover()
        workspaces = Workspaces(cache, await probe(self.root))
        directories = CachedDirectories(cache, workspaces, monotonic=clock.monotonic)
        host = Host(
            runtime=self.runtime,
            directories=directories,
            journal=Journal(self.root / "journal"),
            clock=clock,
            lease=Lease(clock, self.root / "lease.json"),
            report=self.sent.report,
            renew_urls=self.sent.renew_urls,
            logs=self.root / "logs",
        )
        self.agent = Agent(host, facts=NodeFacts())
        self._tasks = [asyncio.create_task(work) for work in (cache.run(), directories.run(), self.agent.run())]
        async with asyncio.timeout(20):
            await self.agent.adopted.wait()

    async def kill_agent(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def tell(self, *commands: InstanceCommand | SetDevMode) -> None:
        for command in commands:
            await self.agent.handle(command)

    async def expect(self, instance_id: str, status: NodeStatus, generation: int = 1) -> InstanceReport:
        def found() -> InstanceReport | None:
            for index in range(self._seen, len(self.sent.reports)):
                report = self.sent.reports[index]
                if (report.instance_id, report.status, report.generation) == (instance_id, status, generation):
                    self._seen = index + 1
                    return report
            return None

        report = await self.sent.until(found, seconds=30)
        assert isinstance(report, InstanceReport)
        return report

    async def reached(self, instance_id: str, status: str) -> None:
        await self.sent.until(lambda: status in self.sent.statuses(instance_id), seconds=60)

    async def running(self, assignment: PrepareInstance) -> InstanceReport:
        await self.tell(assignment)
        await self.expect(assignment.instance_id, NodeStatus.PREPARED, assignment.generation)
        await self.tell(StartInstance(assignment.instance_id, assignment.generation))
        return await self.expect(assignment.instance_id, NodeStatus.RUNNING, assignment.generation)

    def layer(self, template_id: str, files: Mapping[str, str]) -> TemplateLayer:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, text in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(text.encode()), 0o666  # a download from memory leaves them to root
                archive.addfile(entry, io.BytesIO(text.encode()))
        data = buffer.getvalue()
        checksum = sha256(data).hexdigest()
        self.tarballs[checksum] = data
        return TemplateLayer(template_id, "1", checksum, len(data), "memory:")

    def assignment(self, *layers: TemplateLayer, generation: int = 1, **changes: Any) -> PrepareInstance:
        instance_id = changes.pop("instance_id", None) or new_id()
        port = free_port()
        variables = {"INSTANCE_ID": instance_id, "INSTANCE_NAME": "lobby-1", "PORT": str(port), "SERVER_NAME": "Lobby"}
        given: dict[str, Any] = {
            "name": "lobby-1",
            "template_layers": layers
            or (self.layer("base", {"config.json": '{\n"ServerName": "${SERVER_NAME}"\n}\n'}),),
            "variable_map": variables | changes.pop("variables", {}),
            "secrets": (),
            "game": self.game.model_copy(update=changes.pop("game", {})).model_dump_json(),
            "ports": (PortBinding("game", port, port, "udp"),),
            "memory_mb": 64,
            "cpus": 1.0,
            "disk_mb": 64,
        }
        return PrepareInstance(instance_id=instance_id, generation=generation, **(given | changes))


@asynccontextmanager
async def node_on(engine_url: str, root: Path) -> AsyncIterator[Node]:
    """A node whose agent runs; what is left of its containers is removed."""
    folder = builtin_games() / "stand-in"
    game = load_game(folder)
    async with connect(engine_url) as engine:
        await build_image(game, folder, engine=engine, progress=print)
    async with DockerRuntime.open(f"test-{new_id()}", url=engine_url) as runtime:
        node = Node(root, runtime, game)
        await node.start_agent()
        yield node
        await node.kill_agent()
        for state in await runtime.list():
            await runtime.remove(state.instance_id)


@pytest.fixture
async def node(docker_engine: str, tmp_path: Path) -> AsyncIterator[Node]:
    async with node_on(docker_engine, tmp_path / "node") as node:
        yield node
