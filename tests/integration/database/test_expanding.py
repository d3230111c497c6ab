"""Brains are upgraded one after the other: a schema that is newer must not trouble the release before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Connection, inspect, text

from hytopus.brain.db.base import Base
from hytopus.brain.db.engine import Database
from hytopus.brain.db.migrate import migrate, revisions
from hytopus.brain.db.signals import Signals
from hytopus.brain.instances.states import State, Wanted
from hytopus.wire.messages import NodeStatus
from tests.harness.brain import Brain
from tests.harness.database import KEYS
from tests.harness.factories import report

CONTRACTED: Final[frozenset[tuple[str, str]]] = frozenset()
"""(revision, what it takes away) that the two releases before no longer use."""


@dataclass(frozen=True)
class Column:
    nullable: bool
    default: bool


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'brain.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    async with Database.open(url, Signals(), KEYS) as database:
        yield database


async def test_every_migration_only_adds(empty: Database) -> None:
    """What the release before reads is still there, and what it writes is still taken."""
    seen: list[tuple[str, dict[str, Column]]] = []
    for revision in revisions():
        await migrate(empty, revision)
        async with empty.read() as session:
            seen.append((revision, await (await session.connection()).run_sync(_columns)))
    troubles = [trouble for before, after in pairwise(seen) for trouble in _troubles(before[1], *after)]
    assert not troubles, "\n".join(f"{revision} {what}" for revision, what in troubles)


def test_what_a_migration_may_not_do_would_be_noticed() -> None:
    before = {"nodes.name": Column(nullable=True, default=False), "nodes.old": Column(nullable=True, default=False)}
    after = {"nodes.name": Column(nullable=False, default=False), "nodes.new": Column(nullable=False, default=False)}
    assert len(list(_troubles(before, "0099", after))) == 3


async def test_a_brain_lives_on_a_schema_that_the_next_release_has_expanded(empty: Database) -> None:
    await migrate(empty)
    async with empty.write() as session:
        await (await session.connection()).run_sync(_expand)
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await migrate(empty)
    brain = Brain(empty)
    node, instance = await brain.running()
    assert (instance.state, instance.wanted) == (State.RUNNING, Wanted.RUNNING)
    assert len(await brain.told(node)) == 0
    await brain.ask("stop")
    assert (await brain.hears_status(node, NodeStatus.STOPPED)).state is State.STOPPED
    await brain.ask("destroy")
    await brain.hears(node, report(instance, NodeStatus.DESTROYED))
    assert (await brain.by_id(instance)).state is State.DESTROYED


def _columns(connection: Connection) -> dict[str, Column]:
    looked = inspect(connection)
    return {
        f"{table}.{column['name']}": Column(bool(column["nullable"]), column["default"] is not None)
        for table in looked.get_table_names()
        for column in looked.get_columns(table)
    }


def _troubles(before: dict[str, Column], revision: str, after: dict[str, Column]) -> Iterator[tuple[str, str]]:
    tables = {name.partition(".")[0] for name in before}
    for name, column in before.items():
        if name not in after and (revision, name) not in CONTRACTED:
            yield revision, f"takes {name} away"
        elif name in after and column.nullable and not after[name].nullable:
            yield revision, f"no longer takes {name} empty"
    for name in after.keys() - before.keys():
        column = after[name]
        if name.partition(".")[0] in tables and not column.nullable and not column.default:
            yield revision, f"adds {name}, which the release before does not fill"


def _expand(connection: Connection) -> None:
    """What a migration may do: a table nobody knows, and in every other a column that fills itself."""
    for table in Base.metadata.sorted_tables:
        connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN of_the_next_release INTEGER NOT NULL DEFAULT 0"))
    connection.execute(text("CREATE TABLE of_the_next_release (id INTEGER PRIMARY KEY)"))
