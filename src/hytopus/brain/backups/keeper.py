"""The loop that makes the backups that are due or asked for, and clears away those that have had their day."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from hytopus.brain.backups import catalogue, commands
from hytopus.brain.backups.catalogue import Manifest
from hytopus.brain.backups.models import BackupRun, RunKind
from hytopus.brain.backups.queries import Standing, standing
from hytopus.brain.backups.retention import expired
from hytopus.brain.backups.settings import BackupSettings
from hytopus.brain.backups.work import Source, back_up, verified
from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger

LOOK_SECONDS: Final = 60.0
FIRST_AFTER: Final = timedelta(minutes=10)
"""A Brain that was never backed up is, this long after its start."""
RETRY_AFTER: Final = timedelta(minutes=15)

log = get_logger(__name__)


async def run_keeper(source: Source, settings: BackupSettings) -> None:
    """Until cancelled. A failure is written down, and tried again later."""
    since = source.clock.now()
    with source.database.signals.subscribe(commands.TOPIC) as wake:
        while True:
            try:
                while await keep_once(source, settings, since=since):
                    pass
            except (HytopusError, SQLAlchemyError, OSError) as error:
                log.warning("backups not looked after", why=str(error))
            await wake.wait(source.clock, LOOK_SECONDS)


async def keep_once(source: Source, settings: BackupSettings, *, since: datetime) -> bool:
    """One look; True if there was something to do. `since`: when this Brain started."""
    async with source.database.write() as session:
        now = source.clock.now()
        known = await standing(session)
        if is_due(known, settings, now=now, since=since):
            await commands.schedule(session, f"after {known.last_ended.id if known.last_ended else 'nothing'}", at=now)
        run = await commands.claim(session, at=now)
    if run is None:
        return False
    await _carry_out(source, settings, run)
    return True


def is_due(known: Standing, settings: BackupSettings, *, now: datetime, since: datetime) -> bool:
    """Whether the schedule asks for one now."""
    if not settings.every_hours or known.open is not None:
        return False
    if known.last_ended is None:
        return now - since >= FIRST_AFTER
    ended = known.last_ended.finished_at or since
    if known.last_good is not known.last_ended and now - ended < RETRY_AFTER:
        return False
    good = known.last_good.finished_at if known.last_good else None
    return good is None or now - good >= timedelta(hours=settings.every_hours)


async def _carry_out(source: Source, settings: BackupSettings, run: BackupRun) -> None:
    try:
        manifest = await _work(source, settings, run)
    except (HytopusError, SQLAlchemyError, OSError) as error:
        problem = error.as_dict() if isinstance(error, HytopusError) else _plain(error)
        why = {"code": problem["code"], "why": str(error)}
        log.warning("backup failed", backup=run.backup_id, kind=run.kind.value, **why)
        async with source.database.write() as session:
            commands.failed(session, await session.merge(run), problem, at=source.clock.now())
        return
    log.info("backup done", backup=run.backup_id, kind=run.kind.value, rows=manifest.total_rows, bytes=manifest.size)
    async with source.database.write() as session:
        commands.done(session, await session.merge(run), manifest, at=source.clock.now())
    if run.kind is RunKind.BACKUP:
        await clear_away(source, settings)


async def _work(source: Source, settings: BackupSettings, run: BackupRun) -> Manifest:
    if run.kind is RunKind.VERIFY:
        known = await catalogue.manifest(source.store, run.backup_id)
        return await verified(source.store, known, source.key, source.clock)
    beat = asyncio.create_task(_keep_touching(source, run.id))
    try:
        return await back_up(source, run.backup_id, scheduled=run.slot is not None, verify=settings.verify)
    finally:
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)


async def _keep_touching(source: Source, run_id: str) -> None:
    while True:
        await source.clock.sleep(LOOK_SECONDS)
        with suppress(SQLAlchemyError):
            async with source.database.write() as session:
                await commands.touch(session, run_id, at=source.clock.now())


async def clear_away(source: Source, settings: BackupSettings) -> None:
    """Delete what the retention does not keep; of this Brain only."""
    try:
        ours = [each for each in await catalogue.manifests(source.store) if each.brain == source.brain]
        for manifest in expired(ours, settings):
            await catalogue.delete(source.store, manifest.id)
            log.info("old backup deleted", backup=manifest.id)
    except HytopusError as error:
        log.warning("old backups not deleted", code=error.code, why=str(error))


def _plain(error: Exception) -> dict[str, str]:
    return {"code": "backup_failed", "message": f"{type(error).__name__}: {error}", "remedy": "Look into the log."}
