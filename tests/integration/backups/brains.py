"""Databases of Brains, empty or with something of everything in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Text, cast, null, select, update

from hytopus.brain.activity.commands import audit, record
from hytopus.brain.authority.ca import Authority
from hytopus.brain.backups.keys import KeyFiles
from hytopus.brain.backups.sealing import BackupKey
from hytopus.brain.backups.work import Source
from hytopus.brain.db.base import Base
from hytopus.brain.db.engine import Database
from hytopus.brain.db.migrate import migrate
from hytopus.brain.db.signals import Signals
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.states import State
from hytopus.kit.clock import Clock
from hytopus.storage.base import ObjectStore
from tests.harness.clock import START
from tests.harness.database import KEYS
from tests.harness.factories import OPERATOR, make_instance, make_node, make_template, on_node

PASSING = {"alembic_version", "idempotency_keys", "backup_runs", "restores"}
"""Tables whose rows are not the same after a restore."""


@asynccontextmanager
async def open_brain(url: str, revision: str = "head") -> AsyncIterator[Database]:
    async with Database.open(url, Signals(), KEYS) as database:
        await migrate(database, revision)
        yield database


async def fill(database: Database) -> None:
    """Every type of column, and what is easily lost: JSON's null beside SQL's, texts of all kinds, great numbers."""
    node = make_node(name="node-1")
    instance, lease = on_node(
        node, State.RUNNING, name="lobby", variables={"MOTD": 'ä "\u2028\n\\'}, secrets={"A": "s"}
    )
    instance.report_sequence = 2**53 + 1
    async with database.write() as session:
        session.add_all([node, *make_template()])
        await session.flush()
        session.add_all([instance, lease, make_instance(name="waits", waiting={"since": "x"})])
        record(session, "instance.created", subject=("instance", instance.id), message="Schön", at=START)
        audit(session, OPERATOR, "instance.create", "lobby", at=START, after={"n": [1, None, 0.1]})
    async with database.write() as session:
        await session.execute(update(Instance).where(Instance.name == "waits").values(problem=null()))


async def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table; JSON as its text, so that its null is not SQL's."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    async with database.read() as session:
        for table in Base.metadata.sorted_tables:
            columns = [cast(column, Text) if isinstance(column.type, JSON) else column for column in table.columns]
            rows = await session.execute(select(*columns).order_by(*table.primary_key))
            found[table.name] = [tuple(row) for row in rows]
    return {name: rows for name, rows in found.items() if name not in PASSING}


def key_files(directory: Path) -> KeyFiles:
    return KeyFiles(directory, directory / "secrets.key")


async def source_of(
    database: Database, store: ObjectStore, directory: Path, clock: Clock, key: BackupKey | None = None
) -> Source:
    authority = await Authority.open(directory / "ca", clock=clock)
    return Source(database, store, key_files(directory), authority.fingerprint, key, clock)
