"""Looking crashes up, one by one and by their cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from hytopus.brain.crashes.errors import CrashNotFound
from hytopus.brain.crashes.models import Crash
from hytopus.brain.instances.models import Instance

_VISIBLE: Final = Crash.instance_id.in_(select(Instance.id))
"""A session with a scope sees the crashes of the instances it sees."""


@dataclass(frozen=True, slots=True)
class CrashFilter:
    """Which crashes somebody wants. Empty fields do not restrict; `instance` and `node` are names or ids."""

    instance: str | None = None
    node: str | None = None
    game: str | None = None
    kind: str | None = None
    fingerprint: str | None = None
    since: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        pairs = ((Crash.game, self.game), (Crash.kind, self.kind), (Crash.fingerprint, self.fingerprint))
        found = [_VISIBLE, *(column == value for column, value in pairs if value is not None)]
        if self.instance is not None:
            found.append((Crash.instance_id == self.instance) | (Crash.instance_name == self.instance))
        if self.node is not None:
            found.append((Crash.node_id == self.node) | (Crash.node_name == self.node))
        if self.since is not None:
            found.append(Crash.at >= self.since)
        return found


@dataclass(frozen=True, slots=True)
class Group:
    """Crashes with one cause."""

    fingerprint: str
    cause: str
    kind: str
    game: str
    count: int
    first_at: datetime
    last_at: datetime
    instances: int
    last_id: str = ""
    nodes: dict[str, int] = field(default_factory=dict)
    layers: dict[str, int] = field(default_factory=dict)
    """Crashes by node, and by what the servers were made of."""


async def get(session: AsyncSession, crash_id: str) -> Crash:
    """Raises `CrashNotFound`."""
    crash = await session.scalar(select(Crash).where(Crash.id == crash_id, _VISIBLE))
    if crash is None:
        raise CrashNotFound(crash=crash_id)
    return crash


async def groups(session: AsyncSession, wanted: CrashFilter, *, limit: int) -> Sequence[Group]:
    """The causes that struck last, first."""
    last = func.max(Crash.at)
    statement = (
        select(
            Crash.fingerprint,
            func.max(Crash.cause),
            func.max(Crash.kind),
            func.max(Crash.game),
            func.count(),
            func.min(Crash.at),
            last,
            func.count(Crash.instance_id.distinct()),
        )
        .where(*wanted.conditions())
        .group_by(Crash.fingerprint)
        .order_by(last.desc(), Crash.fingerprint)
        .limit(limit)
    )
    found = [Group(*row) for row in await session.execute(statement)]
    known = [group.fingerprint for group in found]
    nodes = await _counts(session, wanted, known, Crash.node_name)
    layers = await _counts(session, wanted, known, Crash.layers)
    return [
        replace(
            group,
            nodes=nodes[group.fingerprint],
            layers=layers[group.fingerprint],
            last_id=await _last(session, wanted, group.fingerprint),
        )
        for group in found
    ]


async def _counts(
    session: AsyncSession, wanted: CrashFilter, fingerprints: Sequence[str], column: InstrumentedAttribute[str]
) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {fingerprint: {} for fingerprint in fingerprints}
    statement = (
        select(Crash.fingerprint, column, func.count())
        .where(*wanted.conditions(), Crash.fingerprint.in_(fingerprints))
        .group_by(Crash.fingerprint, column)
        .order_by(column)
    )
    for fingerprint, name, count in await session.execute(statement):
        found[fingerprint][name] = count
    return found


async def _last(session: AsyncSession, wanted: CrashFilter, fingerprint: str) -> str:
    statement = select(Crash.id).where(*wanted.conditions(), Crash.fingerprint == fingerprint)
    return await session.scalar(statement.order_by(Crash.at.desc(), Crash.id.desc()).limit(1)) or ""
