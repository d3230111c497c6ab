"""The migrations make exactly what the models say, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from hytopus.brain.db.base import Base
from hytopus.brain.db.engine import Database
from hytopus.brain.db.migrate import migrate
from hytopus.brain.db.schema import FEATURES
from hytopus.brain.db.signals import Signals

assert FEATURES


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'brain.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    async with Database.open(url, Signals()) as database:
        yield database


def _differences(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


async def test_the_newest_revision_has_every_table_and_column(empty: Database) -> None:
    await migrate(empty)
    async with empty.read() as session:
        assert await (await session.connection()).run_sync(_differences) == []


async def test_migrating_twice_changes_nothing(empty: Database) -> None:
    await migrate(empty)
    await migrate(empty)
    async with empty.read() as session:
        assert (await session.execute(text("SELECT count(*) FROM alembic_version"))).scalar_one() == 1
