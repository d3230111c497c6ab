"""Several real Brains, each a process of its own, over one real PostgreSQL, and nodes with engines in memory that dial
them over gRPC."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx2

from hytopus.brain.db.engine import Database
from hytopus.brain.db.signals import Signals
from hytopus.kit.clock import SystemClock
from hytopus.kit.ids import new_id
from hytopus.node.agent import Agent
from hytopus.node.identity import agent_id
from hytopus.node.link.dialer import GrpcDialer
from hytopus.node.link.joining import join
from hytopus.node.link.link import Link, dial_brain
from hytopus.node.link.outbox import Outbox
from hytopus.node.runtime.base import ContainerSpec
from hytopus.node.runtime.fake_script import READY_LINE, Script
from hytopus.wire.messages import NodeFacts
from tests.harness.factories import add, make_template
from tests.harness.machine import Machine, World
from tests.services.ports import free_ports
from tests.services.processes import Process
from tests.services.seaweed import S3
from tests.services.waiting import eventually

_QUICK: Final = {"prepare": 0.05, "start": 0.05, "stop": 0.05}
_TRYING_AGAIN_S: Final = 0.1


class BrainProcess:
    """One of the Brains: what it listens on and whether it runs."""

    def __init__(self, name: str, directory: Path, database_url: str, s3: S3, **settings: str) -> None:
        http, sessions, joining = free_ports(3)
        self.name, self.directory = name, directory
        self.url = f"http://127.0.0.1:{http}"
        self.sessions = f"127.0.0.1:{sessions}"
        self.known = directory / "known.json"
        directory.mkdir(parents=True)
        self.process = Process(
            name,
            [sys.executable, "-m", "tests.services.brain", str(self.known)],
            directory / "brain.log",
            {
                "HYTOPUS_BRAIN__NAME": name,
                "HYTOPUS_BRAIN__DATA_DIR": str(directory / "data"),
                "HYTOPUS_BRAIN__DATABASE_URL": database_url,
                "HYTOPUS_BRAIN__HTTP__LISTEN": f"127.0.0.1:{http}",
                "HYTOPUS_BRAIN__GATEWAY__SESSION_LISTEN": self.sessions,
                "HYTOPUS_BRAIN__GATEWAY__JOIN_LISTEN": f"127.0.0.1:{joining}",
                "HYTOPUS_BRAIN__STORAGE__URL": f"s3://{s3.bucket}/{new_id()}?endpoint={s3.endpoint}",
                "HYTOPUS_BRAIN__STORAGE__ACCESS_KEY": s3.access_key,
                "HYTOPUS_BRAIN__STORAGE__SECRET_KEY": s3.secret_key,
                **settings,
            },
        )

    async def start(self) -> None:
        self.process.start()
        started: Callable[[], Any] = self.answers
        await eventually(started, timeout=120, every=0.1, what=f"Brain {self.name} to answer")

    async def answers(self) -> bool:
        assert self.process.running, self.process.tail()
        try:
            async with httpx2.AsyncClient(timeout=2) as client:
                return (await client.get(f"{self.url}/healthz")).is_success
        except httpx2.HTTPError:
            return False

    def freeze(self) -> None:
        """To everybody else as if its machine had vanished: connections stay, nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)


@dataclass
class Arm:
    """A node: a machine in memory and its agent."""

    name: str
    machine: Machine
    dialer: GrpcDialer
    link: Link
    task: asyncio.Task[None]

    def connected_to(self, brain: BrainProcess) -> bool:
        return self.link.connected and self.dialer.address == brain.sessions


class QuickMachine(Machine):
    """Its servers print what the stand-in prints."""

    def _script(self, spec: ContainerSpec) -> Script:
        return Script(ready_after=self.timing.start, ready_line=READY_LINE, stop_takes=self.timing.stop)


@dataclass
class Network:
    """Brains and nodes. Open it with `open_network`."""

    directory: Path
    brains: list[BrainProcess]
    world: World = field(default_factory=World)
    arms: list[Arm] = field(default_factory=list)
    token: str = ""
    clock: SystemClock = field(default_factory=SystemClock)

    async def add_arm(self, number: int) -> Arm:
        name, brain = f"arm-{number}", self.brains[number % len(self.brains)]
        token = (await self.request("POST", "nodes/join-tokens", {"node_name": name}))["token"]
        directory = self.directory / name
        identity = await join(brain.url, token, directory, name)
        facts = NodeFacts(cpus=200, memory_mb=200_000, disk_mb=200_000, slots=200, address="203.0.113.5")
        ports = {"port_first": 30_000, "port_last": 30_499}
        machine = QuickMachine(name, self.world, _with(facts, **ports), self.clock, directory / "machine")
        machine.timing.prepare, machine.timing.start, machine.timing.stop = _QUICK.values()
        outbox, dialer = Outbox(self.clock), GrpcDialer(identity)
        agent = machine.agent(outbox)
        link = dial_brain(agent, outbox, identity, dialer, agent_id=agent_id(directory), clock=self.clock)
        arm = Arm(name, machine, dialer, link, asyncio.create_task(_run(agent, link)))
        self.arms.append(arm)
        return arm

    def of(self, brain: BrainProcess) -> list[Arm]:
        """The nodes that are connected to it."""
        return [arm for arm in self.arms if arm.connected_to(brain)]

    async def reconnected(self, arms: list[Arm], gone: BrainProcess) -> float:
        """Seconds until all of them have found another Brain."""
        started = time.monotonic()
        found = lambda: all(arm.link.connected and not arm.connected_to(gone) for arm in arms)  # noqa: E731
        await eventually(found, timeout=30, every=0.01, what=f"the nodes of {gone.name} to find another Brain")
        return time.monotonic() - started

    async def create(self, name: str) -> str:
        """Ask one Brain after the other until one has said yes, as a client behind a load balancer would."""
        body = {"name": name, "layers": ["base"], "game": "stand-in"}
        created: dict[str, Any] = await self.request("POST", "instances", body, key=name)
        return str(created["id"])

    async def request(self, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
        deadline = time.monotonic() + 60
        async with httpx2.AsyncClient(timeout=10, headers=self._headers(key)) as client:
            while True:
                for brain in self.brains:
                    try:
                        answer = await client.request(method, f"{brain.url}/api/v1/{path}", json=body)
                    except httpx2.HTTPError:
                        continue
                    if answer.is_success:
                        return answer.json() if answer.content else None
                    assert answer.status_code >= 500 or answer.json()["code"] == "idempotency_in_progress", answer.text
                assert time.monotonic() < deadline, f"no Brain took {method} {path}"
                await asyncio.sleep(_TRYING_AGAIN_S)

    async def ask(self, brain: BrainProcess, path: str) -> Any:
        """What one of them says."""
        async with httpx2.AsyncClient(timeout=30, headers=self._headers("")) as client:
            answer = await client.get(f"{brain.url}/api/v1/{path}")
            assert answer.is_success, answer.text
            return answer.json()

    async def every(self, brain: BrainProcess, path: str) -> list[Any]:
        """A list of one of them, whole."""
        items: list[Any] = []
        cursor = ""
        while True:
            page = await self.ask(brain, f"{path}{'&' if '?' in path else '?'}limit=200{cursor}")
            items += page["items"]
            if not page.get("next_cursor"):
                return items
            cursor = f"&cursor={page['next_cursor']}"

    def tails(self) -> str:
        return "\n".join(brain.process.tail() for brain in self.brains)

    def _headers(self, key: str) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return headers | ({"Idempotency-Key": key} if key else {})


@asynccontextmanager
async def open_network(directory: Path, database_url: str, s3: S3, *, brains: int, arms: int) -> AsyncIterator[Network]:
    """Brains that serve, nodes that are connected, all to whichever Brain they have joined at."""
    processes = [BrainProcess(name, directory / name, database_url, s3) for name in "abc"[:brains]]
    network = Network(directory, processes)
    try:
        await processes[0].start()
        async with Database.open(database_url, Signals()) as database:
            await add(database, *make_template(game="stand-in"))
        for other in processes[1:]:
            _share_keys(processes[0].directory / "data", other.directory / "data")
            await other.start()
        await _log_in(network)
        for number in range(arms):
            await network.add_arm(number)
        await eventually(lambda: all(arm.link.connected for arm in network.arms), timeout=30)
        yield network
    finally:
        for arm in network.arms:
            arm.task.cancel()
        await asyncio.gather(*(arm.task for arm in network.arms), return_exceptions=True)
        for arm in network.arms:
            await arm.machine.runtime.close()
        for brain in processes:
            if brain.process.running:
                brain.thaw()
            brain.process.kill()


async def _log_in(network: Network) -> None:
    password = json.loads(network.brains[0].known.read_text())["password"]
    network.token = (await network.request("POST", "login", {"name": "admin", "password": password}))["token"]


def _share_keys(source: Path, target: Path) -> None:
    """What an operator copies from the first Brain to the next."""
    target.mkdir(parents=True)
    shutil.copytree(source / "ca", target / "ca")
    shutil.copy(source / "secrets.key", target / "secrets.key")


async def _run(agent: Agent, link: Link) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.run())
        tasks.create_task(link.run())


def _with(facts: NodeFacts, **changes: Any) -> NodeFacts:
    return replace(facts, **changes)
