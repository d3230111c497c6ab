"""Backups come by themselves, once, and what goes wrong is written down and tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from hytopus.brain.activity.actor import SYSTEM
from hytopus.brain.activity.models import Event
from hytopus.brain.backups import catalogue
from hytopus.brain.backups.commands import SILENT, claim, request_backup, request_verification
from hytopus.brain.backups.keeper import FIRST_AFTER, RETRY_AFTER, keep_once
from hytopus.brain.backups.models import BackupRun, RunState
from hytopus.brain.backups.queries import newest_runs, standing
from hytopus.brain.backups.settings import BackupSettings
from hytopus.brain.backups.work import Source
from hytopus.storage.errors import S3Unreachable
from hytopus.storage.memory import MemoryStore
from tests.harness.clock import START, ManualClock
from tests.integration.backups.brains import open_brain, source_of

DAILY = BackupSettings(every_hours=24, verify=False, keep_last=2, keep_daily=0, keep_weekly=0)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def source(
    request: pytest.FixtureRequest, tmp_path: Path, store: MemoryStore, clock: ManualClock
) -> AsyncIterator[Source]:
    url = f"sqlite:///{tmp_path / 'brain.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    async with open_brain(url) as brain:
        yield await source_of(brain, store, tmp_path, clock)


async def look(source: Source, settings: BackupSettings = DAILY) -> bool:
    return await keep_once(source, settings, since=START)


async def runs(source: Source) -> list[BackupRun]:
    async with source.database.read() as session:
        return list(await newest_runs(session))


async def events(source: Source) -> list[str]:
    async with source.database.read() as session:
        found = await session.scalars(select(Event.kind).where(Event.kind.startswith("backup.")).order_by(Event.id))
        return list(found)


async def test_the_first_comes_soon_and_the_next_a_day_later(source: Source, clock: ManualClock) -> None:
    assert not await look(source)
    await clock.advance(FIRST_AFTER.total_seconds())
    assert await look(source)
    assert not await look(source)
    await clock.advance(timedelta(hours=23, minutes=59).total_seconds())
    assert not await look(source)
    await clock.advance(60)
    assert await look(source)
    assert [run.state for run in await runs(source)] == [RunState.DONE, RunState.DONE]
    assert all(each.scheduled for each in await catalogue.manifests(source.store))
    assert await events(source) == ["backup.succeeded", "backup.succeeded"]


async def test_without_a_schedule_there_is_none(source: Source, clock: ManualClock) -> None:
    await clock.advance(timedelta(days=40).total_seconds())
    assert not await look(source, BackupSettings(every_hours=0))


async def test_a_failure_is_told_and_tried_again(source: Source, store: MemoryStore, clock: ManualClock) -> None:
    await clock.advance(FIRST_AFTER.total_seconds())
    store.fault = S3Unreachable(endpoint="s3", why="the test says so")
    assert await look(source)
    (failed,) = await runs(source)
    assert failed.state is RunState.FAILED
    assert failed.problem is not None
    assert failed.problem["code"] == "s3_unreachable"
    assert await events(source) == ["backup.failed"]
    assert not await look(source)
    store.fault = None
    await clock.advance(RETRY_AFTER.total_seconds())
    assert await look(source)
    async with source.database.read() as session:
        known = await standing(session)
    assert known.last_good is not None
    assert known.last_good.state is RunState.DONE


async def test_two_brains_make_one(source: Source, clock: ManualClock) -> None:
    await clock.advance(FIRST_AFTER.total_seconds())
    worked = await asyncio.gather(*(look(source) for _ in range(6)))
    assert sum(worked) == 1
    assert len(await catalogue.manifests(source.store)) == 1


async def test_a_run_whose_brain_died_is_put_down_and_made_anew(source: Source, clock: ManualClock) -> None:
    async with source.database.write() as session:
        request_backup(session, actor=SYSTEM, at=clock.now())
    async with source.database.write() as session:
        assert await claim(session, at=clock.now())
    await clock.advance(SILENT.total_seconds())
    assert not await look(source)
    await clock.advance(1)
    assert not await look(source)
    assert [run.state for run in await runs(source)] == [RunState.FAILED]
    await clock.advance(RETRY_AFTER.total_seconds())
    assert await look(source)
    assert [run.state for run in await runs(source)] == [RunState.DONE, RunState.FAILED]


async def test_old_ones_go_but_neither_those_made_by_hand_nor_another_brains(
    source: Source, store: MemoryStore, clock: ManualClock
) -> None:
    async with source.database.write() as session:
        by_hand = request_backup(session, actor=SYSTEM, at=clock.now()).backup_id
    assert await look(source)
    other = (await catalogue.manifest(store, by_hand)).model_copy(
        update={"id": "0" * 16, "brain": "x", "scheduled": True}
    )
    await catalogue.keep(store, other)
    for _ in range(4):
        await clock.advance(timedelta(hours=24).total_seconds())
        assert await look(source)
    kept = {each.id: each.scheduled for each in await catalogue.manifests(store)}
    assert kept.pop(by_hand) is False
    assert kept.pop(other.id) is True
    assert len(kept) == 2
    assert sum(name.endswith(".backup") for name in store.objects) == 3


async def test_verifying_is_a_run_of_its_own(source: Source, store: MemoryStore, clock: ManualClock) -> None:
    async with source.database.write() as session:
        made = request_backup(session, actor=SYSTEM, at=clock.now()).backup_id
    assert await look(source)
    assert (await catalogue.manifest(store, made)).verified_at is None
    await clock.advance(5)
    async with source.database.write() as session:
        request_verification(session, made, actor=SYSTEM, at=clock.now())
    assert await look(source)
    assert (await catalogue.manifest(store, made)).verified_at == clock.now()
    blob = f"net/backups/{made}.backup"
    store.objects[blob] = store.objects[blob][:-1]
    async with source.database.write() as session:
        request_verification(session, made, actor=SYSTEM, at=clock.now())
    assert await look(source)
    assert (await runs(source))[0].state is RunState.FAILED
    assert await events(source) == ["backup.succeeded", "backup.verified", "backup.verification_failed"]
