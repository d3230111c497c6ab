"""What is known of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.backups.models import BackupRun, RunKind, RunState


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest runs that matter; for the schedule, the metrics and whoever warns."""

    last_good: BackupRun | None
    last_ended: BackupRun | None
    """Good or not."""
    open: BackupRun | None
    """Asked for or under way."""


async def standing(session: AsyncSession) -> Standing:
    return Standing(
        last_good=await _newest(session, RunState.DONE),
        last_ended=await _newest(session, RunState.DONE, RunState.FAILED),
        open=await _newest(session, RunState.REQUESTED, RunState.RUNNING),
    )


async def newest_runs(session: AsyncSession, limit: int = 50) -> Sequence[BackupRun]:
    rows = await session.scalars(select(BackupRun).order_by(BackupRun.id.desc()).limit(limit))
    return rows.all()


async def _newest(session: AsyncSession, *states: RunState) -> BackupRun | None:
    found: BackupRun | None = await session.scalar(
        select(BackupRun)
        .where(BackupRun.kind == RunKind.BACKUP, BackupRun.state.in_(states))
        .order_by(BackupRun.id.desc())
        .limit(1)
    )
    return found
