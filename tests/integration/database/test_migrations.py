"""The migrations make exactly what the models say, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select, text

from hytopus.brain.accounts.models import Token, User
from hytopus.brain.db.base import Base
from hytopus.brain.db.engine import Database
from hytopus.brain.db.migrate import migrate
from hytopus.brain.db.signals import Signals
from hytopus.brain.tables import FEATURES

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


async def test_what_is_there_outlives_every_migration(empty: Database) -> None:
    await migrate(empty, "0002")
    async with empty.write() as session:
        await session.execute(
            text(
                "INSERT INTO users (id, name, password_hash, role, disabled, created_at)"
                " VALUES ('u', 'old', 'x', 'admin', false, '2026-01-01 00:00:00')"
            )
        )
        await session.execute(
            text(
                "INSERT INTO tokens (id, user_id, kind, name, token_hash, hint, role, created_at, last_address)"
                " VALUES ('t', 'u', 'api', 'ci', 'h', 'hyt_', 'admin', '2026-01-01 00:00:00', '')"
            )
        )
    await migrate(empty)
    async with empty.read() as session:
        token, user = (await session.execute(select(Token, User).join(User, User.id == Token.user_id))).one()
    assert (user.name, user.scope, user.second_factor, user.external) == ("old", {}, False, False)
    assert (token.name, token.scopes, token.id_token) == ("ci", [], None)


async def test_a_brain_of_the_release_before_starts_on_a_newer_schema(empty: Database) -> None:
    """Brains are upgraded one after the other, and one that is not yet may have to start again."""
    await migrate(empty)
    async with empty.write() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await migrate(empty)
    async with empty.read() as session:
        assert (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar_one() == "9999"


@pytest.mark.postgres
async def test_brains_that_start_at_once_migrate_one_after_the_other(postgres: str) -> None:
    async with Database.open(postgres, Signals()) as first, Database.open(postgres, Signals()) as second:
        await asyncio.gather(migrate(first), migrate(second))
        async with second.read() as session:
            assert await (await session.connection()).run_sync(_differences) == []
