"""The whole API of a Brain: every feature, with what main.py would give it but loops and sockets of nodes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hytopus.brain.authority.ca import Authority
from hytopus.brain.backups.api import Backups
from hytopus.brain.backups.settings import BackupSettings
from hytopus.brain.db.engine import Database
from hytopus.brain.features import API, OUTSIDE
from hytopus.brain.gateway.gateway import Gateway
from hytopus.brain.gateway.reach import Reach
from hytopus.brain.history.durations import Durations
from hytopus.brain.history.recorder import Recorder
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.storage.memory import MemoryStore
from tests.integration.api.clock import StepClock
from tests.integration.api.world import World, open_world
from tests.integration.backups.brains import source_of


@asynccontextmanager
async def open_whole(
    database: Database, store: MemoryStore, clock: StepClock, directory: Path, *, gateway: Gateway | None = None
) -> AsyncIterator[World]:
    """On a real socket; nodes may be connected to `gateway`."""
    gateway = gateway or make_gateway(database, store, clock)
    extra = {
        "presence": gateway.presence,
        "gateway": gateway,
        "reach": Reach(gateway),
        "instance_settings": InstanceSettings(),
        "backups": Backups(await source_of(database, store, directory, clock), BackupSettings()),
        "authority": await Authority.open(directory / "ca", clock=clock),
        "recorder": Recorder(database, gateway.presence, clock, Durations({})),
    }
    async with open_world(database, store, clock, features=API, outside=OUTSIDE, extra=extra) as opened:
        yield opened


def make_gateway(database: Database, store: MemoryStore, clock: StepClock) -> Gateway:
    return Gateway(database, store, Presence(NodeSettings(), clock, database.signals), clock=clock, brain_id="test")
