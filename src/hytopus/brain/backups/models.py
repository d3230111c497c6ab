"""The table of what is being done about backups; the backups themselves lie in the object store."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from hytopus.brain.db.base import Base
from hytopus.brain.db.types import EnumText
from hytopus.kit.ids import new_id


class RunKind(StrEnum):
    BACKUP = "backup"
    VERIFY = "verify"


class RunState(StrEnum):
    REQUESTED = "requested"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class BackupRun(Base):
    """One backup, or one verification, from the wish to its end. Not part of backups."""

    __tablename__ = "backup_runs"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_id)
    kind: Mapped[RunKind] = mapped_column(EnumText(RunKind))
    state: Mapped[RunState] = mapped_column(EnumText(RunState), index=True)
    backup_id: Mapped[str] = mapped_column(String(16), index=True)
    slot: Mapped[str | None] = mapped_column(String(64), unique=True)
    """What a scheduled one follows, so that two Brains do not both make it; None for what somebody asked for."""
    requested_by: Mapped[str] = mapped_column(String(64), default="")
    requested_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    touched_at: Mapped[datetime | None]
    """The Brain that works on it was alive then."""
    finished_at: Mapped[datetime | None]
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    rows: Mapped[int] = mapped_column(BigInteger, default=0)
    verified_at: Mapped[datetime | None]
    problem: Mapped[dict[str, Any] | None]
