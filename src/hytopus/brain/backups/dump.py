"""Copying the database as it stands at one moment, while everybody goes on writing.

One read transaction sees one moment: SQLite's WAL keeps it, PostgreSQL's REPEATABLE READ does. Rows are read in small
batches, so nobody waits; they are written as plain values, so a backup of one database restores into the other.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from alembic.migration import MigrationContext
from sqlalchemy import JSON, Column, Connection, DateTime, LargeBinary, MetaData, Table, Text, cast, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hytopus.brain.backups.archive import ArchiveWriter
from hytopus.brain.db.engine import Database

LEFT_OUT: Final = frozenset({"alembic_version", "backup_runs", "brains", "idempotency_keys", "leases", "node_sessions"})
"""What means nothing to a Brain that is restored."""
_BATCH: Final = 500


async def dump(
    database: Database,
    writer: ArchiveWriter,
    header: dict[str, Any],
    files: Sequence[dict[str, str]],
    *,
    progress: Callable[[], Awaitable[None]],
) -> dict[str, int]:
    """Write everything; gives the rows of each table. `progress` is called after each table."""
    async with _one_moment(database) as connection:
        revision, tables = await connection.run_sync(_describe)
        lines: list[Any] = [{"header": {**header, "revision": revision, "dialect": database.dialect}}, *files]
        await asyncio.to_thread(writer.lines, lines)
        counts = {}
        for table in tables:
            counts[table.name] = await _table(connection, writer, table)
            await progress()
    await asyncio.to_thread(writer.end, counts)
    return counts


@asynccontextmanager
async def _one_moment(database: Database) -> AsyncIterator[AsyncConnection]:
    async with database.reader.connect() as connection:
        if database.dialect == "postgresql":
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


def _describe(connection: Connection) -> tuple[str | None, list[Table]]:
    """The revision, and every table in an order in which they may be filled."""
    metadata = MetaData()
    metadata.reflect(connection)
    revision = MigrationContext.configure(connection).get_current_revision()
    return revision, [table for table in metadata.sorted_tables if table.name not in LEFT_OUT]


async def _table(connection: AsyncConnection, writer: ArchiveWriter, table: Table) -> int:
    columns = list(table.columns)
    kinds = [kind_of(column) for column in columns]
    head = {"table": table.name, "columns": [[c.name, kind] for c, kind in zip(columns, kinds, strict=True)]}
    await asyncio.to_thread(writer.lines, [head])
    # JSON as its text: SQL's NULL and JSON's null stay apart, and nothing is parsed for nothing.
    wanted = [cast(c, Text) if kind == "json" else c for c, kind in zip(columns, kinds, strict=True)]
    count = 0
    result = await connection.stream(select(*wanted).order_by(*table.primary_key.columns))
    async for rows in result.partitions(_BATCH):
        count += len(rows)
        await asyncio.to_thread(_write, writer, rows, kinds)
    return count


def _write(writer: ArchiveWriter, rows: Sequence[Any], kinds: Sequence[str]) -> None:
    writer.lines([_plain(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows)


def kind_of(column: Column[Any]) -> str:
    """`json`, `time`, `bytes`, or `plain` for what JSON can hold as it is."""
    if isinstance(column.type, JSON):
        return "json"
    if isinstance(column.type, DateTime):
        return "time"
    return "bytes" if isinstance(column.type, LargeBinary) else "plain"


def _plain(value: Any, kind: str) -> Any:
    if value is None or kind in ("plain", "json"):
        return value
    if kind == "bytes":
        return base64.b64encode(value).decode()
    moment: datetime = value
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)).isoformat()
