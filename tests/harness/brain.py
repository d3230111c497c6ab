"""A Brain without loops or sockets, driven by hand: one call is one thing that happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from hytopus.brain.activity.models import Event
from hytopus.brain.db.engine import Database
from hytopus.brain.instances import commands
from hytopus.brain.instances.assignments import commands_for
from hytopus.brain.instances.creating.creation import create
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import find
from hytopus.brain.instances.reconciling.fences import Fences
from hytopus.brain.instances.reconciling.patience import Patience
from hytopus.brain.instances.reconciling.reconciler import looking, reconcile
from hytopus.brain.instances.reports.inventory import register_node
from hytopus.brain.instances.reports.observe import observe
from hytopus.brain.instances.scheduling.scheduler import Outlook, schedule
from hytopus.brain.instances.schemas import CreateInstance
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.wire.messages import InstanceCommand, InstanceReport, NodeStatus, RegisterNode
from tests.harness.clock import ManualClock
from tests.harness.factories import GAMES, OPERATOR, add, make_node, make_template, registration, report


class Brain:
    """What a running Brain does, step by step."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.clock = ManualClock()
        self.settings = InstanceSettings(**settings)
        self.fences = Fences(self.clock)
        self.outlook = Outlook(self.clock)
        self.presence = Presence(NodeSettings(), self.clock, database.signals)
        self.patience = Patience(self.presence, self.settings, self.clock)

    async def has_template(self, *args: Any, **rules: Any) -> None:
        await add(self.database, *make_template(*args, **rules))

    async def has_node(self, **values: Any) -> Node:
        node = make_node(**values)
        await add(self.database, node)
        self.presence.connected(node.id)
        return node

    async def create(self, name: str = "lobby", **body: Any) -> Instance:
        wanted = CreateInstance.model_validate({"name": name, "layers": ["base"], **body})
        async with self.database.write() as session:
            return await create(session, wanted, games=GAMES, actor=OPERATOR, now=self.clock.now())

    async def ask(self, verb: str, name: str = "lobby") -> Instance:
        """`start`, `stop`, `restart`, `kill` or `destroy`."""
        async with self.database.write() as session:
            instance = await find(session, name, lock=True)
            await getattr(commands, verb)(session, instance, actor=OPERATOR, now=self.clock.now())
            return instance

    async def schedule(self) -> int:
        return await schedule(self.database, self.presence, self.outlook, clock=self.clock, settings=self.settings)

    async def reconcile(self, instance: Instance) -> float | None:
        look = looking(self.database)
        return await reconcile(
            self.database,
            instance.id,
            look,
            clock=self.clock,
            settings=self.settings,
            fences=self.fences,
            patience=self.patience,
        )

    async def told(self, node: Node) -> list[InstanceCommand]:
        async with self.database.read() as session:
            return (await commands_for(session, [await session.get_one(Node, node.id)]))[node.id]

    async def hears(self, node: Node, message: InstanceReport) -> None:
        async with self.database.write() as session:
            await observe(session, node.id, [message], at=self.clock.now())

    async def hears_status(self, node: Node, status: NodeStatus, name: str = "lobby", **values: Any) -> Instance:
        await self.hears(node, report(await self.get(name), status, **values))
        return await self.get(name)

    async def meets(self, node: Node, *inventory: InstanceReport, **facts: Any) -> None:
        message: RegisterNode = registration(*inventory, **facts)
        async with self.database.write() as session:
            await register_node(session, node.id, message, at=self.clock.now())
        self.presence.connected(node.id)

    async def get(self, name: str = "lobby") -> Instance:
        async with self.database.read() as session:
            return await find(session, name)

    async def by_id(self, instance: Instance) -> Instance:
        return await self.get(instance.id)

    async def change_node(self, node: Node, values: Mapping[str, Any]) -> None:
        async with self.database.write() as session:
            row = await session.get(Node, node.id, with_for_update=True)
            for key, value in values.items():
                setattr(row, key, value)

    async def events(self, kind: str = "") -> list[str]:
        async with self.database.read() as session:
            rows = await session.scalars(select(Event).order_by(Event.id))
            return [event.kind for event in rows if event.kind.startswith(kind)]

    async def running(self, name: str = "lobby", **body: Any) -> tuple[Node, Instance]:
        """An instance that is ready for players, the way it gets there."""
        node = await self.has_node()
        await self.has_template()
        await self.create(name, **body)
        await self.schedule()
        await self.hears_status(node, NodeStatus.PREPARED, name)
        return node, await self.hears_status(node, NodeStatus.RUNNING, name)
