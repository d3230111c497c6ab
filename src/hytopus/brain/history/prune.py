"""Cutting off what is older than it is kept, in steps that hold up nobody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import Delete

from hytopus.brain.activity.models import Event
from hytopus.brain.db.base import Base
from hytopus.brain.db.engine import Database
from hytopus.brain.history.models import COARSE, FINE, DurationHistory, FleetHistory, InstanceHistory, NodeHistory
from hytopus.brain.history.settings import HistorySettings
from hytopus.brain.http.idempotency import forget_expired
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.states import State
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger

log = get_logger(__name__)

EVERY_S: Final = 600.0
ROWS: Final = 1_000
"""Deleted in one transaction: some 5 ms."""
_PAUSE_S: Final = 0.05
_TABLES: Final[tuple[type[Base], ...]] = (FleetHistory, DurationHistory, NodeHistory, InstanceHistory)


async def run_pruning(database: Database, settings: HistorySettings, clock: Clock) -> None:
    """Now and then, until cancelled."""
    while True:
        try:
            await prune(database, settings, clock)
            async with database.write() as session:
                await forget_expired(session, clock.now())
        except Exception:
            log.exception("old measurements and events could not be deleted; trying again")
        await clock.sleep(EVERY_S)


async def prune(database: Database, settings: HistorySettings, clock: Clock) -> int:
    """One round; returns how many rows are gone."""
    now = clock.now()
    gone = 0
    for step, kept in ((FINE, timedelta(hours=settings.fine_hours)), (COARSE, timedelta(days=settings.days))):
        for table in _TABLES:
            gone += await _repeat(database, _measurements(table, step, now - kept), clock)
    events = await _repeat(database, _events(now - timedelta(days=settings.event_days)), clock)
    if events:
        log.info("old events deleted", count=events)
    return gone + events


async def _repeat(database: Database, statement: Delete, clock: Clock) -> int:
    gone = 0
    while True:
        async with database.write() as session:
            deleted = await _run(session, statement)
        gone += deleted
        if deleted < ROWS:
            return gone
        await clock.sleep(_PAUSE_S)


async def _run(session: AsyncSession, statement: Delete) -> int:
    result = await session.execute(statement, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", result).rowcount


def _measurements(model: type[Base], step: int, before: datetime) -> Delete:
    table = model.__table__
    keys = list(table.primary_key)
    old = (
        select(*keys).where(table.c.step == step, table.c.at < int(before.timestamp())).order_by(table.c.at).limit(ROWS)
    )
    return delete(model).where(tuple_(*keys).in_(old))


def _events(before: datetime) -> Delete:
    """An instance that exists keeps its creation, its last start and everything since."""
    needed = (
        select(Instance.id)
        .where(
            Event.subject_kind == "instance",
            Instance.id == Event.subject_id,
            Instance.state != State.DESTROYED,
            (Event.at == Instance.created_at)
            | (Event.at >= Instance.start_began_at)
            | (Event.at >= Instance.state_since),
        )
        .correlate(Event)
        .exists()
    )
    old = select(Event.id).where(Event.at < before, ~needed).order_by(Event.at).limit(ROWS)
    return delete(Event).where(Event.id.in_(old))
