"""A machine and an agent small enough to be obviously right: what a node must do, without containers or files.

The `ToyMachine` is the truth: what really lies on its disk and really runs. It survives its agents, and it says at
once when two processes that must not run together do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hytopus.kit.clock import Clock
from hytopus.node.link.outbox import Outbox
from hytopus.wire.messages import (
    DestroyInstance,
    Heartbeat,
    InstanceCommand,
    InstanceReport,
    LogLine,
    NodeFacts,
    NodeLoad,
    NodeStatus,
    PrepareInstance,
    Problem,
    SetDevMode,
    StartInstance,
    StopInstance,
    Welcome,
)


@dataclass(slots=True)
class Timing:
    """How long things take, in seconds, and what goes wrong."""

    prepare: float = 2.0
    start: float = 3.0
    stop: float = 1.0
    s3_up: bool = True
    ignores_stop: bool = False
    never_ready: bool = False


@dataclass(slots=True)
class Held:
    """An instance as the machine's disk knows it."""

    assignment: PrepareInstance
    generation: int
    status: NodeStatus
    prepared: bool = False
    exit_code: int | None = None
    problem: Problem | None = None


class World:
    """All machines together, for what must hold among them."""

    def __init__(self) -> None:
        self.running: dict[str, str] = {}
        """Instance -> machine on which its process lives."""
        self.started = 0
        self.broken: list[str] = []
        """Invariants that were violated."""


@dataclass
class ToyMachine:
    name: str
    world: World
    facts: NodeFacts
    timing: Timing = field(default_factory=Timing)
    disk: dict[str, Held] = field(default_factory=dict)
    processes: set[str] = field(default_factory=set)
    dev_mode: bool = False

    def run(self, instance_id: str) -> None:
        """A process begins."""
        if instance_id in self.world.running:
            self.world.broken.append(f"{instance_id} runs on {self.world.running[instance_id]} and on {self.name}")
        self.world.running[instance_id] = self.name
        self.world.started += 1
        self.processes.add(instance_id)
        assignments = [self.disk[other].assignment for other in self.processes]
        ports = [port.host for assignment in assignments for port in assignment.ports]
        if len(set(ports)) < len(ports):
            self.world.broken.append(f"a port is used twice on {self.name}: {sorted(ports)}")
        memory = sum(assignment.memory_mb for assignment in assignments)
        cpus = sum(assignment.cpus for assignment in assignments)
        if memory > self.facts.memory_mb or cpus > self.facts.cpus or len(assignments) > self.facts.slots:
            self.world.broken.append(f"{self.name} is over-committed: {memory} MB, {cpus}, {len(assignments)} slots")

    def end(self, instance_id: str) -> None:
        """A process is gone."""
        self.processes.discard(instance_id)
        if self.world.running.get(instance_id) == self.name:
            del self.world.running[instance_id]

    def power_off(self) -> None:
        for instance_id in tuple(self.processes):
            self.end(instance_id)

    def wipe(self) -> None:
        self.power_off()
        self.disk.clear()


class ToyAgent:
    """`node.link.contract.Agent`, on a `ToyMachine`."""

    def __init__(self, machine: ToyMachine, outbox: Outbox, clock: Clock) -> None:
        self.adopted = asyncio.Event()
        self._machine, self._outbox, self._clock = machine, outbox, clock
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Until cancelled: then every job dies, and processes live on."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for instance_id, held in self._machine.disk.items():
                self._take_over(instance_id, held)
            self.adopted.set()
            await asyncio.Event().wait()

    @property
    def dev_mode(self) -> bool:
        return self._machine.dev_mode

    def facts(self) -> NodeFacts:
        return self._machine.facts

    def inventory(self) -> tuple[InstanceReport, ...]:
        return tuple(self._report_of(instance_id) for instance_id in self._machine.disk)

    def heartbeat(self) -> Heartbeat:
        return Heartbeat("", self.dev_mode, NodeLoad(running=len(self._machine.processes)))

    async def welcome(self, welcome: Welcome) -> None:
        self._machine.dev_mode = welcome.dev_mode

    async def ask(self, kind: str, instance_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"kind": kind, "instance": instance_id, **body}

    async def lines(self, instance_id: str, tail: int, after: int) -> AsyncIterator[tuple[LogLine, ...]]:
        yield (LogLine(after + 1, "", f"{instance_id} {tail}"),)

    async def send_line(self, instance_id: str, text: str) -> None:
        del instance_id, text

    async def handle(self, command: InstanceCommand | SetDevMode) -> None:
        match command:
            case SetDevMode(enabled):
                self._machine.dev_mode = enabled
            case DestroyInstance():
                self._destroy(command)
            case _ if self._is_stale(command):
                pass
            case PrepareInstance():
                self._prepare(command)
            case StartInstance():
                self._start(command)
            case StopInstance():
                self._stop(command)

    def lose_container(self, instance_id: str) -> None:
        """The engine has removed a container behind our back."""
        self._crash(instance_id, Problem("container_vanished", "The container is gone."))

    def crash(self, instance_id: str) -> None:
        """The process ends by itself."""
        self._crash(instance_id, None)

    def _crash(self, instance_id: str, problem: Problem | None) -> None:
        if instance_id in self._machine.processes:
            self._forget_job(instance_id)
            self._machine.end(instance_id)
            self._become(instance_id, NodeStatus.FAILED, exit_code=1, problem=problem)

    def _take_over(self, instance_id: str, held: Held) -> None:
        alive = instance_id in self._machine.processes
        match held.status:
            case NodeStatus.STARTING if alive:
                self._job(instance_id, self._get_ready(instance_id))
            case NodeStatus.STOPPING if alive:
                self._job(instance_id, self._end(instance_id, kill=False))
            case NodeStatus.RUNNING | NodeStatus.STOPPING if not alive:
                held.status, held.exit_code = NodeStatus.FAILED, 137
                self._outbox.report(replace(self._report_of(instance_id), restored=True))
            case _:
                pass

    def _prepare(self, command: PrepareInstance) -> None:
        held = self._machine.disk.get(command.instance_id)
        if held is not None and held.generation == command.generation and held.status is not NodeStatus.PREPARING:
            self._tell(command.instance_id)
            return
        if held is not None and held.generation == command.generation and command.instance_id in self._jobs:
            return
        if command.instance_id in self._machine.processes:
            self._machine.world.broken.append(f"{command.instance_id} is prepared while it runs")
        self._machine.disk[command.instance_id] = Held(command, command.generation, NodeStatus.PREPARING)
        self._job(command.instance_id, self._build(command))

    async def _build(self, command: PrepareInstance) -> None:
        for half in (0.5, 1.0):
            await self._clock.sleep(self._machine.timing.prepare / 2)
            if not self._machine.timing.s3_up:
                self._become(
                    command.instance_id, NodeStatus.FAILED, problem=Problem("s3_unreachable", "S3 does not answer.")
                )
                return
            self._tell(command.instance_id, step="fetch", progress=half)
        self._machine.disk[command.instance_id].prepared = True
        self._become(command.instance_id, NodeStatus.PREPARED)

    def _start(self, command: StartInstance) -> None:
        held = self._machine.disk.get(command.instance_id)
        if held is None or not held.prepared:
            problem = Problem("not_prepared", "It is not prepared here.")
            self._outbox.report(
                InstanceReport(command.instance_id, command.generation, NodeStatus.FAILED, problem=problem)
            )
            return
        waits = held.status is NodeStatus.PREPARED or (
            held.status is NodeStatus.STARTING and command.instance_id not in self._machine.processes
        )
        if held.generation == command.generation and not waits:
            self._tell(command.instance_id)
            return
        held.generation = command.generation
        if command.instance_id in self._machine.processes:
            self._machine.world.broken.append(f"{command.instance_id} is started while it runs")
            return
        self._machine.run(command.instance_id)
        self._become(command.instance_id, NodeStatus.STARTING)
        self._job(command.instance_id, self._get_ready(command.instance_id))

    async def _get_ready(self, instance_id: str) -> None:
        await self._clock.sleep(self._machine.timing.start)
        if self._machine.timing.never_ready:
            await asyncio.Event().wait()
        self._become(instance_id, NodeStatus.RUNNING)

    def _stop(self, command: StopInstance) -> None:
        held = self._machine.disk.get(command.instance_id)
        if held is None or command.instance_id not in self._machine.processes:
            exited = held is not None and held.exit_code is not None
            self._outbox.report(
                InstanceReport(
                    command.instance_id, command.generation, NodeStatus.STOPPED, exit_code=0 if exited else None
                )
            )
            if held is not None:
                held.generation = command.generation
                held.status = NodeStatus.STOPPED
                self._forget_job(command.instance_id)
            return
        held.generation = command.generation
        self._become(command.instance_id, NodeStatus.STOPPING)
        self._job(command.instance_id, self._end(command.instance_id, kill=command.kill))

    async def _end(self, instance_id: str, *, kill: bool) -> None:
        if not kill:
            await self._clock.sleep(self._machine.timing.stop)
            if self._machine.timing.ignores_stop:
                await asyncio.Event().wait()
        self._machine.end(instance_id)
        self._become(instance_id, NodeStatus.STOPPED, exit_code=137 if kill else 0)

    def _destroy(self, command: DestroyInstance) -> None:
        held = self._machine.disk.get(command.instance_id)
        if held is not None and held.generation > command.generation:
            return
        self._forget_job(command.instance_id)
        self._machine.end(command.instance_id)
        self._machine.disk.pop(command.instance_id, None)
        self._outbox.report(InstanceReport(command.instance_id, command.generation, NodeStatus.DESTROYED))

    def _is_stale(self, command: PrepareInstance | StartInstance | StopInstance) -> bool:
        held = self._machine.disk.get(command.instance_id)
        return held is not None and held.generation > command.generation

    def _become(
        self, instance_id: str, status: NodeStatus, *, exit_code: int | None = None, problem: Problem | None = None
    ) -> None:
        held = self._machine.disk[instance_id]
        held.status, held.exit_code, held.problem = status, exit_code, problem
        self._tell(instance_id)

    def _tell(self, instance_id: str, *, step: str = "", progress: float = 0.0) -> None:
        self._outbox.report(replace(self._report_of(instance_id), step=step, progress=progress))

    def _report_of(self, instance_id: str) -> InstanceReport:
        held = self._machine.disk[instance_id]
        ended = held.status in (NodeStatus.STOPPED, NodeStatus.FAILED) and held.exit_code is not None
        kind = "" if not ended else "clean" if held.status is NodeStatus.STOPPED else "crash"
        return InstanceReport(
            instance_id, held.generation, held.status, exit_code=held.exit_code, exit_kind=kind, problem=held.problem
        )

    def _job(self, instance_id: str, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks is not None
        self._forget_job(instance_id)
        job = self._tasks.create_task(work)
        self._jobs[instance_id] = job
        job.add_done_callback(
            lambda done: self._jobs.pop(instance_id, None) if self._jobs.get(instance_id) is done else None
        )

    def _forget_job(self, instance_id: str) -> None:
        job = self._jobs.pop(instance_id, None)
        if job is not None and job is not asyncio.current_task():
            job.cancel()


def game_of(assignment: PrepareInstance) -> str:
    """The name of the game in an assignment."""
    return str(json.loads(assignment.game)["name"])
