"""The runtime on a Docker Engine. Each method is one of the protocol's; the work is in the modules beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime

from aiodocker import Docker, DockerError

from hytopus.node.runtime.base import (
    ContainerEvent,
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    EngineInfo,
    Usage,
)
from hytopus.node.runtime.docker import containers
from hytopus.node.runtime.docker.client import call, connect
from hytopus.node.runtime.docker.console import Consoles
from hytopus.node.runtime.docker.errors import game_of, is_missing_image, is_missing_network, translated
from hytopus.node.runtime.docker.events import read_events
from hytopus.node.runtime.docker.fence import Fence, FenceRefused, take_down
from hytopus.node.runtime.docker.images import Progress, has_image, pull_image
from hytopus.node.runtime.docker.logs import read_logs
from hytopus.node.runtime.docker.network import check_ports, ensure_network
from hytopus.node.runtime.docker.stats import Meter


def _silent(line: str) -> None:
    pass


class DockerRuntime:
    """Containers of one agent (`scope`) on one engine; what belongs to another scope is neither seen nor touched."""

    def __init__(
        self,
        docker: Docker,
        scope: str,
        *,
        network: str,
        bind_address: str,
        pull_timeout: float,
        progress: Progress,
        fence: Fence | None,
    ) -> None:
        self._docker = docker
        self._scope = scope
        self._network = network
        self._network_id: str | None = None
        self._address = bind_address
        self._pull_timeout = pull_timeout
        self._progress = progress
        self._fence = fence
        self._consoles = Consoles(docker)
        self._meter = Meter(docker, scope)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        scope: str,
        *,
        url: str | None = None,
        network: str = "hytopus",
        bind_address: str = "0.0.0.0",  # noqa: S104 - players come from everywhere
        pull_timeout: float = 600,
        progress: Progress = _silent,
        fence: Fence | None = None,
    ) -> AsyncIterator[DockerRuntime]:
        """A runtime for the node `scope`. Does not talk to the engine yet, so it opens while the engine is down.

        `bind_address` is where ports are published; empty means IPv4 and IPv6.
        """
        async with connect(url) as docker:
            runtime = cls(
                docker,
                scope,
                network=network,
                bind_address=bind_address,
                pull_timeout=pull_timeout,
                progress=progress,
                fence=fence,
            )
            try:
                yield runtime
            finally:
                await runtime._consoles.close()

    async def info(self) -> EngineInfo:
        with translated("ask about", "the engine"):
            info, version = await asyncio.gather(
                call(self._docker, "GET", "info", seconds=10), call(self._docker, "GET", "version", seconds=10)
            )
        return EngineInfo(
            version=version["Version"],
            api_version=version["ApiVersion"],
            root_dir=info["DockerRootDir"],
            kernel=info["KernelVersion"],
        )

    async def ensure_image(self, reference: str, *, game: str) -> None:
        with translated("find the image for", game):
            if not await has_image(self._docker, reference):
                await self._pull(reference, game)

    async def start(self, spec: ContainerSpec) -> ContainerState:
        instance_id = spec.instance_id
        with translated("start", instance_id, spec.ports, spec.image):
            existing = await containers.inspect(self._docker, instance_id, self._scope)
            if existing and containers.kept(existing, spec):
                return existing
            if existing:
                await containers.remove(self._docker, instance_id)
            check_ports(spec.ports, self._address)
            try:
                await self._run(spec)
            except BaseException:
                await containers.undo(self._docker, instance_id)
                raise
        return ContainerState(instance_id, spec.generation, ContainerStatus.RUNNING, started_at=datetime.now(UTC))

    async def inspect(self, instance_id: str) -> ContainerState | None:
        with translated("look at", instance_id):
            return await containers.inspect(self._docker, instance_id, self._scope)

    async def list(self) -> Sequence[ContainerState]:
        with translated("list", "every instance"):
            return await containers.list_all(self._docker, self._scope)

    async def signal(self, instance_id: str, signal: str) -> None:
        with translated("signal", instance_id):
            await containers.signal(self._docker, instance_id, signal)

    async def kill(self, instance_id: str) -> None:
        with translated("kill", instance_id):
            await containers.signal(self._docker, instance_id, "SIGKILL")

    async def wait(self, instance_id: str) -> ContainerState | None:
        with translated("wait for", instance_id):
            return await containers.wait(self._docker, instance_id, self._scope)

    async def remove(self, instance_id: str) -> None:
        with translated("remove", instance_id):
            await containers.remove(self._docker, instance_id)

    async def send_line(self, instance_id: str, line: str) -> None:
        await self._consoles.send(instance_id, line)

    async def logs(
        self, instance_id: str, *, tail: int | None = None, since: datetime | None = None, follow: bool = True
    ) -> AsyncGenerator[tuple[datetime, str], None]:
        with translated("read the log of", instance_id):
            lines = read_logs(self._docker, instance_id, tail=tail, since=since, follow=follow)
            async with aclosing(lines):
                async for line in lines:
                    yield line

    async def events(self) -> AsyncGenerator[ContainerEvent, None]:
        with translated("follow", "every instance"):
            async with aclosing(read_events(self._docker, self._scope)) as events:
                async for event in events:
                    yield event

    async def usage(self) -> Mapping[str, Usage]:
        with translated("measure", "every instance"):
            return await self._meter.read()

    async def guard(self) -> None:
        """Have the fence around the servers stand, or gone. Raises `FenceRefused`, `RuntimeUnavailable`."""
        with translated("guard", "every instance"):
            if self._network_id is None:
                self._network_id = await ensure_network(self._docker, self._network)
        await (self._fence.put_up(self._network_id) if self._fence else take_down(self._network_id))

    async def _run(self, spec: ContainerSpec) -> None:
        """Create and start. What may be missing (image, network) is made when the engine misses it, not looked for."""
        for attempt in range(3):
            try:
                await self._create(spec)
                await containers.run(self._docker, spec.instance_id)
            except DockerError as error:
                if attempt == 2 or not await self._supplied(error, spec):
                    raise
                await containers.remove(self._docker, spec.instance_id)
            else:
                return

    async def _create(self, spec: ContainerSpec) -> None:
        if self._network_id is None:
            self._network_id = await ensure_network(self._docker, self._network)
            if self._fence:
                with suppress(FenceRefused):  # whoever keeps guard says so
                    await self._fence.put_up(self._network_id)
        await containers.create(self._docker, spec, scope=self._scope, network=self._network_id, address=self._address)

    async def _supplied(self, error: DockerError, spec: ContainerSpec) -> bool:
        """Get what the engine said is missing; whether another attempt makes sense."""
        if is_missing_image(error):
            await self._pull(spec.image, game_of(spec.image))
            return True
        if is_missing_network(error):
            self._network_id = None
            return True
        return False

    async def _pull(self, reference: str, game: str) -> None:
        await pull_image(self._docker, reference, game=game, seconds=self._pull_timeout, progress=self._progress)
