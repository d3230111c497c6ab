"""A Brain that serves, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hytopus.brain.db.base import Base
from hytopus.brain.db.engine import Database
from hytopus.brain.db.schema import FEATURES
from hytopus.brain.db.signals import Signals
from hytopus.kit.clock import SystemClock
from tests.integration.link.world import Arm, Brain, running_arm


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/brain.db" if request.param == "sqlite" else request.getfixturevalue("postgres")
    assert FEATURES
    async with Database.open(url, Signals()) as opened:
        async with opened.writer.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield opened


@pytest.fixture
async def stopped_brain(database: Database, tmp_path: Path) -> Brain:
    """A Brain whose gateway the test starts itself."""
    return Brain(database, tmp_path / "brain", SystemClock())


@pytest.fixture
async def brain(stopped_brain: Brain) -> AsyncIterator[Brain]:
    async with stopped_brain.serving():
        yield stopped_brain


@pytest.fixture
async def arm(brain: Brain, tmp_path: Path) -> AsyncIterator[Arm]:
    """A node that has joined and is connected."""
    identity = await brain.joined(tmp_path / "node")
    async with running_arm(identity) as running:
        await running.connected()
        yield running
