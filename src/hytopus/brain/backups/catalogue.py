"""Backups in the object store: a file and, once it is whole, its manifest beside it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from hytopus.brain.backups.errors import BackupDamaged, BackupNotFound
from hytopus.storage.base import ObjectStore
from hytopus.storage.errors import ObjectMissing

FOLDER: Final = "backups/"
_AT_ONCE: Final = 8


class Manifest(BaseModel):
    """What is known of a backup without opening it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    created_at: datetime
    version: str
    revision: str
    brain: str
    """Fingerprint of the Brain's CA: which installation it is of."""
    dialect: str
    size: int
    sha256: str
    """Of the file in the object store."""
    rows: dict[str, int]
    key_id: str | None
    """The key it is sealed with; None: not sealed, and without the Brain's keys."""
    scheduled: bool
    verified_at: datetime | None = None

    @property
    def total_rows(self) -> int:
        return sum(self.rows.values())


async def manifests(store: ObjectStore) -> list[Manifest]:
    """All backups, newest first. A manifest that makes no sense is left out."""
    keys = [key for key in await store.list_keys(store.prefix + FOLDER) if key.endswith(".json")]
    gate = asyncio.Semaphore(_AT_ONCE)

    async def read(key: str) -> Manifest | None:
        async with gate:
            return await _read(store, key)

    found = [each for each in await asyncio.gather(*map(read, keys)) if each is not None]
    return sorted(found, key=lambda manifest: manifest.id, reverse=True)


async def manifest(store: ObjectStore, backup_id: str) -> Manifest:
    """Raises `BackupNotFound`."""
    found = await _read(store, _manifest_key(store, backup_id)) if backup_id.isalnum() else None
    if found is None:
        raise BackupNotFound(backup=repr(backup_id), place=f"{store.prefix}{FOLDER}")
    return found


async def keep(store: ObjectStore, described: Manifest, file: Path | None = None) -> None:
    """The file first, the manifest last."""
    if file is not None:
        await store.put_file(_file_key(store, described.id), file)
    await store.put(_manifest_key(store, described.id), described.model_dump_json(indent=2).encode())


async def fetch(store: ObjectStore, described: Manifest, target: Path) -> None:
    """Download and check. Raises `BackupDamaged`."""
    try:
        digest = await store.get_file(_file_key(store, described.id), target)
    except ObjectMissing as error:
        raise BackupDamaged(backup=described.id, cause="its file is gone") from error
    if digest != described.sha256:
        raise BackupDamaged(backup=described.id, cause="its checksum is not that of its manifest")


async def delete(store: ObjectStore, backup_id: str) -> None:
    """The manifest first: what has none is no backup."""
    await store.delete(_manifest_key(store, backup_id))
    await store.delete(_file_key(store, backup_id))


async def _read(store: ObjectStore, key: str) -> Manifest | None:
    try:
        found = Manifest.model_validate_json(await store.get(key))
    except (ObjectMissing, ValidationError):
        return None
    return found if _manifest_key(store, found.id) == key else None


def _file_key(store: ObjectStore, backup_id: str) -> str:
    return f"{store.prefix}{FOLDER}{backup_id}.backup"


def _manifest_key(store: ObjectStore, backup_id: str) -> str:
    return f"{store.prefix}{FOLDER}{backup_id}.json"
