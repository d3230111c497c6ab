"""Making a backup, and proving that one can be restored."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import text

from hytopus.brain.backups import catalogue
from hytopus.brain.backups.archive import ArchiveWriter, read_archive
from hytopus.brain.backups.catalogue import Manifest
from hytopus.brain.backups.dump import dump
from hytopus.brain.backups.errors import BackupDamaged
from hytopus.brain.backups.keys import KeyFiles
from hytopus.brain.backups.load import Loaded, load
from hytopus.brain.backups.sealing import BackupKey
from hytopus.brain.db.engine import Database
from hytopus.brain.db.signals import Signals
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.storage.base import ObjectStore

log = get_logger(__name__)

Progress = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Source:
    """What is backed up, and whereto."""

    database: Database
    store: ObjectStore
    keys: KeyFiles
    brain: str
    """Fingerprint of its CA."""
    key: BackupKey | None
    clock: Clock


async def _nothing() -> None:
    return


async def back_up(
    source: Source, backup_id: str, *, scheduled: bool, verify: bool, progress: Progress = _nothing
) -> Manifest:
    """Copy, seal, upload, and read it back. A backup that cannot be restored is deleted and raises `BackupDamaged`."""
    at = source.clock.now()
    with tempfile.TemporaryDirectory(prefix="hytopus-backup-") as folder:
        file = Path(folder) / "backup"
        manifest = await _write(source, backup_id, file, at, scheduled=scheduled, progress=progress)
        await catalogue.keep(source.store, manifest, file)
    await progress()
    if verify:
        try:
            return await verified(source.store, manifest, source.key, source.clock)
        except BackupDamaged:
            await catalogue.delete(source.store, backup_id)
            raise
    return manifest


async def _write(
    source: Source, backup_id: str, file: Path, at: datetime, *, scheduled: bool, progress: Progress
) -> Manifest:
    header = {"id": backup_id, "version": version("hytopus"), "created_at": at.isoformat(), "brain": source.brain}
    files = await source.keys.collect() if source.key else []
    with await asyncio.to_thread(ArchiveWriter, file, source.key) as writer:
        rows = await dump(source.database, writer, header, files, progress=progress)
    first = await asyncio.to_thread(_header, file, source.key)
    return Manifest(
        id=backup_id,
        created_at=at,
        version=header["version"],
        revision=first["revision"],
        brain=source.brain,
        dialect=first["dialect"],
        size=(await asyncio.to_thread(file.stat)).st_size,
        sha256=await asyncio.to_thread(_digest, file),
        rows=rows,
        key_id=source.key.id if source.key else None,
        scheduled=scheduled,
    )


async def verified(store: ObjectStore, manifest: Manifest, key: BackupKey | None, clock: Clock) -> Manifest:
    """Fetch it, restore it into a database that is thrown away, and compare. Raises `BackupDamaged`, `BackupSealed`,
    and `BackupNotSealed` for one that says it is."""
    key = key if manifest.key_id is not None else None
    with tempfile.TemporaryDirectory(prefix="hytopus-verify-") as folder:
        file = Path(folder) / "backup"
        await catalogue.fetch(store, manifest, file)
        # Migrations block, and a Brain has other things to do: a thread with a loop of its own.
        loaded = await asyncio.to_thread(lambda: asyncio.run(_try_out(Path(folder), file, key, manifest.id)))
    if loaded.rows != manifest.rows:
        raise BackupDamaged(backup=manifest.id, cause="it does not hold the rows its manifest names")
    good = manifest.model_copy(update={"verified_at": clock.now()})
    await catalogue.keep(store, good)
    return good


async def _try_out(folder: Path, file: Path, key: BackupKey | None, name: str) -> Loaded:
    async with Database.open(f"sqlite:///{folder / 'scratch.db'}", Signals()) as scratch:
        with closing(read_archive(file, key, name=name)) as lines:
            async with scratch.writer.begin() as connection:
                loaded = await load(connection, lines, name=name)
        async with scratch.read() as session:
            for check in ("integrity_check", "foreign_key_check"):
                found = [str(row[0]) for row in await session.execute(text(f"PRAGMA {check}"))]
                if found not in ([], ["ok"]):
                    raise BackupDamaged(backup=name, cause=f"{check}: {found[0]}")
    return loaded


def _header(file: Path, key: BackupKey | None) -> dict[str, Any]:
    with closing(read_archive(file, key, name=file.name)) as lines:
        header: dict[str, Any] = next(lines)["header"]
    return header


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
