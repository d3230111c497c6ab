"""Databases for tests: every test that uses the fixture runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hytopus.brain.db.base import Base
from hytopus.brain.db.engine import Database
from hytopus.brain.db.keyring import KeyRing
from hytopus.brain.db.signals import Signals
from hytopus.brain.tables import FEATURES
from tests.harness.quiet import Quiet, WatchedDatabase
from tests.services.postgres import PostgresServer

assert FEATURES  # imported for the tables it registers

KEYS = KeyRing(lambda: [bytes(range(32))])
"""What the secrets of every test's database are sealed with."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database with all tables."""
    if request.param == "sqlite":
        async with Database.open(sqlite_copy(tmp_path), Signals(), KEYS) as opened:
            yield opened
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create_database(template=_postgres_template(server))
    async with Database.open(server.url(name), Signals(), KEYS) as opened:
        yield opened
    server.drop_database(name)


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """The same on SQLite alone, for what does not depend on the database."""
    async with Database.open(sqlite_copy(tmp_path), Signals(), KEYS) as opened:
        yield opened


def sqlite_copy(directory: Path) -> str:
    """The URL of a SQLite database with all tables and nothing in them."""
    for leftover in directory.glob("brain.db*"):
        leftover.unlink()
    (directory / "brain.db").write_bytes(_sqlite_template())
    return sqlite_url(directory)


@cache
def _sqlite_template() -> bytes:
    """Copying a file is a hundred times faster than making the tables anew."""
    with TemporaryDirectory() as directory:
        _make(sqlite_url(Path(directory)))
        return (Path(directory) / "brain.db").read_bytes()


@cache
def _postgres_template(server: PostgresServer) -> str:
    name = server.create_database()
    _make(server.url(name))
    return name


def _make(url: str) -> None:
    """In a thread of its own, because the first test that asks has an event loop running in this one."""

    async def make() -> None:
        async with Database.open(url, Signals()) as database:
            await create_tables(database)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(make())).result()


@asynccontextmanager
async def watched_database(url: str, quiet: Quiet) -> AsyncIterator[WatchedDatabase]:
    """A database of a simulation, with all tables, whose sessions `quiet` knows of."""
    async with WatchedDatabase.open(url, Signals(), KEYS) as opened:
        assert isinstance(opened, WatchedDatabase)
        opened.quiet = quiet
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
