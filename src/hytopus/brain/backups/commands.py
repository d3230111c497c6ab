"""Asking for backups, and writing down what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import Actor
from hytopus.brain.activity.commands import audit, record
from hytopus.brain.backups.catalogue import Manifest
from hytopus.brain.backups.errors import BackupInterrupted
from hytopus.brain.backups.models import BackupRun, RunKind, RunState
from hytopus.brain.db.signals import signal
from hytopus.kit.ids import new_id

TOPIC: Final = "backup"
SILENT: Final = timedelta(minutes=15)
"""A run whose Brain has not been heard of for so long is over."""


def request_backup(session: AsyncSession, *, actor: Actor, at: datetime) -> BackupRun:
    """One more, now."""
    run = _new(RunKind.BACKUP, new_id(), actor.name, at)
    session.add(run)
    audit(session, actor, "backup.create", run.backup_id, at=at)
    signal(session, TOPIC)
    return run


def request_verification(session: AsyncSession, backup_id: str, *, actor: Actor, at: datetime) -> BackupRun:
    run = _new(RunKind.VERIFY, backup_id, actor.name, at)
    session.add(run)
    audit(session, actor, "backup.verify", backup_id, at=at)
    signal(session, TOPIC)
    return run


async def schedule(session: AsyncSession, after: str, *, at: datetime) -> None:
    """The one that follows `after`; that another Brain was faster is fine."""
    run = _new(RunKind.BACKUP, new_id(), "", at)
    run.slot = after
    try:
        async with session.begin_nested():
            session.add(run)
    except IntegrityError:
        return


async def claim(session: AsyncSession, *, at: datetime) -> BackupRun | None:
    """The oldest that nobody works on, now ours. A run whose Brain fell silent is put down as failed."""
    rows = await session.scalars(
        select(BackupRun)
        .where(BackupRun.state.in_((RunState.REQUESTED, RunState.RUNNING)))
        .order_by(BackupRun.requested_at, BackupRun.id)
        .with_for_update(skip_locked=True)
    )
    for run in rows:
        if run.state is RunState.REQUESTED:
            run.state, run.started_at, run.touched_at = RunState.RUNNING, at, at
            return run
        if run.touched_at is None or at - run.touched_at > SILENT:
            failed(session, run, BackupInterrupted().as_dict(), at=at)
    return None


async def touch(session: AsyncSession, run_id: str, *, at: datetime) -> None:
    run = await session.get(BackupRun, run_id, with_for_update=True)
    if run is not None and run.state is RunState.RUNNING:
        run.touched_at = at


def done(session: AsyncSession, run: BackupRun, manifest: Manifest, *, at: datetime) -> None:
    run.state, run.finished_at = RunState.DONE, at
    run.size, run.rows, run.verified_at = manifest.size, manifest.total_rows, manifest.verified_at
    what = "was made" if run.kind is RunKind.BACKUP else "was verified"
    record(
        session,
        "backup.succeeded" if run.kind is RunKind.BACKUP else "backup.verified",
        subject=("system", run.backup_id),
        message=f"Backup {run.backup_id} {what}: {manifest.total_rows} rows, {manifest.size} bytes.",
        at=at,
        data={"size": manifest.size, "rows": manifest.total_rows, "sealed": manifest.key_id is not None},
    )


def failed(session: AsyncSession, run: BackupRun, problem: Mapping[str, Any], *, at: datetime) -> None:
    run.state, run.finished_at, run.problem = RunState.FAILED, at, dict(problem)
    what = "could not be made" if run.kind is RunKind.BACKUP else "could not be verified"
    record(
        session,
        "backup.failed" if run.kind is RunKind.BACKUP else "backup.verification_failed",
        subject=("system", run.backup_id),
        message=f"Backup {run.backup_id} {what}: {problem['message']}",
        at=at,
        data={"problem": problem["code"]},
    )


def _new(kind: RunKind, backup_id: str, by: str, at: datetime) -> BackupRun:
    return BackupRun(kind=kind, state=RunState.REQUESTED, backup_id=backup_id, requested_by=by, requested_at=at)
