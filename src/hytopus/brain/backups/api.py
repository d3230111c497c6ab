"""Routes of the backups: they lie in the object store, what is being done about them in the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from hytopus.brain.accounts.dependencies import ActorDep
from hytopus.brain.activity.commands import audit
from hytopus.brain.backups import catalogue, commands
from hytopus.brain.backups.errors import BackupNotFound
from hytopus.brain.backups.queries import newest_runs, standing
from hytopus.brain.backups.schemas import BackupRunOut, BackupScheduleOut, BackupsOut, backup_out, run_out
from hytopus.brain.backups.settings import BackupSettings
from hytopus.brain.backups.work import Source
from hytopus.brain.http.dependencies import ClockDep, DatabaseDep, StoreDep, WriteDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.storage.errors import S3Denied, S3Unreachable

router = feature_router("backups")


@dataclass(frozen=True, slots=True)
class Backups:
    """What the routes need, on `app.state.backups`."""

    source: Source
    settings: BackupSettings


async def _backups(request: Request) -> Backups:
    backups: Backups = request.app.state.backups
    return backups


BackupsDep = Annotated[Backups, Depends(_backups)]


@router.get("/backups", responses=problems(S3Unreachable, S3Denied))
async def list_backups(database: DatabaseDep, store: StoreDep, backups: BackupsDep) -> BackupsOut:
    """The backups there are, newest first; what was tried lately; and the schedule."""
    known = await catalogue.manifests(store)
    async with database.read() as session:
        runs, now = await newest_runs(session), await standing(session)
    settings, key = backups.settings, backups.source.key
    return BackupsOut(
        items=[backup_out(each, backups.source.brain) for each in known],
        runs=[run_out(run) for run in runs],
        schedule=BackupScheduleOut(
            every_hours=settings.every_hours,
            keep_last=settings.keep_last,
            keep_daily=settings.keep_daily,
            keep_weekly=settings.keep_weekly,
            verify=settings.verify,
            key_id=key.id if key else None,
        ),
        last_success_at=now.last_good.finished_at if now.last_good else None,
    )


@router.post("/backups", status_code=202)
async def create_backup(session: WriteDep, actor: ActorDep, clock: ClockDep) -> BackupRunOut:
    """Make one now; `GET /backups` shows what becomes of it."""
    run = commands.request_backup(session, actor=actor, at=clock.now())
    await session.flush()
    return run_out(run)


@router.post(
    "/backups/{backup_id}/verify", status_code=202, responses=problems(BackupNotFound, S3Unreachable, S3Denied)
)
async def verify_backup(
    backup_id: str, database: DatabaseDep, store: StoreDep, actor: ActorDep, clock: ClockDep
) -> BackupRunOut:
    """Read it back and restore it into a scratch database."""
    known = await catalogue.manifest(store, backup_id)
    async with database.write() as session:
        run = commands.request_verification(session, known.id, actor=actor, at=clock.now())
    return run_out(run)


@router.delete("/backups/{backup_id}", status_code=204, responses=problems(BackupNotFound, S3Unreachable, S3Denied))
async def delete_backup(
    backup_id: str, database: DatabaseDep, store: StoreDep, actor: ActorDep, clock: ClockDep
) -> None:
    """Delete it for good."""
    known = await catalogue.manifest(store, backup_id)
    await catalogue.delete(store, known.id)
    async with database.write() as session:
        before = {"made": known.created_at.isoformat(), "rows": known.total_rows}
        audit(session, actor, "backup.delete", known.id, at=clock.now(), before=before)
