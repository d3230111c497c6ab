"""A runtime on the real engine, with the stand-in game in its containers."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from aiodocker import Docker

from hytopus.games.images import build_image
from hytopus.games.library import builtin_games, load_game
from hytopus.kit.ids import new_id
from hytopus.node.runtime.base import BindMount, ContainerSpec, OverlayMount, PortMapping, Runtime
from hytopus.node.runtime.docker import DockerRuntime
from hytopus.node.runtime.docker.client import connect

_UID = 1000


class DockerBench:
    """Containers of the stand-in for one runtime; every instance gets a directory of its own."""

    def __init__(self, runtime: Runtime, scope: str, image: str, folder: Path) -> None:
        self.runtime = runtime
        self.scope = scope
        self.image = image
        self._folder = folder

    def spec(
        self,
        *,
        instance_id: str | None = None,
        generation: int = 1,
        ports: Sequence[int] = (),
        image: str | None = None,
        obedient: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> ContainerSpec:
        instance_id = instance_id or new_id()
        stubborn = {} if obedient else {"STANDIN_IGNORE_STOP": "1"}
        return ContainerSpec(
            instance_id=instance_id,
            instance_name="lobby-1",
            generation=generation,
            image=image or self.image,
            command=["/usr/local/bin/stand-in"],
            mount=BindMount(str(self.folder(instance_id))),
            workdir="/data",
            environment={**stubborn, **(environment or {})},
            ports=[PortMapping(port, port) for port in ports],
            memory_mb=64,
            pids=32,
        )

    def folder(self, *parts: str) -> Path:
        """A directory the game's user may write to."""
        folder = self._folder.joinpath(*parts)
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, _UID, _UID)
        return folder

    def overlay(self, spec: ContainerSpec, *lower: Mapping[str, str]) -> ContainerSpec:
        """The same container on layers with these files; the top layer first."""
        folders = []
        for number, files in enumerate(lower):
            layer = self.folder(spec.instance_id, f"lower{number}")
            for name, text in files.items():
                (layer / name).write_text(text)
                os.chown(layer / name, _UID, _UID)
            folders.append(str(layer))
        upper, work = self.folder(spec.instance_id, "upper"), self.folder(spec.instance_id, "work")
        return replace(spec, mount=OverlayMount(folders, str(upper), str(work)))

    def free_port(self) -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("0.0.0.0", 0))
            port: int = probe.getsockname()[1]
            return port


async def build_stand_in(engine: Docker) -> str:
    folder = builtin_games() / "stand-in"
    built = await build_image(load_game(folder), folder, engine=engine, progress=print)
    return built.reference


@pytest.fixture
async def engine(docker_engine: str) -> AsyncIterator[Docker]:
    async with connect(docker_engine) as engine:
        yield engine


@pytest.fixture
async def stand_in(engine: Docker) -> str:
    """The reference of the stand-in's image, which is built where it is missing."""
    return await build_stand_in(engine)


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """A folder that containers' users may enter."""
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.fixture
async def bench(docker_engine: str, stand_in: str, open_path: Path) -> AsyncIterator[DockerBench]:
    """A runtime with a scope of its own; what is left of it is removed."""
    scope = f"test-{new_id()}"
    async with DockerRuntime.open(scope, url=docker_engine, pull_timeout=20) as runtime:
        yield DockerBench(runtime, scope, stand_in, open_path)
        for state in await runtime.list():
            await runtime.remove(state.instance_id)
