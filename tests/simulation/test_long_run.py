"""Fifty nodes, five hundred instances and everything that can go wrong, for hours of a clock moved by hand.

`HYTOPUS_SIMULATION_ROUNDS` makes it longer for a nightly run, `HYTOPUS_SIMULATION_SEED` makes it another one.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any, Final

import pytest

from hytopus.brain.instances.states import TRANSITIONS, State
from tests.harness.cluster import Cluster, open_cluster
from tests.harness.simulated_node import SimulatedNode

NODES: Final = 50
INSTANCES: Final = 500
ROUNDS: Final = int(os.environ.get("HYTOPUS_SIMULATION_ROUNDS", "20"))
SEED: Final = int(os.environ.get("HYTOPUS_SIMULATION_SEED", "1"))

Mishap = Callable[["Chaos"], Awaitable[None]]


class Chaos:
    """Does one thing after another to a cluster."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.cluster, self.random = cluster, Random(seed)
        self.created = 0

    @property
    def node(self) -> SimulatedNode:
        return self.random.choice(list(self.cluster.nodes.values()))

    async def create(self, count: int = 1) -> None:
        await self.cluster.create(*(self._body() for _ in range(count)))

    def _body(self) -> dict[str, Any]:
        self.created += 1
        return {
            "name": f"i{self.created:04}",
            "memory_mb": self.random.choice([256, 512, 1024, 4096]),
            "cpus": self.random.choice([0.25, 0.5, 1.0]),
            "disk_mb": 1024,
            "autostart": self.random.random() < 0.9,
        }

    async def ask(self) -> None:
        verbs = ["start"] * 4 + ["stop"] * 2 + ["restart"] * 2 + ["kill", "destroy"]
        for _ in range(10):
            name = f"i{self.random.randint(1, self.created):04}"
            await self.cluster.ask(self.random.choice(verbs), name)

    async def step(self) -> None:
        for mishap in self.random.choices(MISHAPS, k=3):
            await mishap(self)
        await self.ask()
        await self.create(self.random.randint(0, 8))
        await self.cluster.clock.advance(self.random.choice([1, 5, 20, 90]))
        await self.cluster.check()

    async def drop_links(self) -> None:
        self.node.faults.drop()

    async def partition(self) -> None:
        self.node.faults.partition()

    async def mend(self) -> None:
        for node in self.cluster.nodes.values():
            if self.random.random() < 0.5:
                node.faults.heal()
            if self.random.random() < 0.5:
                self.cluster.start_agent(node)
        await self.cluster.start_brain()

    async def slow_and_twice(self) -> None:
        faults = self.node.faults
        faults.delay, faults.duplicate = self.random.choice([0.0, 0.5, 3.0]), self.random.choice([0.0, 0.3])

    async def kill_agent(self) -> None:
        await self.cluster.kill_agent(self.node)

    async def power_off(self) -> None:
        await self.cluster.power_off(self.node)

    async def wipe(self) -> None:
        node = self.node
        await self.cluster.kill_agent(node)
        node.machine.wipe()

    async def kill_brain(self) -> None:
        await self.cluster.kill_brain()

    async def restart_brain(self) -> None:
        await self.cluster.kill_brain()
        await self.cluster.start_brain()

    async def lose_container(self) -> None:
        node = self.node
        if node.machine.processes:
            node.machine.lose_container(self.random.choice(sorted(node.machine.processes)))

    async def crash(self) -> None:
        node = self.node
        if node.machine.processes:
            node.machine.crash(self.random.choice(sorted(node.machine.processes)))

    async def s3_goes_down(self) -> None:
        for node in self.cluster.nodes.values():
            node.machine.s3(up=self.random.random() < 0.7)

    async def engine_restarts(self) -> None:
        runtime = self.node.machine.runtime
        runtime.go_down(kill=self.random.random() < 0.5)
        await self.cluster.clock.advance(self.random.choice([1, 20]))
        runtime.come_back()

    async def obstinate(self) -> None:
        timing = self.node.machine.timing
        timing.ignores_stop, timing.never_ready = self.random.random() < 0.3, self.random.random() < 0.3

    async def drain(self) -> None:
        await self.cluster.decide("drain", self.node, deadline=timedelta(seconds=self.random.choice([0, 30])))

    async def undrain(self) -> None:
        for node in self.cluster.nodes.values():
            await self.cluster.decide("undrain", node)

    async def cordon(self) -> None:
        node = self.node
        await self.cluster.decide("uncordon" if self.random.random() < 0.5 else "cordon", node)


MISHAPS: Final[list[Mishap]] = [
    Chaos.drop_links,
    Chaos.partition,
    Chaos.mend,
    Chaos.mend,
    Chaos.slow_and_twice,
    Chaos.kill_agent,
    Chaos.power_off,
    Chaos.wipe,
    Chaos.kill_brain,
    Chaos.restart_brain,
    Chaos.lose_container,
    Chaos.crash,
    Chaos.s3_goes_down,
    Chaos.engine_restarts,
    Chaos.obstinate,
    Chaos.drain,
    Chaos.undrain,
    Chaos.cordon,
]


@pytest.mark.timeout(3600)
async def test_everything_converges_when_the_faults_heal() -> None:
    async with open_cluster(seed=SEED) as cluster:
        for index in range(NODES):
            await cluster.add_node(f"n{index:02}")
        chaos = Chaos(cluster, SEED)
        await chaos.create(INSTANCES)
        await cluster.clock.advance(60)
        for _ in range(ROUNDS):
            await chaos.step()
        await chaos.undrain()
        await cluster.heal()
        await cluster.converge()
        illegal = [
            (instance_id, before, after)
            for instance_id, before, after in await cluster.transitions()
            if after not in TRANSITIONS[before]
        ]
        assert not illegal
        assert State.DESTROYED in {after for _, _, after in await cluster.transitions()}
