"""Tables of the event log and the audit log; both are only ever appended to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, Index, String, event
from sqlalchemy.orm import Mapped, mapped_column

from hytopus.brain.activity.actor import ActorKind
from hytopus.brain.activity.append_only import APPEND_ONLY
from hytopus.brain.db.base import Base
from hytopus.brain.db.types import SERIAL, EnumText


class Event(Base):
    """Something that happened, in the past tense: `instance.started`, `node.went_offline`."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_subject", "subject_kind", "subject_id", "id"),)

    id: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(64), index=True)
    subject_kind: Mapped[str] = mapped_column(String(16))
    """`instance`, `node`, `template`, `user` or `system`."""
    subject_id: Mapped[str] = mapped_column(String(160))
    actor_kind: Mapped[ActorKind] = mapped_column(EnumText(ActorKind))
    actor_id: Mapped[str] = mapped_column(String(64))
    actor_name: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(64), default="")
    """The API request this goes back to, as in the logs; empty for what happened by itself."""
    message: Mapped[str]
    """One sentence for a person."""
    data: Mapped[dict[str, Any]]


class AuditRecord(Base):
    """One request that changed something, or tried to: who, from where, what, before and after."""

    __tablename__ = "audit_records"

    id: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor_kind: Mapped[ActorKind] = mapped_column(EnumText(ActorKind))
    actor_id: Mapped[str] = mapped_column(String(64), index=True)
    actor_name: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64), index=True)
    target: Mapped[str] = mapped_column(String(200), index=True)
    outcome: Mapped[str] = mapped_column(String(64))
    """`done`, or the code of the error that refused it."""
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), index=True)
    """Of everything above and of the hash before it (`chain.py`)."""


# The database refuses to change what was written, whoever asks. A migration makes the same for databases that exist.
for _dialect, _statements in APPEND_ONLY.items():
    for _statement in _statements:
        event.listen(AuditRecord.__table__, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]
