"""Fixtures of the backups: a Brain's database with something of everything in it."""

from __future__ import annotations

import pytest

from hytopus.kit.logs import configure_logging
from hytopus.storage.memory import MemoryStore
from tests.harness.clock import ManualClock
from tests.harness.database import database, sqlite

__all__ = ["database", "sqlite"]


@pytest.fixture(scope="session", autouse=True)
def _logging() -> None:
    configure_logging(json=True, level="warning")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock, prefix="net/")
