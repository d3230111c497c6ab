"""Filling an empty database from a backup: the schema of that time, its rows, then every migration since."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import JSON, Connection, Integer, MetaData, Table, insert, null, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from hytopus.brain.backups.errors import BackupDamaged, BackupTooNew
from hytopus.brain.db.migrate import revisions, upgrade
from hytopus.kit.untrusted import read_json

_BATCH: Final = 500
_WEIGHT: Final = 16 << 20
"""Rows that are inserted at once, and characters in them: rows may be as large as a line may be."""
_KEYS: Final = 1 << 20
"""Bytes of all key files together; those of a Brain are some KB."""


@dataclass(slots=True)
class Loaded:
    """What was in a backup."""

    header: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)


async def load(connection: AsyncConnection, lines: Iterator[Any], *, name: str) -> Loaded:
    """Fill the database in the connection's transaction. Raises `BackupDamaged`, `BackupTooNew`."""
    header = await asyncio.to_thread(_header, lines, name)
    await connection.run_sync(upgrade, await asyncio.to_thread(_known, header))
    metadata = MetaData()
    await connection.run_sync(metadata.reflect)
    filler = _Filler(connection, metadata, name, Loaded(header))
    try:
        while batch := await asyncio.to_thread(take_batch, lines):
            for line in batch:
                await filler.take(line)
            await filler.flush()
    except (LookupError, TypeError, ValueError, AttributeError, DBAPIError) as error:
        why = getattr(error, "orig", error)  # without the statement, which would hold the secrets
        raise BackupDamaged(backup=name, cause=f"{type(error).__name__}: {why}") from error
    loaded = filler.finish()
    await connection.run_sync(_count_on, metadata)
    await connection.run_sync(upgrade, "head")
    return loaded


def take_batch(lines: Iterator[Any]) -> list[Any]:
    """The next lines, as many as may be in memory at once; one at least, and none at the end."""
    batch: list[Any] = []
    weight = 0
    for line in islice(lines, _BATCH):
        batch.append(line)
        weight += _weight(line)
        if weight >= _WEIGHT:
            break
    return batch


def _weight(line: Any) -> int:
    """Characters. Rows are flat; what is not may be far larger than it looks, so nothing follows it."""
    values = line if isinstance(line, list) else list(line.values()) if isinstance(line, dict) else [line]
    return sum(_WEIGHT if isinstance(value, list | dict) else len(str(value)) for value in values)


def _header(lines: Iterator[Any], name: str) -> dict[str, Any]:
    try:
        header: dict[str, Any] = next(lines)["header"]
    except (StopIteration, LookupError, TypeError) as error:
        raise BackupDamaged(backup=name, cause="it has no header") from error
    if header.get("id", name) != name:
        raise BackupDamaged(backup=name, cause=f"it is the backup {header['id']} under another name")
    return header


def _known(header: dict[str, Any]) -> str:
    revision = str(header.get("revision"))
    if revision not in revisions():
        raise BackupTooNew(version=header.get("version", "of a later release"))
    return revision


class _Filler:
    """Takes the lines in order and inserts rows in batches."""

    def __init__(self, connection: AsyncConnection, metadata: MetaData, name: str, loaded: Loaded) -> None:
        self._connection, self._metadata, self._name, self._loaded = connection, metadata, name, loaded
        self._aware = connection.dialect.name == "postgresql"
        self._table: Table | None = None
        self._columns: list[tuple[str, str]] = []
        self._held: list[dict[str, Any]] = []
        self._said: dict[str, int] | None = None

    async def take(self, line: Any) -> None:
        if isinstance(line, list):
            self._hold(line)
        elif "table" in line:
            await self._begin(line["table"], line["columns"])
        elif "file" in line:
            self._keep(line["file"], base64.b64decode(line["data"]))
        else:
            self._said = line["end"]["rows"]

    async def flush(self) -> None:
        if self._table is None or not self._held:
            return
        await self._connection.execute(insert(self._table), self._held)
        self._loaded.rows[self._table.name] += len(self._held)
        self._held = []

    def finish(self) -> Loaded:
        if self._said != self._loaded.rows:
            raise self._damaged("it does not hold the rows it says it holds")
        return self._loaded

    async def _begin(self, name: str, columns: list[list[str]]) -> None:
        await self.flush()
        if name not in self._metadata.tables:
            raise self._damaged(f"its revision has no table {name!r}")
        self._table, self._columns = self._metadata.tables[name], [(column, kind) for column, kind in columns]
        self._loaded.rows[name] = 0
        await self._connection.execute(self._table.delete())  # what the migrations put there themselves

    def _keep(self, name: str, data: bytes) -> None:
        files = self._loaded.files
        files[name] = data
        if sum(map(len, files.values())) > _KEYS:
            raise self._damaged(f"it holds more than {_KEYS >> 20} MiB of keys, which no Brain has")

    def _hold(self, line: list[Any]) -> None:
        if self._table is None or len(line) != len(self._columns):
            raise self._damaged("a row is not of the table it stands in")
        pairs = zip(line, self._columns, strict=True)
        self._held.append({column: _value(given, kind, aware=self._aware) for given, (column, kind) in pairs})

    def _damaged(self, cause: str) -> BackupDamaged:
        return BackupDamaged(backup=self._name, cause=cause)


def _value(given: Any, kind: str, *, aware: bool) -> Any:
    if given is None:
        return null() if kind == "json" else None
    if kind == "json":
        parsed = read_json(given)
        return JSON.NULL if parsed is None else parsed
    if kind == "bytes":
        return base64.b64decode(given)
    if kind == "time":
        moment = datetime.fromisoformat(given)
        return moment if aware else moment.astimezone(UTC).replace(tzinfo=None)
    return given


def _count_on(connection: Connection, metadata: MetaData) -> None:
    """PostgreSQL's sequences know nothing of rows that came with their numbers."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.tables.values():
        for column in table.primary_key.columns:
            if isinstance(column.type, Integer) and column.autoincrement is True:
                highest = f'(SELECT coalesce(max("{column.name}"), 0) + 1 FROM "{table.name}")'  # noqa: S608
                statement = text(f"SELECT setval(pg_get_serial_sequence(:table, :column), {highest}, false)")
                connection.execute(statement, {"table": table.name, "column": column.name})
