"""A node without an engine: does at once and correctly what it is told, and notes when it said what."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hytopus.kit.clock import SystemClock
from hytopus.node.link.outbox import Outbox
from hytopus.wire.messages import (
    CrashReply,
    DestroyInstance,
    Heartbeat,
    InstanceCommand,
    InstanceReport,
    InstanceUsage,
    LogLine,
    NodeFacts,
    NodeLoad,
    NodeStatus,
    PrepareInstance,
    SetDevMode,
    StartInstance,
    StopInstance,
    Welcome,
)
from hytopus.wire.place import Place

STEP_S: Final = 0.05
"""How long whatever it does takes."""

Note = Callable[[InstanceReport], None]


@dataclass(slots=True)
class _Held:
    generation: int
    status: NodeStatus


class Arm:
    """What the link sees of it (`node/link/contract.py`). Starts nothing twice: `doubled` tells if it was asked to."""

    def __init__(self, facts: NodeFacts, running: Iterable[str], outbox: Outbox, note: Note) -> None:
        self.adopted = asyncio.Event()
        self.adopted.set()
        self.dev_mode = False
        self.held = {instance_id: _Held(1, NodeStatus.RUNNING) for instance_id in running}
        self._facts, self._outbox, self._note, self._clock = facts, outbox, note, SystemClock()
        self._chance = random.Random(facts.hostname)

    def facts(self) -> NodeFacts:
        return self._facts

    def inventory(self) -> tuple[InstanceReport, ...]:
        return tuple(InstanceReport(key, held.generation, held.status, attempt=1) for key, held in self.held.items())

    def heartbeat(self) -> Heartbeat:
        load = NodeLoad(
            cpu_percent=self._chance.uniform(5, 60),
            memory_used_mb=self._chance.randint(4_000, 60_000),
            disk_free_mb=500_000,
            running=len(self.held),
            memory_total_mb=131_072,
            disk_total_mb=1_048_576,
            network_in=self._chance.uniform(0, 1e6),
            network_out=self._chance.uniform(0, 1e6),
        )
        return Heartbeat(self._clock.now().isoformat(), False, load, tuple(self._usage()))

    def _usage(self) -> Iterable[InstanceUsage]:
        for instance_id, held in self.held.items():
            if held.status is NodeStatus.RUNNING:
                yield InstanceUsage(
                    instance_id, self._chance.uniform(0, 50), self._chance.uniform(100, 500), 3, 1e4, 1e5
                )

    def registering(self) -> int:
        return 0

    def renewed(self, number: int) -> None:
        return

    async def welcome(self, welcome: Welcome) -> None:
        return

    async def handle(self, command: InstanceCommand | SetDevMode | CrashReply) -> None:
        match command:
            case PrepareInstance():
                self._go(command, NodeStatus.PREPARING, NodeStatus.PREPARED)
            case StartInstance():
                self._go(command, NodeStatus.STARTING, NodeStatus.RUNNING)
            case StopInstance():
                self._go(command, NodeStatus.STOPPING, NodeStatus.STOPPED)
            case DestroyInstance():
                self._go(command, NodeStatus.DESTROYED)
            case _:
                return

    def _go(self, command: InstanceCommand, *statuses: NodeStatus) -> None:
        held = self.held.setdefault(command.instance_id, _Held(0, NodeStatus.PREPARING))
        if command.generation < held.generation or (command.generation, statuses[-1]) == (held.generation, held.status):
            return
        held.generation = command.generation
        for number, status in enumerate(statuses):
            asyncio.get_running_loop().call_later(number * STEP_S, self._become, command.instance_id, held, status)

    def _become(self, instance_id: str, held: _Held, status: NodeStatus) -> None:
        held.status = status
        report = InstanceReport(instance_id, held.generation, status, step="fetch", attempt=1, exit_kind="clean")
        self._note(report)
        self._outbox.report(report)
        if status is NodeStatus.DESTROYED:
            self.held.pop(instance_id, None)

    async def ask(self, kind: str, instance_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"lines": []}

    async def lines(self, instance_id: str, tail: int, after: Place) -> AsyncIterator[tuple[LogLine, ...]]:
        yield ()

    async def send_line(self, instance_id: str, text: str) -> None:
        return

    async def download(self, instance_id: str, body: Mapping[str, Any]) -> AsyncIterator[bytes | Mapping[str, Any]]:
        yield {}

    async def upload(
        self, instance_id: str, body: Mapping[str, Any], chunks: AsyncIterator[bytes]
    ) -> Mapping[str, Any]:
        return {}
