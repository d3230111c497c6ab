"""Backups and runs as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hytopus.brain.backups.catalogue import Manifest
from hytopus.brain.backups.models import BackupRun, RunKind, RunState
from hytopus.brain.http.schemas import Output


class BackupOut(Output):
    id: str
    created_at: datetime
    version: str
    """Of Hytopus, that made it."""
    revision: str
    dialect: str
    """`sqlite` or `postgresql`; it can be restored into either."""
    size: int
    rows: int
    sha256: str
    sealed: bool
    """Sealed with the operator's key, and with the Brain's keys in it. Others hold the database alone."""
    key_id: str | None
    scheduled: bool
    ours: bool
    """Made by this Brain, and not by another that uses the same bucket."""
    verified_at: datetime | None


class BackupRunOut(Output):
    id: str
    kind: RunKind
    state: RunState
    backup_id: str
    scheduled: bool
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    size: int
    rows: int
    verified_at: datetime | None
    problem: dict[str, Any] | None


class BackupScheduleOut(Output):
    """What the settings say."""

    every_hours: float
    keep_last: int
    keep_daily: int
    keep_weekly: int
    verify: bool
    key_id: str | None


class BackupsOut(Output):
    items: list[BackupOut]
    runs: list[BackupRunOut]
    """The newest, failed ones included."""
    schedule: BackupScheduleOut
    last_success_at: datetime | None


def backup_out(manifest: Manifest, brain: str) -> BackupOut:
    return BackupOut(
        **manifest.model_dump(exclude={"rows", "brain"}),
        rows=manifest.total_rows,
        sealed=manifest.key_id is not None,
        ours=manifest.brain == brain,
    )


def run_out(run: BackupRun) -> BackupRunOut:
    return BackupRunOut(
        id=run.id,
        kind=run.kind,
        state=run.state,
        backup_id=run.backup_id,
        scheduled=run.slot is not None,
        requested_by=run.requested_by,
        requested_at=run.requested_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        size=run.size,
        rows=run.rows,
        verified_at=run.verified_at,
        problem=run.problem,
    )
