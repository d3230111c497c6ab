"""Looking things up in the logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Select, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.models import AuditRecord, Event
from hytopus.brain.db.scope import EVERYTHING


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events somebody wants. Empty fields do not restrict."""

    kinds: tuple[str, ...] = ()
    """Prefixes: `instance.` or `instance.started`; any of them."""
    subject_kind: str | None = None
    subject_id: str | None = None

    def select(self) -> Select[Event]:
        statement = select(Event)
        if self.kinds:
            statement = statement.where(or_(*(Event.kind.startswith(kind, autoescape=True) for kind in self.kinds)))
        if self.subject_kind is not None:
            statement = statement.where(Event.subject_kind == self.subject_kind)
        if self.subject_id is not None:
            statement = statement.where(Event.subject_id == self.subject_id)
        return statement


_IDS: Final = (
    select(Event.id, Event.at).where(Event.id > bindparam("after")).order_by(Event.id).limit(bindparam("limit"))
)


async def newest_event(session: AsyncSession) -> int:
    """The number of the last event; 0 before the first."""
    return await session.scalar(select(func.max(Event.id)), execution_options=EVERYTHING) or 0


async def event_ids(session: AsyncSession, *, after: int, limit: int) -> Sequence[tuple[int, datetime]]:
    """Numbers and times of the events after `after`, in order, whatever they are about and whoever may see them."""
    found = await session.execute(_IDS, {"after": after, "limit": limit}, execution_options=EVERYTHING)
    return [(number, at) for number, at in found]


async def events_between(session: AsyncSession, wanted: EventFilter, *, after: int, upto: int) -> Sequence[Event]:
    """The wanted events numbered after `after` up to and with `upto`, in order."""
    statement = wanted.select().where(Event.id > after, Event.id <= upto).order_by(Event.id)
    return (await session.scalars(statement)).all()


def select_audit(
    *,
    actor: str | None = None,
    action: str | None = None,
    target: str | None = None,
    outcome: str | None = None,
    since: datetime | None = None,
) -> Select[AuditRecord]:
    """Audit records by who (name), what (prefix), on what, with which outcome, since when."""
    statement = select(AuditRecord)
    if actor is not None:
        statement = statement.where(AuditRecord.actor_name == actor)
    if action is not None:
        statement = statement.where(AuditRecord.action.startswith(action, autoescape=True))
    if target is not None:
        statement = statement.where(AuditRecord.target == target)
    if outcome is not None:
        statement = statement.where(AuditRecord.outcome == outcome)
    if since is not None:
        statement = statement.where(AuditRecord.at >= since)
    return statement
