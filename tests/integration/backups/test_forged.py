"""The object store is not trusted: what somebody else has put there is no backup, and does no harm."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from hytopus.brain.backups import catalogue
from hytopus.brain.backups.archive import ArchiveWriter, file_line
from hytopus.brain.backups.catalogue import Manifest
from hytopus.brain.backups.errors import BackupDamaged, BackupNotFound, BackupNotSealed
from hytopus.brain.backups.restore import Target, restore
from hytopus.brain.backups.sealing import BackupKey
from hytopus.brain.backups.work import back_up, verified
from hytopus.brain.db.migrate import revisions
from hytopus.brain.tables import TABLES
from hytopus.kit.ids import new_id
from hytopus.storage.memory import MemoryStore
from tests.harness.clock import ManualClock
from tests.integration.backups.brains import key_files, open_brain, source_of

KEY = BackupKey(bytes(32))


def sqlite_at(directory: Path) -> str:
    return f"sqlite:///{directory / 'brain.db'}"


def into(folder: Path) -> Target:
    return Target(sqlite_at(folder), key_files(folder), TABLES)


async def test_with_a_key_nothing_counts_that_was_not_sealed_with_it(
    store: MemoryStore, tmp_path: Path, clock: ManualClock
) -> None:
    """Whoever can write to the store could else put a database of his own there, with users of his own."""
    (tmp_path / "old").mkdir()
    async with open_brain(sqlite_at(tmp_path / "old")) as brain:
        source = await source_of(brain, store, tmp_path / "old", clock, None)
        forged = await back_up(source, new_id(), scheduled=False, verify=False)
    sealed = forged.model_copy(update={"key_id": KEY.id})
    for manifest in (forged, sealed):
        with pytest.raises(BackupNotSealed, match="anybody may have put it there"):
            await restore(store, manifest, KEY, into(tmp_path / "new"), clock)
    with pytest.raises(BackupNotSealed):
        await verified(store, sealed, KEY, clock)
    assert not (tmp_path / "new/brain.db").exists()
    assert (await verified(store, forged, KEY, clock)).verified_at, "one of a time before the key"


@pytest.mark.parametrize("name", ["ca/ca.key", "secrets.key", "brain.toml", "ca/../brain.toml", "ca/deep/ca.pem"])
async def test_keys_come_out_of_sealed_backups_and_nothing_else_does(
    store: MemoryStore, tmp_path: Path, clock: ManualClock, name: str
) -> None:
    for key in (None, KEY):
        file = tmp_path / f"{key is None}.backup"
        with ArchiveWriter(file, key) as writer:
            writer.lines([{"header": {"revision": revisions()[-1]}}, file_line(name, b"mine")])
            writer.end({})
        folder = tmp_path / str(key is None)
        made = await _kept(store, file, key, clock)
        if key is not None and name in ("ca/ca.key", "secrets.key"):
            assert (await restore(store, made, key, into(folder), clock)).files == (name,)
            continue
        with pytest.raises(BackupDamaged, match="no Brain puts"):
            await restore(store, made, key, into(folder), clock)
        assert not list(folder.rglob("brain.toml"))


async def test_more_keys_than_a_brain_has_are_not_gathered(
    store: MemoryStore, tmp_path: Path, clock: ManualClock
) -> None:
    file = tmp_path / "many.backup"
    with ArchiveWriter(file, None) as writer:
        writer.lines([{"header": {"revision": revisions()[-1]}}])
        writer.lines(file_line(f"ca/{number}.pem", bytes(1 << 18)) for number in range(8))
        writer.end({})
    with pytest.raises(BackupDamaged, match="more than 1 MiB of keys"):
        await restore(store, await _kept(store, file, None, clock), None, into(tmp_path / "new"), clock)


@pytest.mark.parametrize(
    "line",
    [{}, 7, "x", [1], {"end": 1}, {"table": "users"}, {"table": "users", "columns": [["id"]]}, {"file": "ca/ca.pem"}],
)
async def test_whatever_a_backup_holds_it_is_damaged_and_no_more(
    store: MemoryStore, tmp_path: Path, clock: ManualClock, line: object
) -> None:
    file = tmp_path / "odd.backup"
    with ArchiveWriter(file, None) as writer:
        writer.lines([{"header": {"revision": revisions()[-1]}}, line])
        writer.end({})
    with pytest.raises(BackupDamaged):
        await verified(store, await _kept(store, file, None, clock), None, clock)


async def _kept(store: MemoryStore, file: Path, key: BackupKey | None, clock: ManualClock) -> Manifest:
    content = await asyncio.to_thread(file.read_bytes)
    manifest = Manifest(
        id=new_id(),
        created_at=clock.now(),
        version="1",
        revision="",
        brain="b",
        dialect="sqlite",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        rows={},
        key_id=key.id if key else None,
        scheduled=False,
    )
    await catalogue.keep(store, manifest, file)
    return manifest


async def test_an_older_backup_does_not_pass_for_a_newer_one(
    store: MemoryStore, tmp_path: Path, clock: ManualClock
) -> None:
    (tmp_path / "old").mkdir()
    async with open_brain(sqlite_at(tmp_path / "old")) as brain:
        source = await source_of(brain, store, tmp_path / "old", clock, KEY)
        older = await back_up(source, new_id(), scheduled=False, verify=True)
    file = tmp_path / "older"
    await catalogue.fetch(store, older, file)
    newer = older.model_copy(update={"id": new_id()})
    await catalogue.keep(store, newer, file)
    with pytest.raises(BackupDamaged, match=f"it is the backup {older.id}"):
        await restore(store, newer, KEY, into(tmp_path / "new"), clock)


async def test_a_manifest_speaks_for_its_own_backup_alone(
    store: MemoryStore, tmp_path: Path, clock: ManualClock
) -> None:
    file = tmp_path / "x.backup"
    file.write_bytes(b"x")
    made = await _kept(store, file, None, clock)
    other = made.model_copy(update={"id": "another"})
    await store.put(f"{store.prefix}backups/{made.id}.json", other.model_dump_json().encode())
    assert await catalogue.manifests(store) == []
    with pytest.raises(BackupNotFound):
        await catalogue.manifest(store, made.id)
