"""The audit log's chain: every record holds the hash of the one before it, so that no change goes unnoticed.

Records of a transaction are appended at its very end, under a lock that all Brains share, so their order is that of the
commits. The database itself refuses to change or delete them (`models.py`).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC
from typing import Final, Literal

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.models import AuditRecord
from hytopus.brain.db.engine import Database, before_commit

GENESIS: Final = "0" * 64
"""What the first record holds as the hash before it."""
_LOCK: Final = 0x48595441  # "HYTA"
_BATCH: Final = 500
_PENDING: Final = "hytopus.audit"
_CAUSES: Final = {
    "link": "the record before it is missing, or another one",
    "content": "what it says was changed",
}
_TAKE_LOCK: Final = select(func.pg_advisory_xact_lock(_LOCK))
_NEWEST: Final = select(AuditRecord.hash).order_by(AuditRecord.id.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Broken:
    """The first record that is not as it was written, or not where."""

    id: int
    code: Literal["link", "content"]
    """Whether the record before it is another one, or what it says."""

    @property
    def cause(self) -> str:
        return _CAUSES[self.code]


@dataclass(frozen=True, slots=True)
class Verdict:
    records: int
    head: str
    """Hash of the newest record: note it somewhere else, and an end that was cut off shows."""
    broken: Broken | None
    knows: bool
    """Whether the hash that was asked about is in the chain."""


def append(session: AsyncSession, entry: AuditRecord) -> None:
    """Add it to the chain when the transaction commits."""
    pending: list[AuditRecord] = session.info.setdefault(_PENDING, [])
    if not pending:
        before_commit(session, _seal)
    pending.append(entry)


def hash_of(entry: AuditRecord, previous: str) -> str:
    """SHA-256 over everything a record says and the hash before it."""
    said = [
        previous,
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.actor_kind.value,
        entry.actor_id,
        entry.actor_name,
        entry.address,
        entry.request_id,
        entry.action,
        entry.target,
        entry.outcome,
        entry.before,
        entry.after,
    ]
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


async def verify(database: Database, known: str | None = None) -> Verdict:
    """Walk the whole chain. `known` is a hash somebody noted earlier, which must be in it."""
    previous, count, seen = GENESIS, 0, known is None
    async with aclosing(records(database, select(AuditRecord))) as batches:
        async for batch in batches:
            broken, good = await asyncio.to_thread(_follow, batch, previous)
            count += good
            previous = batch[good - 1].hash if good else previous
            seen = seen or any(entry.hash == known for entry in batch[:good])
            if broken is not None:
                return Verdict(count, previous, broken, seen)
    return Verdict(count, previous, None, seen)


async def records(database: Database, statement: Select[AuditRecord]) -> AsyncGenerator[Sequence[AuditRecord], None]:
    """Audit records in the order they were written, in batches; no session is held in between."""
    last = 0
    while True:
        page = statement.where(AuditRecord.id > last).order_by(None).order_by(AuditRecord.id).limit(_BATCH)
        async with database.read() as session:
            batch = (await session.scalars(page)).all()
        if not batch:
            return
        yield batch
        last = batch[-1].id


async def _seal(session: AsyncSession) -> None:
    """The lock is held from here to the commit, which comes at once."""
    await session.flush()  # everything else first: others wait for the lock
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(_TAKE_LOCK)
    previous: str = await session.scalar(_NEWEST) or GENESIS
    for entry in session.info.pop(_PENDING):
        entry.previous_hash = previous
        previous = entry.hash = hash_of(entry, previous)
        session.add(entry)
    await session.flush()  # numbers are given in the order in which rows were added


def _follow(batch: Sequence[AuditRecord], previous: str) -> tuple[Broken | None, int]:
    """What is wrong, and how many are good before it."""
    for good, entry in enumerate(batch):
        if entry.previous_hash != previous:
            return Broken(entry.id, "link"), good
        if entry.hash != hash_of(entry, previous):
            return Broken(entry.id, "content"), good
        previous = entry.hash
    return None, len(batch)
