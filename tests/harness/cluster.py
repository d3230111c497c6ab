"""A whole installation in one process: a Brain on a real database, and any number of nodes, on a clock moved by hand.

Brain, gateway, link, codec and agent are the real ones; only the network, the container engines and the disks are
memory. Brain and agents can be killed and started again at any moment.
"""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import func, select

from hytopus.brain.activity.models import Event
from hytopus.brain.instances import commands
from hytopus.brain.instances.creating.creation import create
from hytopus.brain.instances.models import Instance, Leftover, PortLease
from hytopus.brain.instances.queries import find, held_by_node
from hytopus.brain.instances.relocating import relocation
from hytopus.brain.instances.schemas import CreateInstance
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.states import State, Wanted
from hytopus.brain.nodes import commands as nodes
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.queries import all_nodes
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.errors import HytopusError
from hytopus.node.link.link import Link
from hytopus.node.link.outbox import Outbox
from hytopus.storage.memory import MemoryStore
from hytopus.wire.channel import LinkClosed, NodeChannel
from hytopus.wire.memory import Faults
from hytopus.wire.messages import NodeFacts
from tests.harness.clock import ManualClock
from tests.harness.database import sqlite_copy, watched_database
from tests.harness.determinism import database_directory, seeded
from tests.harness.factories import GAMES, OPERATOR, add, make_template
from tests.harness.machine import Machine, World
from tests.harness.older import Contract, OlderChannel
from tests.harness.quiet import Quiet, WatchedDatabase
from tests.harness.simulated_brain import SimulatedBrain
from tests.harness.simulated_node import FACTS, Dialer, SimulatedNode, run_agent

_VERBS: Final[Mapping[str, Callable[..., Awaitable[None]]]] = {
    "start": commands.start,
    "stop": commands.stop,
    "restart": commands.restart,
    "kill": commands.kill,
    "destroy": commands.destroy,
    "call_off": relocation.call_off,
}


@dataclass
class Complaints:
    """What the code under test has logged as a failure: in a simulation nothing of that kind may happen."""

    errors: list[str] = field(default_factory=list)

    def __call__(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if method in ("error", "exception", "critical") or event.get("event") == "report dropped":
            trace = traceback.format_exc() if event.get("exc_info") else ""
            self.errors.append(f"{event} {trace}")
        raise structlog.DropEvent


class Cluster:
    """Open it with `open_cluster`."""

    def __init__(
        self,
        database: WatchedDatabase,
        quiet: Quiet,
        complaints: Complaints,
        directory: Path,
        *,
        seed: int,
        brains: int,
    ) -> None:
        self.directory = directory
        self.database, self.quiet, self.complaints = database, quiet, complaints
        self.clock = ManualClock(quiet.wait)
        self.world = World()
        self.nodes: dict[str, SimulatedNode] = {}
        self.random = random.Random(seed)
        self.node_settings = NodeSettings(heartbeat_seconds=10, suspect_after=35, offline_after=60)
        self.instance_settings = InstanceSettings(
            lost_after_s=30, preparing_s=120, replace_after_s=30, lease_s=60, fence_slack_s=30
        )
        self.store = MemoryStore(self.clock)
        self.brains: dict[str, SimulatedBrain | None] = dict.fromkeys("abc"[:brains])
        self.lost_signals = 0.0
        """How often, 0 to 1, a Brain does not hear what another one has signalled."""
        self._funerals: set[asyncio.Task[None]] = set()

    @property
    def alive(self) -> list[str]:
        """The names of the Brains that run."""
        return [name for name, brain in self.brains.items() if brain is not None]

    def _api(self) -> WatchedDatabase:
        """Through one of the Brains, which hears of what changes; beside them if there is none."""
        alive = [brain.api for brain in self.brains.values() if brain is not None]
        return self.random.choice(alive) if alive else self.database

    async def start_brain(self, name: str = "a") -> None:
        if self.brains[name] is not None:
            return
        brain = SimulatedBrain(name, self.database, self.store, self.clock, self.node_settings, self.instance_settings)
        self.brains[name] = brain
        brain.signals.carry = lambda topic, key: self._carry(brain, topic, key)
        brain.died = lambda: self._bury(name)
        await brain.start(alone=len(self.brains) == 1)

    async def kill_brain(self, name: str = "a") -> None:
        """Everything it was doing stops in the middle; only what is committed stays."""
        brain, self.brains[name] = self.brains[name], None
        if brain is not None:
            await brain.kill()

    def doom(self, name: str, transactions: int, *, durable: bool) -> None:
        """Let a Brain die at one of its next transactions. It is started again at once."""
        if (brain := self.brains[name]) is not None:
            brain.fate.transactions, brain.fate.durable = transactions, durable

    def _bury(self, name: str) -> None:
        async def again() -> None:
            await self.kill_brain(name)
            await self.start_brain(name)

        task = asyncio.create_task(again())
        self._funerals.add(task)
        task.add_done_callback(self._funerals.discard)

    def _carry(self, sender: SimulatedBrain, topic: str, key: str | None) -> None:
        """What one Brain signals, the others hear, as over PostgreSQL's NOTIFY: not for certain."""
        for brain in self.brains.values():
            if brain is not None and brain is not sender and self.random.random() >= self.lost_signals:
                brain.signals.publish(topic, key)

    async def add_node(self, name: str, *, contract: Contract | None = None, **facts: Any) -> SimulatedNode:
        async with self.database.write() as session:
            node_id = (await nodes.join(session, name, at=self.clock.now())).id
        known = {key: getattr(FACTS, key) for key in FACTS.__slots__}
        machine = Machine(
            name, self.world, NodeFacts(**{**known, **facts}), self.clock, self.directory / name, self.store
        )
        node = SimulatedNode(node_id, machine, Faults(seed=self.random.randrange(2**32)), contract=contract)
        self.nodes[name] = node
        self.start_agent(node)
        return node

    def start_agent(self, node: SimulatedNode) -> None:
        if node.task is not None:
            return
        outbox = Outbox(self.clock)
        agent = node.machine.agent(outbox)
        link = Link(agent, outbox, self._dialer(node), agent_id=node.node_id, clock=self.clock)
        node.task = asyncio.create_task(run_agent(node.machine.name, agent, link))

    def _dialer(self, node: SimulatedNode) -> Dialer:
        """Each Brain is the first for some of the nodes."""
        return Dialer(self.brains, len(self.nodes), lambda brain: self.dial(node, brain))

    async def kill_agent(self, node: SimulatedNode) -> None:
        """The agent dies; what it started goes on."""
        if node.task is not None:
            task, node.task = node.task, None
            await _cancel(task)

    async def power_off(self, node: SimulatedNode) -> None:
        await self.kill_agent(node)
        node.machine.power_off()

    def dial(self, node: SimulatedNode, name: str) -> NodeChannel:
        if (brain := self.brains[name]) is None:
            raise LinkClosed(cause="the Brain is down")
        channel = brain.dial(node.node_id, node.faults)
        return channel if node.contract is None else OlderChannel(channel, node.contract)

    async def create(self, *bodies: Mapping[str, Any]) -> None:
        """All in one transaction; `name` is all a body needs."""
        async with self._api().write() as session:
            for body in bodies:
                wanted = CreateInstance.model_validate({"layers": ["base"], **body})
                await create(
                    session,
                    wanted,
                    games=GAMES,
                    actor=OPERATOR,
                    now=self.clock.now(),
                    settings=self.instance_settings,
                )

    async def ask(self, verb: str, name: str) -> None:
        """What an operator asks (one of `_VERBS`); that it may be refused is part of the game."""
        try:
            async with self._api().write() as session:
                instance = await find(session, name, lock=True)
                await _VERBS[verb](session, instance, actor=OPERATOR, now=self.clock.now())
        except HytopusError:
            return

    async def move(self, name: str, to: SimulatedNode, *, restart: bool) -> None:
        """As above; it may be stopped for that if `restart`."""
        brain = next((brain for brain in self.brains.values() if brain is not None), None)
        if brain is None:
            return
        try:
            async with brain.api.write() as session:
                instance, target = await find(session, name, lock=True), await session.get_one(Node, to.node_id)
                await relocation.move(
                    session,
                    instance,
                    target,
                    restart=restart,
                    presence=brain.presence,
                    actor=OPERATOR,
                    now=self.clock.now(),
                )
        except HytopusError:
            return

    async def decide(self, verb: str, node: SimulatedNode, **values: Any) -> None:
        """`cordon`, `uncordon`, `drain`, `undrain`, `set_dev_mode`."""
        async with self._api().write() as session:
            row = await session.get(Node, node.node_id, with_for_update=True)
            getattr(nodes, verb)(session, row, actor=OPERATOR, at=self.clock.now(), **values)

    async def declare_lost(self, node: SimulatedNode) -> bool:
        """As an operator may who knows that the agent lives: the machine's engine obeys it, so leases are kept."""
        if node.task is None or node.machine.runtime.is_down:
            return False
        try:
            async with self._api().write() as session:
                row = await session.get(Node, node.node_id, with_for_update=True)
                assert row is not None
                nodes.declare_lost(session, row, off=False, actor=OPERATOR, at=self.clock.now())
        except HytopusError:
            return False
        node.declared_lost = True
        return True

    async def instances(self) -> list[Instance]:
        async with self.database.read() as session:
            alive = select(Instance).where(Instance.state != State.DESTROYED).order_by(Instance.name)
            return list(await session.scalars(alive))

    async def transitions(self) -> list[tuple[str, State, State]]:
        """Every change of state the event log has: instance, from, to."""
        async with self.database.read() as session:
            rows = await session.scalars(select(Event).where(Event.subject_kind == "instance").order_by(Event.id))
            return [
                (event.subject_id, State(event.data["from"]), State(event.data["to"]))
                for event in rows
                if "from" in event.data
            ]

    async def check(self) -> None:
        """What must hold at every moment."""
        assert not self.world.broken, self.world.broken
        assert not self.complaints.errors, self.complaints.errors[:3]
        async with self.database.read() as session:
            held = await held_by_node(session)
            for node in await all_nodes(session):
                if (used := held.get(node.id)) is None or not node.memory_mb:
                    continue
                assert used.memory_mb <= node.memory_mb, (node.name, used)
                assert used.cpus <= node.cpus + 1e-6, (node.name, used)
                assert used.disk_mb <= node.disk_mb, (node.name, used)
                assert used.slots <= node.slots, (node.name, used)
            orphaned = select(func.count()).where(
                PortLease.instance_id == Instance.id,
                (Instance.state == State.DESTROYED) | (Instance.node_id != PortLease.node_id),
            )
            assert await session.scalar(orphaned) == 0

    async def heal(self) -> None:
        """No more faults: everything is up, reachable and fast."""
        self.lost_signals = 0.0
        for name in self.brains:
            self.doom(name, 0, durable=False)
            await self.start_brain(name)
        for node in self.nodes.values():
            assert node.task is None or not node.task.done(), f"the agent of {node.machine.name} ended: {node.task}"
            node.declared_lost = False
            node.faults.delay = node.faults.duplicate = node.faults.reorder = 0.0
            node.faults.heal()
            node.machine.disk(full=False)
            node.machine.runtime.come_back()
            timing = node.machine.timing
            timing.ignores_stop = timing.never_ready = False
            self.start_agent(node)

    async def converge(self) -> None:
        """Let time pass, trying failed instances again as an operator would, until everything is as asked."""
        for seconds in (60, 140, *[200] * 7):
            await self.clock.advance(seconds)
            await self.check()
            for instance in await self.instances():
                if instance.state is State.FAILED and instance.wanted is Wanted.RUNNING:
                    await self.ask("start", instance.id)
            if not await self.unfinished():
                return
        raise AssertionError(f"does not converge: {await self.unfinished()}")

    async def _kept(self) -> set[tuple[str | None, str]]:
        """Worlds that were left on nodes which came back: theirs is the operator."""
        async with self.database.read() as session:
            kept = await session.scalars(select(Leftover).where(Leftover.keep))
            return {(leftover.node_id, leftover.instance_id) for leftover in kept}

    async def unfinished(self) -> list[str]:
        """Instances that are not as they are asked to be, and machines that do not agree with the Brain."""
        wrong: list[str] = []
        instances = await self.instances()
        by_machine = {node.node_id: node.machine for node in self.nodes.values()}
        for instance in instances:
            if not _is_as_asked(instance):
                wrong.append(f"{instance.name}: {instance.state} but {instance.wanted}, {instance.problem}")
            elif instance.state is State.RUNNING and instance.id not in by_machine[instance.node_id or ""].processes:
                wrong.append(f"{instance.name}: running, but there is no process")
        running = {instance.id for instance in instances if instance.state is State.RUNNING}
        wrong += [f"{instance_id}: a process nobody asked for" for instance_id in self.world.running - running]
        known = {(instance.node_id, instance.id) for instance in instances} | await self._kept()
        for node_id, machine in by_machine.items():
            wrong += [f"{key}: left over on {machine.name}" for key in machine.holds if (node_id, key) not in known]
        return wrong


def _is_as_asked(instance: Instance) -> bool:
    match instance.wanted:
        case Wanted.RUNNING:
            waits = instance.state in (State.REQUESTED, State.STOPPED) and instance.waiting is not None
            return instance.state is State.RUNNING or waits
        case Wanted.STOPPED:
            waits = instance.state is State.REQUESTED and instance.waiting is not None
            return instance.state in (State.STOPPED, State.FAILED) or waits
        case Wanted.DESTROYED:
            return False


@asynccontextmanager
async def open_cluster(*, seed: int = 0, brains: int = 1) -> AsyncIterator[Cluster]:
    """Brains that run, called `a`, `b`, `c`, with the template `base` and no nodes yet."""
    quiet, complaints = Quiet(), Complaints()
    quiet.watch_threads()
    configured = structlog.get_config()
    structlog.configure(processors=[complaints], cache_logger_on_first_use=False)
    try:
        with seeded(seed) as directory:
            async with watched_database(sqlite_copy(database_directory()), quiet) as database:
                await add(database, *make_template())
                cluster = Cluster(database, quiet, complaints, directory, seed=seed, brains=brains)
                try:
                    for name in cluster.brains:
                        await cluster.start_brain(name)
                    yield cluster
                finally:
                    for node in cluster.nodes.values():
                        await cluster.kill_agent(node)
                        await node.machine.runtime.close()
                    for name in cluster.brains:
                        await cluster.kill_brain(name)
                    await cluster.clock.settle()  # what was cancelled closes its database sessions
    finally:
        structlog.configure(**configured)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
