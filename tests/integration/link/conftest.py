"""A Brain that serves, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hytopus.brain.db.engine import Database
from hytopus.kit.clock import SystemClock
from tests.harness.database import database as database
from tests.integration.link.world import Arm, Brain, running_arm


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
