"""One of the Brains of a simulation: all loops and the gateway, over a database that others use, too.

It may be killed at any moment, or die by itself at one of its next transactions: before it is durable, or after that
and before anybody was told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.brains.fleet import Fleet
from hytopus.brain.db.engine import _HOOKS
from hytopus.brain.db.signals import Signals
from hytopus.brain.gateway.cut_off import send_nodes_away
from hytopus.brain.gateway.gateway import Gateway, Peer
from hytopus.brain.gateway.session import serve
from hytopus.brain.instances.loops import run_loops
from hytopus.brain.instances.relocating.mover import run_mover
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.storage.memory import MemoryStore
from hytopus.wire.channel import NodeChannel
from hytopus.wire.memory import Faults, memory_pair
from tests.harness.clock import ManualClock
from tests.harness.quiet import WatchedDatabase

_BEAT_S: Final = 4.0
_MOVER_S: Final = 15.0
"""How often moves are looked at; every second of a long simulation would be most of its work."""


@dataclass
class Fate:
    """When a Brain dies by itself: at its `transactions`-th one from now on; 0 for never."""

    transactions: int = 0
    durable: bool = False
    """What that transaction did is kept, and nobody hears of it."""
    dead: bool = False

    def strikes(self) -> bool:
        if not self.transactions:
            return False
        self.transactions -= 1
        self.dead = self.transactions == 0
        return self.dead


class MortalDatabase(WatchedDatabase):
    """The database as one Brain has it. Once that is dead, nothing of it reaches the database any more."""

    fate: Fate
    dies: Callable[[], None]

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        self._alive()
        async with super().read() as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        self._alive()
        async with super().write() as session:
            yield session
            if self.fate.strikes():
                self.dies()
                session.info.pop(_HOOKS, None)
                if not self.fate.durable:
                    raise asyncio.CancelledError
        self._alive()

    def _alive(self) -> None:
        if self.fate.dead:
            raise asyncio.CancelledError


class SimulatedBrain:
    """A Brain that runs from `start` to `kill`. Whoever starts it again makes another one."""

    def __init__(
        self,
        name: str,
        database: WatchedDatabase,
        store: MemoryStore,
        clock: ManualClock,
        nodes: NodeSettings,
        instances: InstanceSettings,
    ) -> None:
        self.name, self.fate, self.signals = name, Fate(), Signals()
        self.database = MortalDatabase(database.reader, database.writer, database._group_writer, self.signals)
        self.database.quiet, self.database.fate = database.quiet, self.fate
        self.api = WatchedDatabase(database.reader, database.writer, database._group_writer, self.signals)
        """For what operators ask of it, which is answered or not; its own fate does not hang on it."""
        self.api.quiet = database.quiet
        self.database.dies = self._dies
        self.died: Callable[[], None] = lambda: None
        """Called when its fate has struck."""
        self._clock, self._store, self._nodes, self._instances = clock, store, nodes, instances
        self.presence = Presence(nodes, clock, self.signals)
        self._tasks: set[asyncio.Task[None]] = set()
        self._gateway: Gateway | None = None

    async def start(self, *, alone: bool) -> None:
        presence = self.presence
        fleet = Fleet(self.database, self._clock, name=self.name, beat_s=_BEAT_S)
        fleet.session_address = self.name
        gateway = self._gateway = Gateway(self.database, self._store, presence, clock=self._clock, fleet=fleet)
        if not alone:
            await fleet.beat()
            self._own(fleet.run())
            self._own(send_nodes_away(gateway))
        nodes, instances = self._nodes, self._instances
        self._own(
            run_loops(
                self.database, presence, fleet, clock=self._clock, rush=gateway.rush, nodes=nodes, instances=instances
            )
        )
        sessions, store = gateway.sessions, self._store
        self._own(run_mover(self.database, store, sessions, presence, clock=self._clock, pause_s=_MOVER_S))

    async def kill(self) -> None:
        """Everything it was doing stops in the middle; only what is committed stays."""
        assert self._gateway
        self.fate.dead = self._gateway.sessions.closing = True
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    def dial(self, node_id: str, faults: Faults) -> NodeChannel:
        assert self._gateway
        ours, theirs = memory_pair(self._clock, faults=faults)
        self._own(serve(theirs, Peer(node_id), self._gateway))
        return ours

    def _dies(self) -> None:
        asyncio.get_running_loop().call_soon(self.died)

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
