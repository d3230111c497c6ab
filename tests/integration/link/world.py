"""A Brain's gateway with everything real below it, and an agent that only writes down what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from hytopus.brain.activity.actor import SYSTEM
from hytopus.brain.authority import commands as authority_commands
from hytopus.brain.authority.api import JoinInfo, get_join_info
from hytopus.brain.authority.ca import Authority
from hytopus.brain.authority.keeper import follow, open_authority
from hytopus.brain.brains.fleet import Fleet
from hytopus.brain.db.engine import Database
from hytopus.brain.gateway.gateway import Gateway
from hytopus.brain.gateway.peers import Peers
from hytopus.brain.gateway.reach import Reach
from hytopus.brain.gateway.server import open_gateway
from hytopus.brain.gateway.settings import GatewaySettings
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.states import State, Wanted
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.games.definition import Game, Image
from hytopus.kit.clock import Clock, SystemClock
from hytopus.node.identity import Identity, agent_id
from hytopus.node.link.dialer import GrpcDialer
from hytopus.node.link.joining import join
from hytopus.node.link.link import Link, dial_brain
from hytopus.node.link.outbox import Outbox
from hytopus.node.link.renewal import keep_renewed
from hytopus.storage.memory import MemoryStore
from hytopus.wire.messages import (
    CrashReply,
    Heartbeat,
    InstanceCommand,
    InstanceReport,
    LogLine,
    NodeFacts,
    NodeLoad,
    SetDevMode,
    Welcome,
)
from hytopus.wire.place import Place
from tests.services.waiting import eventually


class ListeningAgent:
    """Takes everything, does nothing; answers questions and shows lines as told beforehand."""

    def __init__(self) -> None:
        self.adopted = asyncio.Event()
        self.adopted.set()
        self.dev_mode = False
        self.standing: tuple[InstanceReport, ...] = ()
        self.commands: list[InstanceCommand | SetDevMode | CrashReply] = []
        self.welcomes: list[Welcome] = []
        self.answers: dict[str, Mapping[str, Any] | Exception] = {}
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.typed: list[tuple[str, str]] = []
        self.source: AsyncGenerator[tuple[LogLine, ...], None] | None = None
        self.lines_closed = asyncio.Event()
        self.pieces: AsyncGenerator[bytes, None] | None = None
        self.pieces_closed = asyncio.Event()
        self.uploaded = b""
        self.never = asyncio.Event()
        self.failing = False

    def facts(self) -> NodeFacts:
        return NodeFacts(hostname="host", cpus=4, memory_mb=8192, slots=10, address="192.0.2.1")

    def inventory(self) -> tuple[InstanceReport, ...]:
        return self.standing

    def heartbeat(self) -> Heartbeat:
        return Heartbeat("", self.dev_mode, NodeLoad(cpu_percent=12.5))

    def registering(self) -> int:
        return 0

    def renewed(self, number: int) -> None:
        return

    async def welcome(self, welcome: Welcome) -> None:
        self.welcomes.append(welcome)

    async def handle(self, command: InstanceCommand | SetDevMode | CrashReply) -> None:
        self.commands.append(command)
        if self.failing:
            raise ZeroDivisionError("an agent that fails")

    async def ask(self, kind: str, instance_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((kind, instance_id, dict(body)))
        if kind == "silence":
            await self.never.wait()
        answer = self.answers[kind]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def lines(self, instance_id: str, tail: int, after: Place) -> AsyncIterator[tuple[LogLine, ...]]:
        assert self.source is not None
        try:
            async for batch in self.source:
                yield batch
        finally:
            self.lines_closed.set()

    async def send_line(self, instance_id: str, text: str) -> None:
        self.typed.append((instance_id, text))

    async def download(self, instance_id: str, body: Mapping[str, Any]) -> AsyncIterator[bytes | Mapping[str, Any]]:
        answer = self.answers["download"]
        if isinstance(answer, Exception):
            raise answer
        yield answer
        assert self.pieces is not None
        try:
            async for piece in self.pieces:
                yield piece
        finally:
            self.pieces_closed.set()

    async def upload(
        self, instance_id: str, body: Mapping[str, Any], chunks: AsyncIterator[bytes]
    ) -> Mapping[str, Any]:
        self.asked.append(("upload", instance_id, dict(body)))
        answer = self.answers["upload"]
        if isinstance(answer, Exception):
            raise answer
        async for chunk in chunks:
            self.uploaded += chunk
        return answer


@dataclass
class Brain:
    """What outlives a restart of the Brain, and the gateway that runs now."""

    database: Database
    directory: Path
    clock: Clock
    ports: tuple[int, int] = (0, 0)
    store: MemoryStore = field(default_factory=MemoryStore)
    gateway: Gateway = field(init=False)
    authority: Authority = field(init=False)
    reach: Reach = field(init=False)
    url: str = ""
    name: str = "brain"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Gateway]:
        """Started again, it listens on the same ports with the same CA."""
        ca = self.directory / "ca"
        self.authority = await open_authority(self.database, ca, names=[], clock=self.clock)
        presence = Presence(NodeSettings(heartbeat_seconds=0.2), self.clock, self.database.signals)
        settings = GatewaySettings(
            session_listen=f"127.0.0.1:{self.ports[0]}", join_listen=f"127.0.0.1:{self.ports[1]}"
        )
        fleet = Fleet(self.database, self.clock, name=self.name, ca_fingerprint=self.authority.lineage)
        async with open_gateway(
            self.database, self.store, self.authority, settings, presence, clock=self.clock, fleet=fleet
        ) as gateway:
            self.gateway = gateway
            self.ports = _port(gateway.session_address), _port(gateway.join_address)
            peers = Peers(self.authority)
            self.reach = Reach(gateway, peers)
            following = asyncio.ensure_future(follow(self.authority, self.database, ca, self.clock))
            async with _web(self) as self.url:
                yield gateway
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await peers.close()

    async def token(
        self, *, name: str | None = None, rejoins: str | None = None, lifetime: timedelta = timedelta(minutes=15)
    ) -> str:
        async with self.database.write() as session:
            former = await session.get(Node, rejoins) if rejoins else None
            text, _ = await authority_commands.create_join_token(
                session,
                self.authority,
                actor=SYSTEM,
                at=self.clock.now(),
                node_name=name,
                rejoins=former,
                lifetime=lifetime,
            )
        return text

    async def joined(self, directory: Path, name: str = "arm-1") -> Identity:
        return await join(self.url, await self.token(), directory, name)

    async def instance(self, node_id: str, state: State, *, generation: int = 1, name: str = "lobby") -> Instance:
        """An instance placed on a node, as the Brain would have it."""
        async with self.database.write() as session:
            instance = _instance(node_id, state, generation, name, self.clock)
            session.add(instance)
        return instance

    async def state_of(self, instance: Instance) -> State:
        async with self.database.read() as session:
            found = await session.get(Instance, instance.id)
            assert found is not None
            return found.state


def _instance(node_id: str, state: State, generation: int, name: str, clock: Clock) -> Instance:
    definition = Game(
        name="stand-in", title="Stand-in", image=Image(reference="stand-in"), command=("run",)
    ).model_dump(mode="json")
    layer = {"template_id": "base", "version": "1", "checksum": "c", "size": 3, "s3_key": "t/base/1", "type": "master"}
    return Instance(
        name=name,
        created_at=clock.now(),
        game="stand-in",
        definition=definition,
        requested_layers=["base"],
        layers=[layer],
        variables={},
        secrets={},
        secret_names=[],
        defaults={},
        requested_ports={},
        details={},
        memory_mb=256,
        cpus=1.0,
        disk_mb=512,
        tags=[],
        wanted=Wanted.RUNNING,
        state=state,
        state_since=clock.now(),
        generation=generation,
        node_id=node_id,
        log_tail=[],
        timings_ms={},
        players=[],
    )


@dataclass
class Arm:
    """A node: identity, agent, outbox and a link that runs."""

    identity: Identity
    agent: ListeningAgent
    outbox: Outbox
    link: Link
    task: asyncio.Task[None]

    async def connected(self) -> None:
        await eventually(lambda: self.link.connected, what="the link to stand")


@asynccontextmanager
async def running_arm(
    identity: Identity, *, agent: ListeningAgent | None = None, as_agent: str = ""
) -> AsyncIterator[Arm]:
    clock = SystemClock()
    agent, outbox, dialer = agent or ListeningAgent(), Outbox(clock), GrpcDialer(identity)
    link = dial_brain(agent, outbox, identity, dialer, agent_id=as_agent or agent_id(identity.directory), clock=clock)
    task = asyncio.ensure_future(link.run())
    renewal = asyncio.ensure_future(keep_renewed(identity, dialer, clock=clock))
    try:
        yield Arm(identity, agent, outbox, link, task)
    finally:
        for each in (task, renewal):
            each.cancel()
        await asyncio.gather(task, renewal, return_exceptions=True)


@asynccontextmanager
async def _web(brain: Brain) -> AsyncIterator[str]:
    """The one route a machine needs before it is a node."""
    app = FastAPI()

    @app.get("/api/v1/join-info")
    async def join_info() -> JoinInfo:
        return await get_join_info(brain.authority, brain.gateway)

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_config=None))
    task = asyncio.ensure_future(server._serve())  # without `serve`, which would take over the process's signals
    try:
        await eventually(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
