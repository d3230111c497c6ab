"""A Brain out of nothing but the object store and a key.

Everything happens in one transaction: a restore that fails leaves the database as it was.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, MetaData, func, insert, select, table, update
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from hytopus.brain.activity.actor import SYSTEM
from hytopus.brain.activity.commands import audit, record
from hytopus.brain.activity.models import Event
from hytopus.brain.backups import catalogue
from hytopus.brain.backups.archive import read_archive
from hytopus.brain.backups.catalogue import Manifest
from hytopus.brain.backups.errors import BackupDamaged, BrainRuns, NoBackups, TargetNotEmpty
from hytopus.brain.backups.keys import KeyFiles, is_key_file
from hytopus.brain.backups.load import Loaded, load
from hytopus.brain.backups.sealing import BackupKey
from hytopus.brain.db.engine import Database
from hytopus.brain.db.signals import Signals
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.states import TRANSITIONAL
from hytopus.brain.nodes.models import Node, Restore
from hytopus.brain.nodes.states import NodeState
from hytopus.kit.clock import Clock
from hytopus.kit.ids import new_id
from hytopus.storage.base import ObjectStore

_COUNTED: Final = ("instances", "nodes", "templates", "users")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to."""

    database_url: str
    keys: KeyFiles
    tables: frozenset[str]
    """Those of this release (`brain.tables.TABLES`); whatever else is in the database stays."""
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    manifest: Manifest
    rows: dict[str, int]
    files: tuple[str, ...]


async def choose(store: ObjectStore, backup_id: str | None) -> Manifest:
    """The one of that id, or the newest. Raises `BackupNotFound`, `NoBackups`."""
    if backup_id is not None:
        return await catalogue.manifest(store, backup_id)
    known = await catalogue.manifests(store)
    if not known:
        raise NoBackups(place=f"{store.prefix}{catalogue.FOLDER}")
    return known[0]


async def restore(
    store: ObjectStore, manifest: Manifest, key: BackupKey | None, target: Target, clock: Clock
) -> Restored:
    """Raises `TargetNotEmpty`, `BrainRuns`, `BackupSealed`, `BackupNotSealed`, `BackupDamaged`, `BackupTooNew`."""
    await asyncio.to_thread(lambda: target.keys.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700))
    with tempfile.TemporaryDirectory(prefix="restore-", dir=target.keys.data_dir) as folder:
        file = Path(folder) / "backup"
        await catalogue.fetch(store, manifest, file)
        await asyncio.to_thread(_check_key, file, key, manifest.id)
        aside = f".before-restore-{clock.now():%Y%m%d-%H%M%S}"
        await asyncio.to_thread(_make_way, target, aside)
        loaded = await _fill(file, key, manifest, target, clock, aside)
    return Restored(manifest, loaded.rows, tuple(sorted(loaded.files)))


async def _fill(
    file: Path, key: BackupKey | None, manifest: Manifest, target: Target, clock: Clock, aside: str
) -> Loaded:
    async with Database.open(target.database_url, Signals()) as database:
        with closing(read_archive(file, key, name=manifest.id)) as lines:
            async with database.writer.begin() as connection:
                await _empty(connection, target)
                loaded = await load(connection, lines, name=manifest.id)
                await asyncio.to_thread(_check_files, target, loaded, manifest.id, sealed=key is not None)
                await mark(connection, manifest.id, manifest.created_at, at=clock.now())
                await asyncio.to_thread(target.keys.place, loaded.files, aside=aside)
        async with database.write() as session:
            at = clock.now()
            made = f"{manifest.created_at:%Y-%m-%d %H:%M:%S} UTC"
            message = f"The Brain was restored from backup {manifest.id}, made at {made}."
            subject = ("system", manifest.id)
            record(session, "brain.restored", subject=subject, message=message, at=at, data={"backup": manifest.id})
            audit(session, SYSTEM, "brain.restore", manifest.id, at=at, after={"made": manifest.created_at.isoformat()})
    return loaded


def _check_key(file: Path, key: BackupKey | None, name: str) -> None:
    """Before anything is moved aside."""
    with closing(read_archive(file, key, name=name)) as lines:
        next(lines)


def _make_way(target: Target, aside: str) -> None:
    """A SQLite that is to be overwritten is moved aside; nobody may have it open."""
    url = make_url(target.database_url)
    if url.get_backend_name() != "sqlite" or not url.database or not Path(url.database).exists():
        return
    path = Path(url.database)
    _refuse_if_open(path)
    if target.overwrite:
        for suffix in ("", "-wal", "-shm"):
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                beside.rename(path.with_name(path.name + aside + suffix))


def _refuse_if_open(path: Path) -> None:
    """In WAL mode every connection holds a shared lock, so exclusive access tells."""
    with closing(sqlite3.connect(path, timeout=0.5, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            raise BrainRuns(database=path) from error


async def _empty(connection: AsyncConnection, target: Target) -> None:
    """Raises `TargetNotEmpty`; with `overwrite` nothing of a former Brain is left."""
    held = await connection.run_sync(_holds)
    if held and not target.overwrite:
        raise TargetNotEmpty(what=", ".join(f"{count} {name}" for name, count in held.items()))
    await connection.run_sync(_drop, target.tables)


def _holds(connection: Connection) -> dict[str, int]:
    """Rows of what matters."""
    metadata = MetaData()
    metadata.reflect(connection)
    counts = {
        name: connection.scalar(select(func.count()).select_from(table(name))) or 0
        for name in _COUNTED
        if name in metadata.tables
    }
    return {name: count for name, count in counts.items() if count}


def _drop(connection: Connection, names: frozenset[str]) -> None:
    metadata = MetaData()
    metadata.reflect(connection)
    metadata.drop_all(connection, tables=[each for name, each in metadata.tables.items() if name in names])


def _check_files(target: Target, loaded: Loaded, name: str, *, sealed: bool) -> None:
    """Keys are put into sealed backups only, and nothing but keys: whatever else there is, no Brain has made."""
    strange = [file for file in loaded.files if not sealed or not is_key_file(file)]
    if strange:
        raise BackupDamaged(backup=name, cause=f"no Brain puts {', '.join(map(repr, strange))} there")
    other = target.keys.differing(loaded.files)
    if other and not target.overwrite:
        raise TargetNotEmpty(what=f"{', '.join(other)} of another Brain in {target.keys.data_dir}")


async def mark_old(database: Database, clock: Clock) -> datetime:
    """For a database that came back another way: what was last written in it is how old it is, and is returned."""
    async with database.read() as session:
        newest = await session.scalar(select(func.max(Event.at))) or clock.now()
    async with database.writer.begin() as connection:
        await mark(connection, "", newest, at=clock.now())
    return newest


async def mark(connection: AsyncConnection, backup_id: str, made_at: datetime, *, at: datetime) -> None:
    """From here on nodes know better, each until it was asked."""
    made = {"backup_id": backup_id, "backup_at": made_at}
    await connection.execute(insert(Restore).values(id=new_id(), restored_at=at, **made))
    await connection.execute(update(Node).values(relearn=True, state=NodeState.SUSPECT, state_since=at))
    at_work = Instance.state.in_(TRANSITIONAL)  # their deadlines count from now
    await connection.execute(update(Instance).where(at_work).values(state_since=at))
