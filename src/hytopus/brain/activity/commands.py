"""Appending to the logs, always in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import SYSTEM, Actor
from hytopus.brain.activity.chain import append
from hytopus.brain.activity.models import AuditRecord, Event
from hytopus.brain.db.signals import signal
from hytopus.kit.requests import request_id


def record(
    session: AsyncSession,
    kind: str,
    *,
    subject: tuple[str, str],
    message: str,
    at: datetime,
    actor: Actor = SYSTEM,
    data: Mapping[str, Any] | None = None,
) -> Event:
    """Append an event. `subject` is (kind, id); `kind` reads `noun.past_tense`; secrets never go into `data`."""
    event = Event(
        at=at,
        kind=kind,
        subject_kind=subject[0],
        subject_id=subject[1],
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        request_id=actor.request_id or request_id(),
        message=message,
        data=dict(data or {}),
    )
    session.add(event)
    signal(session, "event", event)
    return event


def audit(
    session: AsyncSession,
    actor: Actor,
    action: str,
    target: str,
    *,
    at: datetime,
    outcome: str = "done",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditRecord:
    """Append to the audit log. `action` reads `noun.verb`; secrets never go into `before` or `after`."""
    entry = AuditRecord(
        at=at,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        address=actor.address,
        request_id=actor.request_id,
        action=action,
        target=target,
        outcome=outcome,
        before=dict(before or {}),
        after=dict(after or {}),
    )
    append(session, entry)
    signal(session, "audit")
    session.info["hytopus.audited"] = True
    return entry
