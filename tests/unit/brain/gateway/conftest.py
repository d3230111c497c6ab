"""A gateway without sockets, on a clock that the test moves."""

from __future__ import annotations

import pytest

from hytopus.brain.db.engine import Database
from hytopus.brain.gateway.gateway import Gateway
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.brain.nodes.states import NodeState
from hytopus.storage.memory import MemoryStore
from tests.harness.clock import ManualClock
from tests.harness.database import sqlite as sqlite
from tests.harness.factories import make_node
from tests.unit.brain.gateway.node_end import NODE


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def gateway(sqlite: Database, clock: ManualClock) -> Gateway:
    async with sqlite.write() as session:
        session.add(make_node(id=NODE, state=NodeState.OFFLINE))
    presence = Presence(NodeSettings(), clock, sqlite.signals)
    return Gateway(sqlite, MemoryStore(), presence, clock=clock, brain_id="brain")
