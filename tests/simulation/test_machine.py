"""A small cluster under whatever hypothesis thinks of: it looks for the shortest story that breaks something."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.harness.cluster import Cluster, open_cluster
from tests.harness.simulated_node import SimulatedNode
from tests.simulation import stories

NODES: Final = ("a", "b", "c")
KINDS: Final[dict[str, dict[str, Any]]] = {
    "i0": {},
    "i1": {},
    "leased-0": {"on_node_loss": "replace"},
    "leased-1": {"on_node_loss": "replace"},
    "e-0": {"persistent": False},
    "e-1": {"persistent": False},
}
"""With a world that waits for its node, with one that may be replaced, and without one."""
NAMES: Final = tuple(KINDS)

T = TypeVar("T")

node_names = st.sampled_from(NODES)
instance_names = st.sampled_from(NAMES)
brain_names = st.sampled_from(["a", "b"])
chances = st.sampled_from([0.0, 0.5])


class ClusterMachine(RuleBasedStateMachine):
    """Every rule is something that may happen at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.cluster: Cluster = self.run(self.stack.enter_async_context(open_cluster(brains=2)))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def happens(self, fault: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        """To a machine, within the event loop."""

        async def happen() -> None:
            fault(*args, **kwargs)

        self.run(happen())

    def node(self, name: str) -> SimulatedNode:
        return self.cluster.nodes[name]

    @initialize()
    def nodes_join(self) -> None:
        for name in NODES:
            self.run(self.cluster.add_node(name, slots=3, memory_mb=2048))
        self.run(self.cluster.clock.advance(5))

    @rule(name=instance_names, memory_mb=st.sampled_from([512, 1024]), autostart=st.booleans())
    def create(self, name: str, memory_mb: int, autostart: bool) -> None:
        if name not in {instance.name for instance in self.run(self.cluster.instances())}:
            self.run(self.cluster.create({"name": name, "memory_mb": memory_mb, "autostart": autostart, **KINDS[name]}))

    @rule(name=instance_names, verb=st.sampled_from(["start", "stop", "restart", "kill", "destroy"]))
    def ask(self, name: str, verb: str) -> None:
        self.run(self.cluster.ask(verb, name))

    @rule(seconds=st.sampled_from([0.5, 2, 10, 45, 150]))
    def time_passes(self, seconds: float) -> None:
        self.run(self.cluster.clock.advance(seconds))

    @rule(name=node_names)
    def link_breaks(self, name: str) -> None:
        self.node(name).faults.drop()

    @rule(name=node_names)
    def network_is_cut(self, name: str) -> None:
        self.node(name).faults.partition()

    @rule(name=node_names)
    def network_is_mended(self, name: str) -> None:
        self.node(name).faults.heal()

    @rule(name=node_names, delay=st.sampled_from([0.0, 1.5]), duplicate=chances, reorder=chances)
    def network_is_slow_repeats_itself_or_mixes_up(
        self, name: str, delay: float, duplicate: float, reorder: float
    ) -> None:
        faults = self.node(name).faults
        faults.delay, faults.duplicate, faults.reorder = delay, duplicate, reorder

    @rule(name=node_names)
    def an_operator_declares_it_lost(self, name: str) -> None:
        self.run(self.cluster.declare_lost(self.node(name)))

    @rule(seconds=st.sampled_from([-30, 100, 3600]))
    def somebody_sets_the_clock(self, seconds: float) -> None:
        self.cluster.clock.jump(seconds)

    @rule(name=node_names)
    def agent_dies(self, name: str) -> None:
        if self.node(name).declared_lost:
            return
        self.run(self.cluster.kill_agent(self.node(name)))

    @rule(name=node_names)
    def machine_loses_power(self, name: str) -> None:
        self.run(self.cluster.power_off(self.node(name)))

    @rule(name=node_names)
    def machine_loses_its_disk(self, name: str) -> None:
        """With the disk, what runs from it."""
        self.run(self.cluster.kill_agent(self.node(name)))
        self.happens(self.node(name).machine.wipe)

    @rule(name=node_names)
    def agent_starts(self, name: str) -> None:
        self.run(self._start_agent(name))

    @rule(name=brain_names)
    def brain_dies(self, name: str) -> None:
        self.run(self.cluster.kill_brain(name))

    @rule(name=brain_names)
    def brain_starts(self, name: str) -> None:
        self.run(self.cluster.start_brain(name))

    @rule(name=brain_names, transactions=st.integers(1, 8), durable=st.booleans())
    def brain_is_to_die_in_a_transaction(self, name: str, transactions: int, durable: bool) -> None:
        self.cluster.doom(name, transactions, durable=durable)

    @rule(share=chances)
    def brains_do_not_hear_each_other(self, share: float) -> None:
        self.cluster.lost_signals = share

    @rule(name=node_names, verb=st.sampled_from(["crash", "lose_container"]))
    def server_dies(self, name: str, verb: str) -> None:
        node = self.node(name)
        if node.machine.processes:
            self.happens(getattr(node.machine, verb), min(node.machine.processes))

    @rule(name=node_names, kill=st.booleans())
    def engine_goes_away(self, name: str, kill: bool) -> None:
        if self.node(name).declared_lost and not kill:
            return
        self.happens(self.node(name).machine.runtime.go_down, kill=kill)

    @rule(name=node_names)
    def engine_comes_back(self, name: str) -> None:
        self.node(name).machine.runtime.come_back()

    @rule(name=node_names, up=st.booleans())
    def s3_fails(self, name: str, up: bool) -> None:
        self.node(name).machine.s3(up=up)

    @rule(name=node_names, full=st.booleans())
    def disk_is_full(self, name: str, full: bool) -> None:
        self.node(name).machine.disk(full=full)

    @rule(name=node_names, ignores=st.booleans(), never=st.booleans())
    def servers_misbehave(self, name: str, ignores: bool, never: bool) -> None:
        timing = self.node(name).machine.timing
        timing.ignores_stop, timing.never_ready = ignores, never

    @rule(name=node_names, seconds=st.sampled_from([0, 20]))
    def drain(self, name: str, seconds: int) -> None:
        self.run(self.cluster.decide("drain", self.node(name), deadline=timedelta(seconds=seconds)))

    @rule(name=instance_names, to=node_names, restart=st.booleans())
    def move(self, name: str, to: str, restart: bool) -> None:
        self.run(self.cluster.move(name, self.node(to), restart=restart))

    @rule(name=instance_names)
    def call_move_off(self, name: str) -> None:
        self.run(self.cluster.ask("call_off", name))

    @rule(name=node_names, verb=st.sampled_from(["undrain", "cordon", "uncordon"]))
    def decide(self, name: str, verb: str) -> None:
        self.run(self.cluster.decide(verb, self.node(name)))

    @invariant()
    def nothing_is_broken(self) -> None:
        if self.cluster.nodes:
            self.run(self.cluster.check())

    def teardown(self) -> None:
        try:
            if len(self.cluster.nodes) == len(NODES):
                self.run(self._heal())
        finally:
            self.run(self.stack.aclose())
            self.runner.close()

    async def _heal(self) -> None:
        for node in self.cluster.nodes.values():
            await self.cluster.decide("undrain", node)
        await self.cluster.heal()
        await self.cluster.converge()

    async def _start_agent(self, name: str) -> None:
        self.cluster.start_agent(self.node(name))


# Fifty stories take a minute of a processor's time, and a story that fails is told again and again to shorten it.
TestClusterMachine = pytest.mark.timeout(1200)(ClusterMachine.TestCase)
TestClusterMachine.settings = settings(
    max_examples=stories(50),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
