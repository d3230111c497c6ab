"""Clearing away in the object store: uploads that took too long, and blobs nothing refers to any more.

What is to be done stands in the database, so nothing is lost if the Brain dies in between; everything may be repeated.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.db.engine import Database
from hytopus.brain.db.leases import Leases
from hytopus.brain.templates.commands import SWEEP, end_upload, let_go
from hytopus.brain.templates.models import PendingDeletion, TemplateVersion, Upload
from hytopus.brain.templates.uploads import UPLOAD_LIFETIME
from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.storage.base import ObjectStore

log = get_logger(__name__)

SWEEP_SECONDS: Final = 600.0
RETRY_SECONDS: Final = 30.0
_LEASE: Final = "templates.sweeper"
_LEASE_SECONDS: Final = 900.0
"""Longer than a round and the pause after it. Two rounds at once would do no harm."""


async def run_sweeper(database: Database, store: ObjectStore, clock: Clock, leases: Leases) -> None:
    """Sweep whenever there is something to do, every ten minutes, and soon after a failure. Runs until cancelled.

    One Brain at a time does; if it dies, another one follows when the lease has ended.
    """
    with database.signals.subscribe(SWEEP) as wake:
        while True:
            pause = SWEEP_SECONDS
            try:
                if await leases.take(_LEASE, _LEASE_SECONDS):
                    await sweep(database, store, clock.now())
            except HytopusError as error:
                log.warning("object store not swept", code=error.code, detail=error.message)
                pause = RETRY_SECONDS
            await wake.wait(clock, pause)


async def sweep(database: Database, store: ObjectStore, now: datetime) -> None:
    """One round. Raises what the object store raises; the next round goes on from there."""
    await _end_expired_uploads(database, store, now)
    await _delete_blobs(database, store)
    await _abort_strays(database, store, now)


async def _end_expired_uploads(database: Database, store: ObjectStore, now: datetime) -> None:
    async with database.read() as session:
        expired = list(await session.scalars(select(Upload).where(Upload.expires_at <= now)))
    for upload in expired:
        await store.abort_upload(upload.s3_key, upload.s3_upload_id)
        async with database.write() as session:
            await end_upload(session, upload)
            await let_go(session, upload.s3_key, now)
        log.info("upload given up", template=upload.template_id, version=upload.version, upload_id=upload.id)


async def _delete_blobs(database: Database, store: ObjectStore) -> None:
    async with database.read() as session:
        keys = list(await session.scalars(select(PendingDeletion.s3_key).order_by(PendingDeletion.since)))
    for key in keys:
        async with database.write() as session:
            if not await _start(session, key):
                continue
        await store.delete(key)
        async with database.write() as session:
            await session.execute(delete(PendingDeletion).where(PendingDeletion.s3_key == key))
        log.info("blob deleted", s3_key=key)


async def _start(session: AsyncSession, key: str) -> bool:
    """Whether the blob may be deleted now; from here on nobody can take the key."""
    pending = await session.get(PendingDeletion, key, with_for_update=True)
    if pending is None:
        return False
    if await session.scalar(select(TemplateVersion.id).where(TemplateVersion.s3_key == key)) is not None:
        await session.delete(pending)
        return False
    if await session.scalar(select(Upload.id).where(Upload.s3_key == key).limit(1)) is not None:
        return False
    pending.started = True
    return True


async def _abort_strays(database: Database, store: ObjectStore, now: datetime) -> None:
    """Uploads the store knows and the database does not: the Brain died before it could write one down."""
    async with database.read() as session:
        known = set(await session.scalars(select(Upload.s3_upload_id)))
    for upload in await store.list_uploads():
        if upload.upload_id not in known and now - upload.started_at >= UPLOAD_LIFETIME:
            await store.abort_upload(upload.key, upload.upload_id)
