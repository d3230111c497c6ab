"""Fixtures of the API's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hytopus.brain.db.engine import Database
from hytopus.kit.logs import configure_logging
from hytopus.storage.memory import MemoryStore
from tests.harness.database import database, sqlite
from tests.integration.api.clock import StepClock
from tests.integration.api.world import World, open_world

__all__ = ["database", "sqlite"]


@pytest.fixture(scope="session", autouse=True)
def _logging() -> None:
    """As in production: structlog's own default would pretty-print every local variable of a traceback."""
    configure_logging(json=True, level="info")


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
def store(clock: StepClock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
async def world(database: Database, store: MemoryStore, clock: StepClock) -> AsyncIterator[World]:
    async with open_world(database, store, clock) as opened:
        yield opened
