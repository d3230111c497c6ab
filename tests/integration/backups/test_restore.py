"""A backup brings everything back, on either database, and never half of it."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from hytopus.brain.activity.commands import audit, record
from hytopus.brain.activity.models import AuditRecord, Event
from hytopus.brain.authority.ca import Authority
from hytopus.brain.backups import catalogue
from hytopus.brain.backups.errors import (
    BackupDamaged,
    BackupNotFound,
    BackupSealed,
    BackupTooNew,
    BrainRuns,
    NoBackups,
    TargetNotEmpty,
)
from hytopus.brain.backups.restore import Target, choose, restore
from hytopus.brain.backups.sealing import BackupKey
from hytopus.brain.backups.work import back_up, verified
from hytopus.brain.db.engine import Database
from hytopus.brain.nodes.models import Node, Restore
from hytopus.brain.tables import TABLES
from hytopus.kit.ids import new_id
from hytopus.storage.memory import MemoryStore
from tests.harness.clock import START, ManualClock
from tests.harness.factories import OPERATOR
from tests.integration.backups.brains import contents, fill, key_files, open_brain, source_of
from tests.services.postgres import PostgresServer

KEY = BackupKey(bytes(32))


def sqlite_at(directory: Path) -> str:
    return f"sqlite:///{directory / 'brain.db'}"


def into(folder: Path) -> Target:
    return Target(sqlite_at(folder), key_files(folder), TABLES)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        (tmp_path / "old").mkdir()
        return sqlite_at(tmp_path / "old")
    found: str = request.getfixturevalue("postgres")
    return found


@pytest.mark.postgres
@pytest.mark.parametrize("to", ["sqlite", "postgresql"])
async def test_everything_comes_back_on_either_database(
    url: str, to: str, tmp_path: Path, store: MemoryStore, clock: ManualClock, postgres_server: PostgresServer
) -> None:
    async with open_brain(url) as brain:
        await fill(brain)
        source = await source_of(brain, store, tmp_path / "old", clock, KEY)
        made = await back_up(source, new_id(), scheduled=False, verify=True)
        before = await contents(brain)
    assert made.verified_at == clock.now()
    there = sqlite_at(tmp_path / "new") if to == "sqlite" else postgres_server.url(postgres_server.create_database())
    restored = await restore(store, made, KEY, Target(there, key_files(tmp_path / "new"), TABLES), clock)
    assert restored.rows == made.rows
    async with open_brain(there) as brain:
        await _restored_is_told(brain)
        after = await contents(brain)
        async with brain.read() as session:
            assert (await session.scalars(select(Node.relearn))).all() == [True]
            assert await session.scalar(select(Restore.backup_at)) == START
        async with brain.write() as session:
            record(session, "a.b", subject=("x", "y"), message="goes on counting", at=START)
    assert {name: rows for name, rows in after.items() if rows != before[name]}.keys() <= {
        "events",
        "audit_records",
        "nodes",
    }
    assert after["events"][: len(before["events"])] == before["events"]
    assert after["audit_records"][: len(before["audit_records"])] == before["audit_records"]


async def _restored_is_told(brain: Database) -> None:
    async with brain.read() as session:
        assert await session.scalar(select(func.count()).where(Event.kind == "brain.restored")) == 1
        assert await session.scalar(select(func.count()).where(AuditRecord.action == "brain.restore")) == 1


async def test_the_brains_keys_come_with_a_sealed_backup_only(
    tmp_path: Path, store: MemoryStore, clock: ManualClock
) -> None:
    (tmp_path / "old").mkdir()
    async with open_brain(sqlite_at(tmp_path / "old")) as brain:
        plain = await source_of(brain, store, tmp_path / "old", clock)
        (tmp_path / "old" / "secrets.key").write_text("secret of secrets")
        open_one = await back_up(plain, new_id(), scheduled=False, verify=True)
        sealed = await back_up(
            await source_of(brain, store, tmp_path / "old", clock, KEY), new_id(), scheduled=False, verify=True
        )
    blobs = [data for name, data in store.objects.items() if name.endswith(".backup")]
    assert len(blobs) == 2
    bare = await restore(store, open_one, None, into(tmp_path / "a"), clock)
    assert bare.files == ()
    whole = await restore(store, sealed, KEY, into(tmp_path / "b"), clock)
    assert whole.files == ("ca/ca.key", "ca/ca.pem", "secrets.key")
    authority = await Authority.open(tmp_path / "b" / "ca", clock=clock)
    assert authority.fingerprint == plain.brain
    assert (tmp_path / "b" / "ca" / "ca.key").stat().st_mode & 0o777 == 0o600
    for key, said in ((None, "no key was given"), (BackupKey.make(), "the key given is")):
        with pytest.raises(BackupSealed, match=said):
            await restore(store, sealed, key, into(tmp_path / "c"), clock)


async def test_a_backup_is_of_one_moment_while_everybody_writes(
    url: str, tmp_path: Path, store: MemoryStore, clock: ManualClock
) -> None:
    """Each transaction writes one event and one audit record: in the backup there are as many of each."""
    async with open_brain(url) as brain:
        enough = asyncio.Event()

        async def write_on() -> None:
            for written in count():
                async with brain.write() as session:
                    record(session, "a.b", subject=("x", "y"), message="m", at=START)
                    audit(session, OPERATOR, "a.b", "x", at=START)
                if written == 50:
                    enough.set()

        writer = asyncio.create_task(write_on())
        await enough.wait()
        source = await source_of(brain, store, tmp_path / "old", clock)
        made = await back_up(source, new_id(), scheduled=False, verify=True)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
    assert made.rows["events"] == made.rows["audit_records"] >= 50


async def test_a_place_that_is_not_empty_is_left_alone_unless_told(
    url: str, tmp_path: Path, store: MemoryStore, clock: ManualClock
) -> None:
    async with open_brain(url) as brain:
        await fill(brain)
        source = await source_of(brain, store, tmp_path / "old", clock, KEY)
        made = await back_up(source, new_id(), scheduled=False, verify=False)
        async with brain.write() as session:
            audit(session, OPERATOR, "later.thing", "x", at=START)
        before = await contents(brain)
    target = Target(url, key_files(tmp_path / "old"), TABLES)
    with pytest.raises(TargetNotEmpty, match="2 instances, 1 nodes"):
        await restore(store, made, KEY, target, clock)
    async with open_brain(url) as brain:
        assert await contents(brain) == before
    (tmp_path / "old" / "ca" / "ca.key").write_text("another")
    await restore(store, made, KEY, Target(url, key_files(tmp_path / "old"), TABLES, overwrite=True), clock)
    aside = [path.name for path in (tmp_path / "old" / "ca").iterdir() if "before-restore" in path.name]
    assert aside == ["ca.key.before-restore-20260101-000000"]
    async with open_brain(url) as brain, brain.read() as session:
        actions = (await session.scalars(select(AuditRecord.action))).all()
    assert "later.thing" not in actions


async def test_another_brains_keys_are_not_replaced(tmp_path: Path, store: MemoryStore, clock: ManualClock) -> None:
    (tmp_path / "old").mkdir()
    async with open_brain(sqlite_at(tmp_path / "old")) as brain:
        source = await source_of(brain, store, tmp_path / "old", clock, KEY)
        made = await back_up(source, new_id(), scheduled=False, verify=False)
    await Authority.open(tmp_path / "new" / "ca", clock=clock)
    with pytest.raises(TargetNotEmpty, match=r"ca/ca\.key, ca/ca\.pem of another Brain"):
        await restore(store, made, KEY, into(tmp_path / "new"), clock)


async def test_nothing_is_restored_under_a_brain_that_runs(
    tmp_path: Path, store: MemoryStore, clock: ManualClock
) -> None:
    (tmp_path / "old").mkdir()
    async with open_brain(sqlite_at(tmp_path / "old")) as brain:
        await fill(brain)
        source = await source_of(brain, store, tmp_path / "old", clock)
        made = await back_up(source, new_id(), scheduled=False, verify=False)
        with pytest.raises(BrainRuns):
            await restore(
                store,
                made,
                None,
                Target(sqlite_at(tmp_path / "old"), key_files(tmp_path), TABLES, overwrite=True),
                clock,
            )
        assert (await contents(brain))["nodes"]


async def test_a_damaged_backup_is_told_and_changes_nothing(
    url: str, tmp_path: Path, store: MemoryStore, clock: ManualClock
) -> None:
    async with open_brain(url) as brain:
        await fill(brain)
        source = await source_of(brain, store, tmp_path / "old", clock, KEY)
        made = await back_up(source, new_id(), scheduled=False, verify=False)
    blob = next(name for name in store.objects if name.endswith(".backup"))
    whole = store.objects[blob]
    store.objects[blob] = whole[:-100] + bytes(100)
    target = into(tmp_path / "new")
    with pytest.raises(BackupDamaged, match="checksum"):
        await restore(store, made, KEY, target, clock)
    with pytest.raises(BackupDamaged, match="checksum"):
        await verified(store, made, KEY, clock)
    del store.objects[blob]
    with pytest.raises(BackupDamaged, match="gone"):
        await restore(store, made, KEY, target, clock)
    store.objects[blob] = whole
    await restore(store, made, KEY, target, clock)


async def test_rows_that_are_missing_are_noticed(tmp_path: Path, store: MemoryStore, clock: ManualClock) -> None:
    (tmp_path / "old").mkdir()
    async with open_brain(sqlite_at(tmp_path / "old")) as brain:
        await fill(brain)
        source = await source_of(brain, store, tmp_path / "old", clock)
        made = await back_up(source, new_id(), scheduled=False, verify=False)
    lied = made.model_copy(update={"rows": {**made.rows, "instances": 3}})
    with pytest.raises(BackupDamaged, match="rows its manifest names"):
        await verified(store, lied, None, clock)


async def test_a_backup_of_an_older_release_is_brought_up_to_this_one(
    url: str, tmp_path: Path, store: MemoryStore, clock: ManualClock
) -> None:
    async with open_brain(url, "0001") as brain:
        async with brain.write() as session:
            await session.execute(
                text(
                    "INSERT INTO users (id, name, password_hash, role, created_at, disabled) "
                    "VALUES ('u', 'ann', '', 'admin', '2026-01-01 00:00:00', false)"
                )
            )
        source = await source_of(brain, store, tmp_path / "old", clock)
        made = await back_up(source, new_id(), scheduled=False, verify=True)
    assert made.revision == "0001"
    new = into(tmp_path / "new")
    await restore(store, made, None, new, clock)
    async with open_brain(new.database_url) as brain, brain.read() as session:
        assert (await session.execute(text("SELECT name FROM users"))).scalar_one() == "ann"


async def test_a_backup_of_a_later_release_says_which(tmp_path: Path, store: MemoryStore, clock: ManualClock) -> None:
    (tmp_path / "old").mkdir()
    async with open_brain(sqlite_at(tmp_path / "old")) as brain:
        async with brain.write() as session:
            await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        source = await source_of(brain, store, tmp_path / "old", clock)
        made = await back_up(source, new_id(), scheduled=False, verify=False)
    with pytest.raises(BackupTooNew, match="made by Hytopus"):
        await restore(store, made, None, into(tmp_path / "new"), clock)


async def test_the_newest_is_chosen_or_the_one_named(tmp_path: Path, store: MemoryStore, clock: ManualClock) -> None:
    with pytest.raises(NoBackups, match="net/backups/"):
        await choose(store, None)
    (tmp_path / "old").mkdir()
    async with open_brain(sqlite_at(tmp_path / "old")) as brain:
        source = await source_of(brain, store, tmp_path / "old", clock)
        first = await back_up(source, "a" * 16, scheduled=False, verify=False)
        second = await back_up(source, "b" * 16, scheduled=False, verify=False)
    store.objects["net/backups/zz.json"] = json.dumps({"id": "zz"}).encode()
    assert await choose(store, None) == second
    assert await choose(store, first.id) == first
    for name in ("c" * 16, "../x", ""):
        with pytest.raises(BackupNotFound):
            await choose(store, name)
    await catalogue.delete(store, second.id)
    assert await choose(store, None) == first
