"""A node of the simulation: its machine, the agent on it, and how that finds a Brain."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hytopus.node.agent import Agent
from hytopus.node.link.link import Link
from hytopus.wire.channel import LinkClosed, NodeChannel, StreamChannel
from hytopus.wire.memory import Faults
from hytopus.wire.messages import NodeFacts
from tests.harness.machine import Machine
from tests.harness.older import Contract

FACTS = NodeFacts(
    cpus=16.0,
    memory_mb=16384,
    disk_mb=65536,
    slots=16,
    address="203.0.113.5",
    port_first=30000,
    port_last=30099,
    leases=True,
)


@dataclass
class SimulatedNode:
    """A machine, its agent if one runs, and the state of its cable."""

    node_id: str
    machine: Machine
    faults: Faults
    task: asyncio.Task[None] | None = None
    contract: Contract | None = None
    """What it understands of a Brain, if it is of an older release."""
    declared_lost: bool = False
    """An operator relies on its agent to keep its leases."""


class Dialer:
    """Tries one Brain after the other, beginning after the `first`-th."""

    trusts: tuple[str, ...] = ()

    def __init__(self, brains: Iterable[str], first: int, dial: Callable[[str], NodeChannel]) -> None:
        self._ring = deque(brains)
        self._ring.rotate(-first)
        self._dial = dial
        self._failed = 0

    async def session(self) -> NodeChannel:
        self._ring.rotate(-1)
        self._failed += 1
        return self._dial(self._ring[0])

    async def stream(self) -> StreamChannel:
        raise LinkClosed(cause="toys have no streams")

    async def learn(self, addresses: Sequence[str]) -> None:
        return

    def stands(self) -> None:
        self._failed = 0

    def renew_soon(self) -> None:
        raise AssertionError("nobody has a certificate here")

    def untried(self) -> bool:
        return self._failed + 1 < len(self._ring)

    async def close(self) -> None:
        return


async def run_agent(name: str, agent: Agent, link: Link) -> None:
    """Until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.run(), name=f"agent of {name}")
        tasks.create_task(link.run(), name=f"link of {name}")
