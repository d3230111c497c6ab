"""Databases for tests: every test that uses the fixture runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hytopus.brain.db.base import Base
from hytopus.brain.db.engine import Database
from hytopus.brain.db.schema import FEATURES
from hytopus.brain.db.signals import Signals
from tests.harness.quiet import Quiet, WatchedDatabase
from tests.services.postgres import PostgresServer

assert FEATURES  # imported for the tables it registers


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with all tables, to be copied: a hundred times faster than making them anew."""
    directory = tmp_path_factory.mktemp("sqlite-template")
    _make(sqlite_url(directory))
    return directory / "brain.db"


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The same on PostgreSQL."""
    name = postgres_server.create_database()
    _make(postgres_server.url(name))
    return name


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """An empty database with all tables."""
    url = request.getfixturevalue(f"{request.param}_copy")
    async with Database.open(url, Signals()) as opened:
        yield opened


@pytest.fixture
async def sqlite(sqlite_copy: str) -> AsyncIterator[Database]:
    """The same on SQLite alone, for what does not depend on the database."""
    async with Database.open(sqlite_copy, Signals()) as opened:
        yield opened


@pytest.fixture
def sqlite_copy(sqlite_template: Path, tmp_path: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "brain.db")
    return sqlite_url(tmp_path)


@pytest.fixture
def postgresql_copy(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    name = postgres_server.create_database(template=postgres_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


def _make(url: str) -> None:
    """In a thread of its own, because the first test that asks has an event loop running in this one."""

    async def make() -> None:
        async with Database.open(url, Signals()) as database:
            await create_tables(database)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(make())).result()


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
