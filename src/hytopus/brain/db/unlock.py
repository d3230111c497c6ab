"""Finding the keys a database was sealed with, at every start; the first start makes one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, SecretStr
from sqlalchemy import delete, select

from hytopus.brain.db.engine import Database
from hytopus.brain.db.keyring import KeyRing, SealingKeyMissing, file_ring, new_key, parse_keys, put_first
from hytopus.brain.db.models import SealingKey
from hytopus.brain.db.sealed import seal_all
from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger

log = get_logger(__name__)

KEY_FILE: Final = "secrets.key"


class SealingSettings(BaseModel):
    """The keys that seal secrets in the database. Keep them where the database's backups are not."""

    model_config = ConfigDict(extra="forbid")

    key_file: Path | None = None
    """One key a line, the first one seals. `secrets.key` in the data directory, made at the first start."""
    keys: SecretStr | None = None
    """The same text from the environment, instead of a file."""


class KeysAreGiven(HytopusError):
    code: ClassVar[str] = "keys_are_given"
    template: ClassVar[str] = "The sealing keys come from the setting `sealing.keys`, so they cannot be rotated here."
    remedy: ClassVar[str] = "Put a new line in front of it where you keep it, and start every Brain again."


async def unlock(database: Database, settings: SealingSettings, data_dir: Path) -> KeyRing:
    """Give the database its keys, and seal what lies open. Raises `SealingKeyMissing` or `BadSealingKey`."""
    async with database.read() as session:
        used = list(await session.scalars(select(SealingKey.id)))
    keys = await asyncio.to_thread(_ring, settings, data_dir, used)
    for key_id in used:
        if not keys.holds(key_id):
            raise SealingKeyMissing(key_id=key_id, where=_place(settings, data_dir))
    await _take(database, keys)
    return keys


async def rotate(database: Database, settings: SealingSettings, data_dir: Path) -> int:
    """Make a new key and seal everything with it. The old ones stay in the file: older backups need them."""
    if settings.keys is not None:
        raise KeysAreGiven
    await unlock(database, settings, data_dir)
    file = key_file(settings, data_dir)
    await asyncio.to_thread(put_first, file, new_key())
    return await _take(database, await asyncio.to_thread(file_ring, file))


def key_file(settings: SealingSettings, data_dir: Path) -> Path:
    return settings.key_file or data_dir / KEY_FILE


async def _take(database: Database, keys: KeyRing) -> int:
    database.use_keys(keys)
    async with database.write() as session:
        if await session.get(SealingKey, keys.first) is None:
            session.add(SealingKey(id=keys.first))
    sealed = await seal_all(database, keys)
    async with database.write() as session:
        await session.execute(delete(SealingKey).where(SealingKey.id != keys.first))
    if sealed:
        log.info("secrets sealed", count=sealed, key=keys.first)
    return sealed


def _ring(settings: SealingSettings, data_dir: Path, used: list[str]) -> KeyRing:
    if settings.keys is not None:
        text = settings.keys.get_secret_value()
        return KeyRing(lambda: parse_keys(text, "sealing.keys"), "sealing.keys")
    file = key_file(settings, data_dir)
    if not file.exists():
        if used:
            raise SealingKeyMissing(key_id=used[-1], where=str(file))
        put_first(file, new_key())
    return file_ring(file)


def _place(settings: SealingSettings, data_dir: Path) -> str:
    return "sealing.keys" if settings.keys is not None else str(key_file(settings, data_dir))
