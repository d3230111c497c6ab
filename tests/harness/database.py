"""Databases for tests: every test that uses the fixture runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hytopus.brain.db.base import Base
from hytopus.brain.db.engine import Database
from hytopus.brain.db.schema import FEATURES
from hytopus.brain.db.signals import Signals
from tests.harness.quiet import Quiet, WatchedDatabase

assert FEATURES  # imported for the tables it registers


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database with all tables."""
    sqlite = request.param == "sqlite"
    url = sqlite_url(tmp_path) if sqlite else request.getfixturevalue("postgres")
    async with Database.open(url, Signals()) as opened:
        await create_tables(opened)
        yield opened


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """The same on SQLite alone, for what does not depend on the database."""
    async with Database.open(sqlite_url(tmp_path), Signals()) as opened:
        await create_tables(opened)
        yield opened


@asynccontextmanager
async def watched_database(url: str, quiet: Quiet) -> AsyncIterator[WatchedDatabase]:
    """A database of a simulation, whose sessions `quiet` knows of."""
    async with WatchedDatabase.open(url, Signals()) as opened:
        assert isinstance(opened, WatchedDatabase)
        opened.quiet = quiet
        await create_tables(opened)
        yield opened


async def create_tables(database: Database) -> None:
    if database.dialect == "sqlite":
        async with database.write() as session:
            await (await session.connection()).run_sync(Base.metadata.create_all)
    else:
        async with database.writer.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)


def sqlite_url(directory: Path) -> str:
    return f"sqlite:///{directory / 'brain.db'}"
