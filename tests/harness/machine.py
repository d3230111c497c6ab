"""A machine of a simulation: a container engine and a disk in memory, which survive the agents that work on them.

It is the truth about what runs, and says at once when two things run that must not run together.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hytopus.errors import HytopusError
from hytopus.games.definition import Probe
from hytopus.kit.clock import Clock
from hytopus.kit.waiting import inline
from hytopus.node.agent import Agent
from hytopus.node.cache.errors import S3Unreachable, UrlExpired
from hytopus.node.journal import Journal
from hytopus.node.lease import Lease
from hytopus.node.link.outbox import Outbox
from hytopus.node.put import UploadFailed
from hytopus.node.runner.fake import FakeDirectories
from hytopus.node.runner.host import Built, Host, Progress
from hytopus.node.runtime.base import ContainerSpec, ContainerState, NoSpaceLeft
from hytopus.node.runtime.fake import FakeRuntime
from hytopus.node.runtime.fake_script import Script
from hytopus.storage.memory import MemoryStore
from hytopus.wire.messages import NodeFacts, PrepareInstance
from tests.harness.factories import READY_LINE

EPHEMERAL: Final = "e-"
"""What the names of instances without a world begin with: two of them may run while a network is cut."""


@dataclass(slots=True)
class Timing:
    """How long things take, in seconds, and what servers do wrong."""

    prepare: float = 2.0
    start: float = 3.0
    stop: float = 1.0
    ignores_stop: bool = False
    never_ready: bool = False


@dataclass(slots=True)
class World:
    """All machines together, for what must hold among them."""

    machines: list[Machine] = field(default_factory=list)
    started: int = 0
    """Processes that ever began."""
    broken: list[str] = field(default_factory=list)
    """Invariants that were violated."""

    @property
    def running(self) -> set[str]:
        return {instance_id for machine in self.machines for instance_id in machine.processes}

    def begins(self, machine: Machine, spec: ContainerSpec) -> None:
        """A process is about to begin."""
        self.started += 1
        alone = not spec.instance_name.startswith(EPHEMERAL)
        places = [other.name for other in self.machines if spec.instance_id in other.processes]
        if places and (alone or machine.name in places):
            self.broken.append(f"{spec.instance_id} is to run on {machine.name}, and runs on {places}")
        specs = [*machine.runtime.running(), spec]
        ports = [port.host for each in specs for port in each.ports]
        if len(set(ports)) < len(ports):
            self.broken.append(f"a port is used twice on {machine.name}: {sorted(ports)}")
        memory, cpus = sum(each.memory_mb for each in specs), sum(each.cpus for each in specs)
        facts = machine.facts
        if memory > facts.memory_mb or cpus > facts.cpus + 1e-6 or len(specs) > facts.slots:
            self.broken.append(f"{machine.name} is over-committed: {memory} MB, {cpus} CPUs, {len(specs)} slots")


class TravellingDirectories(FakeDirectories):
    """Takes what an instance brings from the node it left out of the object store."""

    store: MemoryStore

    async def build(self, assignment: PrepareInstance, *, refresh: bool, progress: Progress) -> Built:
        built = await super().build(assignment, refresh=refresh, progress=progress)
        if assignment.world is not None:
            try:
                self.worlds[assignment.instance_id] = self.store.fetch(assignment.world.url).decode()
            except PermissionError as error:
                raise UrlExpired(layer="its world", why=error) from error
        return built


class WatchedRuntime(FakeRuntime):
    """Tells the world of every process that begins."""

    machine: Machine

    async def start(self, spec: ContainerSpec) -> ContainerState:
        known = self._containers.get(spec.instance_id)
        if known is None or known.state().start != (spec.generation, spec.attempt):
            self.machine.world.begins(self.machine, spec)
        return await super().start(spec)

    def running(self) -> list[ContainerSpec]:
        return [container.spec for container in self._containers.values() if container.running]

    def every_id(self) -> Iterable[str]:
        return tuple(self._containers)


class Machine:
    """`agent()` makes an agent for it; everything else happens to the machine itself."""

    def __init__(
        self, name: str, world: World, facts: NodeFacts, clock: Clock, directory: Path, store: MemoryStore | None = None
    ) -> None:
        self.name, self.world, self.facts = name, world, facts
        self.store = store or MemoryStore(clock)
        self.timing = Timing()
        self.boots = 1
        self.full = False
        self.runtime = WatchedRuntime(clock, self._script)
        self.runtime.machine = self
        self.directories = TravellingDirectories(clock)
        self.directories.store = self.store
        self._clock, self._directory = clock, directory
        self.directories.outgoing = directory
        world.machines.append(self)

    @property
    def processes(self) -> set[str]:
        """Instances that run, whoever knows of it."""
        return {spec.instance_id for spec in self.runtime.running()}

    @property
    def holds(self) -> set[str]:
        """Instances of which there is anything: files, or a container."""
        return {*self.directories.on_disk, *self.directories.half_done, *self.runtime.every_id()}

    def agent(self, outbox: Outbox) -> Agent:
        self.directories.seconds = self.timing.prepare
        host = Host(
            runtime=self.runtime,
            directories=self.directories,
            journal=Journal(self._directory / "journal", blocking=inline),
            clock=self._clock,
            lease=Lease(self._clock, self._directory / "lease.json", boot=lambda: f"boot {self.boots}"),
            report=outbox.report,
            renew_urls=outbox.renew_urls,
            logs=self._directory / "logs",
            ports_taken=lambda ports: None,
            put=self._put,
            probe=_always_ready,
            blocking=inline,
            chance=lambda: 0.5,
        )
        return Agent(host, facts=self.facts)

    def s3(self, *, up: bool) -> None:
        self._fails(None if up else S3Unreachable(host="s3", why="the simulation says so"))

    def disk(self, *, full: bool) -> None:
        """Nothing more can be built or started on it; what runs goes on."""
        self.full = full
        self._fails(NoSpaceLeft(verb="build a directory") if full else None)

    def _fails(self, error: HytopusError | None) -> None:
        self.directories.fail = {} if error is None else {"base": error}

    def crash(self, instance_id: str) -> None:
        """Its process ends by itself."""
        self.runtime.crash(instance_id)

    def lose_container(self, instance_id: str) -> None:
        """Somebody removes its container behind our back."""
        self.runtime.lose(instance_id)

    def power_off(self) -> None:
        """Every process is gone; what is on disk stays. The agent must be dead by then."""
        self.boots += 1
        for instance_id in self.processes:
            self.runtime.crash(instance_id, exit_code=137)

    def wipe(self) -> None:
        """A new disk."""
        for instance_id in self.runtime.every_id():
            self.runtime.lose(instance_id)
        self.directories.on_disk.clear()
        self.directories.half_done.clear()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _put(self, url: str, headers: Mapping[str, str], path: Path, offset: int, size: int) -> str:
        """Part of a world that leaves goes to the object store; what that refuses is tried again."""
        try:
            return self.store.send(url, headers, path.read_bytes()[offset : offset + size])
        except PermissionError as error:
            raise UploadFailed(host="s3", why=error) from error

    def _script(self, spec: ContainerSpec) -> Script:
        timing = self.timing
        return Script(
            start_error="disk_full" if self.full else "",
            ready_after=None if timing.never_ready else timing.start,
            ready_line=READY_LINE,
            ignore_stop=timing.ignores_stop,
            ignore_signals=timing.ignores_stop,
            stop_takes=timing.stop,
        )


async def _always_ready(_probe: Probe, _port: int) -> bool:
    return True
