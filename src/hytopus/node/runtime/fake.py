"""A container engine that exists in memory, for simulations and tests.

It keeps the promises of a real one: one container per instance, a host port given once, events, logs, exit codes.
What runs inside is scripted by the container's own environment (see `fake_script`), and time is whatever clock it is
given. Faults come from outside: `go_down`, `lose`, `crash`, `occupy`, `forget_image`.
"""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NoReturn

from hytopus.kit.clock import Clock
from hytopus.node.runtime.base import (
    ContainerEvent,
    ContainerFault,
    ContainerSpec,
    ContainerState,
    EngineInfo,
    ImageMissing,
    NoSpaceLeft,
    PortTaken,
    RuntimeUnavailable,
    Usage,
)
from hytopus.node.runtime.fake_container import KILLED, FakeContainer
from hytopus.node.runtime.fake_script import Script, Scripting, script_of


class FakeRuntime:
    """The protocol `Runtime` without an engine."""

    def __init__(self, clock: Clock, script: Scripting = script_of) -> None:
        self._clock = clock
        self._script = script
        self._containers: dict[str, FakeContainer] = {}
        self._listeners: set[asyncio.Queue[ContainerEvent | None]] = set()
        self._foreign: set[tuple[int, str]] = set()
        self._missing: set[str] = set()
        self._down = False
        self.list_takes = 0.0
        """Seconds until `list` answers; what it says is how things were when it was asked."""

    @classmethod
    @asynccontextmanager
    async def open(cls, clock: Clock, *, script: Scripting = script_of) -> AsyncIterator[FakeRuntime]:
        """A runtime whose fake processes end with the block."""
        runtime = cls(clock, script)
        try:
            yield runtime
        finally:
            await runtime.close()

    async def close(self) -> None:
        await asyncio.gather(*(container.close() for container in self._containers.values()))

    async def info(self) -> EngineInfo:
        self._answer()
        return EngineInfo(version="0.0-fake", api_version="1.41", root_dir="/var/lib/docker", kernel="6.0-fake")

    async def ensure_image(self, reference: str, *, game: str) -> None:
        self._answer()
        if reference in self._missing:
            raise ImageMissing(image=reference, game=game, why="it was forgotten")

    async def start(self, spec: ContainerSpec) -> ContainerState:
        self._answer()
        existing = self._containers.get(spec.instance_id)
        if existing and self._kept(existing, spec):
            return existing.state()
        script = self._script(spec)
        if script.start_takes:
            await self._clock.sleep(script.start_takes)
            self._answer()
        self._refuse(spec, script)
        if existing:
            self._drop(existing)
        container = FakeContainer(spec, script, self._clock, lambda: self._publish(spec, "exited"))
        self._containers[spec.instance_id] = container
        self._publish(spec, "started")
        await asyncio.sleep(0)  # the process has begun when the caller goes on
        return container.state()

    async def inspect(self, instance_id: str) -> ContainerState | None:
        self._answer()
        container = self._containers.get(instance_id)
        return container.state() if container else None

    async def list(self) -> Sequence[ContainerState]:
        self._answer()
        found = [container.state() for container in self._containers.values()]
        if self.list_takes:
            await self._clock.sleep(self.list_takes)
            self._answer()
        return found

    async def signal(self, instance_id: str, signal: str) -> None:
        self._answer()
        container = self._containers.get(instance_id)
        if container and container.running:
            container.signal(signals.Signals[signal])
            await asyncio.sleep(0)

    async def kill(self, instance_id: str) -> None:
        await self.signal(instance_id, "SIGKILL")

    async def wait(self, instance_id: str) -> ContainerState | None:
        self._answer()
        container = self._containers.get(instance_id)
        while container and not container.removed:
            if not container.running:
                return container.state()
            await container.news.wait()
            self._answer()
        return None

    async def remove(self, instance_id: str) -> None:
        self._answer()
        container = self._containers.get(instance_id)
        if container:
            self._drop(container)

    async def send_line(self, instance_id: str, line: str) -> None:
        self._answer()
        container = self._containers.get(instance_id)
        verb = "write to the console of"
        if container is None or not container.running:
            raise ContainerFault(verb=verb, instance=instance_id, why="it does not run")
        if "\n" in line or "\r" in line:
            raise ContainerFault(verb=verb, instance=instance_id, why="a line cannot contain a line break")
        container.hear(line)
        await asyncio.sleep(0)  # it has taken it in when the caller goes on

    async def logs(
        self, instance_id: str, *, tail: int | None = None, since: datetime | None = None, follow: bool = True
    ) -> AsyncGenerator[tuple[datetime, str], None]:
        self._answer()
        container = self._containers.get(instance_id)
        if container is None:
            return
        known = len(container.lines)
        position = 0 if tail is None else max(known - tail, 0)
        while True:
            while position < len(container.lines):
                line = container.lines[position]
                position += 1
                if since is None or line[0] >= since:
                    yield line
            if not follow or not container.running:
                return
            await container.news.wait()
            self._answer()

    async def events(self) -> AsyncGenerator[ContainerEvent, None]:
        self._answer()
        queue: asyncio.Queue[ContainerEvent | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while event := await queue.get():
                yield event
        finally:
            self._listeners.discard(queue)
        raise RuntimeUnavailable(why="the fake engine went down")

    async def usage(self) -> Mapping[str, Usage]:
        self._answer()
        return {
            name: Usage(container.script.cpu_percent, container.script.memory_mb)
            for name, container in self._containers.items()
            if container.running
        }

    # Faults, and what a test may look at.

    @property
    def is_down(self) -> bool:
        return self._down

    def go_down(self, *, kill: bool = False) -> None:
        """The engine stops answering; with `kill` its containers die too, as when it restarts without live-restore."""
        self._down = True
        for queue in self._listeners:
            queue.put_nowait(None)
        for container in self._containers.values():
            if kill and container.running:
                container.end(KILLED)
            container.tell()

    def come_back(self) -> None:
        self._down = False

    def crash(self, instance_id: str, *, exit_code: int = 1, oom: bool = False) -> None:
        """End a running process from inside."""
        self._containers[instance_id].end(KILLED if oom else exit_code, oom=oom)

    def lose(self, instance_id: str) -> None:
        """Somebody removes the container by hand."""
        self._drop(self._containers[instance_id])

    def say(self, instance_id: str, line: str) -> None:
        """The process prints a line."""
        self._containers[instance_id].say(line)

    def heard(self, instance_id: str) -> Sequence[str]:
        """What was written to the console so far."""
        return tuple(self._containers[instance_id].heard)

    def occupy(self, port: int, protocol: str = "udp") -> None:
        """A foreign process takes a host port."""
        self._foreign.add((port, protocol))

    def vacate(self, port: int, protocol: str = "udp") -> None:
        self._foreign.discard((port, protocol))

    def forget_image(self, reference: str) -> None:
        """The image is not here and cannot be pulled."""
        self._missing.add(reference)

    def learn_image(self, reference: str) -> None:
        self._missing.discard(reference)

    def specs(self) -> Mapping[str, ContainerSpec]:
        """What every container of now was started with."""
        return {name: container.spec for name, container in self._containers.items()}

    def _answer(self) -> None:
        if self._down:
            raise RuntimeUnavailable(why="the fake engine is down")

    def _kept(self, existing: FakeContainer, spec: ContainerSpec) -> bool:
        """As with the real engine: see `docker.containers.kept`."""
        generation, start, wanted = existing.spec.generation, existing.state().start, (spec.generation, spec.attempt)
        if start > wanted:
            self._fault(spec, f"a newer one is here (generation {generation}, asked for {spec.generation})")
        if start == wanted:
            return True
        if existing.running:
            self._fault(spec, f"the one of generation {generation} still runs; stop it first")
        return False

    def _refuse(self, spec: ContainerSpec, script: Script) -> None:
        """Raise what a real engine would find wrong, or what the script says it finds."""
        if spec.image in self._missing or script.start_error == "image_missing":
            raise ImageMissing(image=spec.image, game=spec.instance_name, why="the fake engine does not have it")
        for port in spec.ports:
            if script.start_error == "port_taken" or (port.host, port.protocol) in self._used_ports():
                raise PortTaken(port=port.host, protocol=port.protocol)
        if script.start_error == "disk_full":
            raise NoSpaceLeft(verb=f"start the container of {spec.instance_id}")
        if script.start_error == "unavailable":
            raise RuntimeUnavailable(why="the script says so")
        if script.start_error == "fault":
            self._fault(spec, "the script says so")

    def _used_ports(self) -> set[tuple[int, str]]:
        running = [container for container in self._containers.values() if container.running]
        return self._foreign | {(port.host, port.protocol) for one in running for port in one.spec.ports}

    def _fault(self, spec: ContainerSpec, why: str) -> NoReturn:
        raise ContainerFault(verb="start", instance=spec.instance_id, why=why)

    def _drop(self, container: FakeContainer) -> None:
        container.end(KILLED)
        container.removed = True
        if self._containers.get(container.spec.instance_id) is container:
            del self._containers[container.spec.instance_id]
        self._publish(container.spec, "removed")
        container.tell()

    def _publish(self, spec: ContainerSpec, kind: str) -> None:
        if self._down:
            return
        event = ContainerEvent(spec.instance_id, spec.generation, kind)
        for queue in self._listeners:
            queue.put_nowait(event)
