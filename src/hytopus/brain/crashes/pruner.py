"""Deletes crashes that are too old, bundles first: a row without a bundle is seen again, the reverse never."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select

from hytopus.brain.crashes.models import Crash
from hytopus.brain.crashes.settings import CrashSettings
from hytopus.brain.db.engine import Database
from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.storage.base import ObjectStore

log = get_logger(__name__)

BATCH: Final = 100


async def run_pruner(database: Database, store: ObjectStore, clock: Clock, settings: CrashSettings) -> None:
    """For ever, also side by side in several Brains: everything may be done twice."""
    while True:
        try:
            await prune(database, store, clock.now() - timedelta(days=settings.keep_days))
        except HytopusError as error:
            log.warning("old crashes not deleted", code=error.code, detail=error.message)
        await clock.sleep(settings.prune_s)


async def prune(database: Database, store: ObjectStore, before: datetime) -> int:
    """Raises what the object store raises; the next round goes on from there."""
    gone = 0
    while True:
        async with database.read() as session:
            rows = await session.execute(
                select(Crash.id, Crash.s3_key).where(Crash.at < before).order_by(Crash.at, Crash.id).limit(BATCH)
            )
            old = rows.all()
        if not old:
            return gone
        for _, key in old:
            await store.delete(key)
        async with database.write() as session:
            await session.execute(delete(Crash).where(Crash.id.in_([crash_id for crash_id, _ in old])))
        gone += len(old)
        log.info("old crashes deleted", crashes=len(old))
