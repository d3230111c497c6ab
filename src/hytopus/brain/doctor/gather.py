"""Gathering what the checks judge: the database, what nodes said last, and the object store."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Final

import httpx2
from prometheus_client import Histogram
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.accounts.models import User
from hytopus.brain.accounts.roles import Role
from hytopus.brain.activity.models import AuditRecord, Event
from hytopus.brain.authority import rotation
from hytopus.brain.authority.models import NodeCertificate
from hytopus.brain.backups.queries import standing
from hytopus.brain.db.engine import Database
from hytopus.brain.doctor.facts import DatabaseFact, DiskOver, Facts, NodeFact, Restarts, StoreFact
from hytopus.brain.history.durations import buckets, percentile
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.scheduling.rooms import rooms_of
from hytopus.brain.instances.states import State
from hytopus.brain.nodes.commands import claims, shown
from hytopus.brain.nodes.findings import node_findings
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.queries import all_nodes
from hytopus.brain.nodes.restored import READMITTED, unconfirmed
from hytopus.brain.overview.queries import waiting_since
from hytopus.brain.placement.room import Room
from hytopus.brain.templates.models import TemplateVersion
from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.kit.findings import Finding
from hytopus.storage.base import ObjectStore

PATIENCE_S: Final = 5.0
_DURABILITY: Final = ("fsync", "full_page_writes", "synchronous_commit")
_RECENTLY: Final = timedelta(hours=1)
_FELL: Final = ("instance.failed", "instance.start_retried")
FIRST_ADMIN: Final = "admin"


async def gather(
    database: Database,
    presence: Presence,
    store: ObjectStore,
    clock: Clock,
    *,
    writes: Histogram,
    certificates: Sequence[tuple[str, datetime]] = (),
    backup_every_h: float = 24.0,
) -> Facts:
    """Everything, within some seconds; a store that does not answer is a fact, too."""
    now = clock.now()
    async with database.read() as session:
        nodes = await _nodes(session, presence)
        restarts = await _restarts(session, now - _RECENTLY)
        disk_over = await _disk_over(session, presence)
        waiting = await waiting_since(session)
        backups = await standing(session)
        since = await session.scalar(select(func.min(User.created_at)))
        admins = await session.scalar(select(func.count()).where(User.role == Role.ADMIN, ~User.disabled))
        kept = await _first_password_kept(session)
        single_factor = await _single_factor(session)
        rotating_since, left_behind = await _rotation(session, now)
        key = await session.scalar(select(TemplateVersion.s3_key).limit(1))
        size = await _size(session, database.dialect)
        off = await durability_off(session) if database.dialect == "postgresql" else []
    return Facts(
        now=now,
        version=version("hytopus"),
        nodes=nodes,
        restarts=restarts,
        disk_over=disk_over,
        waiting=len(waiting),
        waiting_s=max(((now - at).total_seconds() for at in waiting), default=0.0),
        store=await _store(store, clock, key),
        database=replace(await _database(database, size, writes), durability_off=off),
        certificates=certificates,
        backup_at=backups.last_good.started_at if backups.last_good else None,
        backup_every_h=backup_every_h,
        running_since=since,
        admins=admins or 0,
        single_factor=single_factor,
        rotating_since=rotating_since,
        left_behind=left_behind,
        first_password_kept=kept,
    )


async def _nodes(session: AsyncSession, presence: Presence) -> list[NodeFact]:
    nodes = await all_nodes(session)
    rooms = await rooms_of(session, nodes, presence)
    cordoned = await _latest(session, "node.cordoned")
    readmitted = await _latest(session, READMITTED)
    good = (
        select(NodeCertificate.node_id, func.max(NodeCertificate.expires_at))
        .where(NodeCertificate.revoked_at.is_(None))
        .group_by(NodeCertificate.node_id)
    )
    until: dict[str, datetime] = {node_id: at for node_id, at in await session.execute(good)}  # noqa: C416 - rows
    findings = await node_findings(session)
    facts = [
        _node(node, room, presence, cordoned.get(node.id), until.get(node.id), findings.get(node.id, ()))
        for node, room in zip(nodes, rooms, strict=True)
    ]
    return [
        replace(fact, unconfirmed=unconfirmed(node)) if node.id in readmitted else fact
        for fact, node in zip(facts, nodes, strict=True)
    ]


def _node(
    node: Node,
    room: Room,
    presence: Presence,
    cordoned: datetime | None,
    certificate_until: datetime | None,
    findings: Sequence[Finding],
) -> NodeFact:
    return NodeFact(
        id=node.id,
        name=node.name,
        state=node.state.value,
        state_since=node.state_since,
        cordoned_since=(cordoned or node.joined_at) if node.cordoned else None,
        engine_version=str(node.facts.get("engine_version", "")),
        agent_version=str(node.facts.get("agent_version", "")),
        materialisers=node.facts.get("materialisers", ()),
        memory_mb=node.memory_mb,
        memory_reserved_mb=room.used_memory_mb,
        ports=len(room.pool),
        ports_used=len(room.leased_ports),
        clock_skew_s=presence.clock_skew(node.id),
        load=presence.load(node.id),
        certificate_until=certificate_until,
        doubled_at=node.doubled_at,
        doubled_from=node.doubled_from,
        claims={key: shown(value) for key, value in claims(node).items()},
        findings=findings,
    )


async def _single_factor(session: AsyncSession) -> list[str]:
    """Who comes from a provider of single sign-on proves himself there."""
    admins = select(User.name).where(User.role == Role.ADMIN, ~User.disabled, User.subject.is_(None))
    return list(await session.scalars(admins.where(User.second_factor_at.is_(None)).order_by(User.name)))


async def _rotation(session: AsyncSession, now: datetime) -> tuple[datetime | None, list[str]]:
    current = [each for each in await rotation.records(session) if each.retired_at is None]
    if len(current) < 2:
        return None, []
    waiting = await rotation.dependents(session, current[-1].fingerprint, at=now)
    return current[-1].created_at, sorted(each.node.name for each in waiting)


async def _latest(session: AsyncSession, kind: str) -> Mapping[str, datetime]:
    rows = await session.execute(
        select(Event.subject_id, func.max(Event.at)).where(Event.kind == kind).group_by(Event.subject_id)
    )
    return {subject: at for subject, at in rows}  # noqa: C416 - rows


async def _restarts(session: AsyncSession, since: datetime) -> list[Restarts]:
    rows = await session.execute(
        select(Instance.id, Instance.name, func.count())
        .join(Event, (Event.subject_id == Instance.id) & (Event.subject_kind == "instance"))
        .where(Event.kind.in_(_FELL), Event.at >= since, Instance.state != State.DESTROYED)
        .group_by(Instance.id, Instance.name)
    )
    return [Restarts(*row) for row in rows]


async def _disk_over(session: AsyncSession, presence: Presence) -> list[DiskOver]:
    rows = await session.execute(
        select(Instance.id, Instance.name, Instance.disk_over_since, Instance.disk_mb)
        .where(Instance.disk_over_since.is_not(None), Instance.state != State.DESTROYED)
        .order_by(Instance.name)
    )
    taken = presence.disk_mb()
    return [
        DiskOver(instance_id, name, since, reserved_mb, taken.get(instance_id, 0))
        for instance_id, name, since, reserved_mb in rows
        if since is not None
    ]


async def _first_password_kept(session: AsyncSession) -> bool:
    there = await session.scalar(select(func.count()).where(User.name == FIRST_ADMIN, ~User.disabled))
    changed = await session.scalar(
        select(func.count()).where(
            AuditRecord.action == "user.set_password",
            AuditRecord.target == f"user:{FIRST_ADMIN}",
            AuditRecord.outcome == "done",
        )
    )
    return bool(there) and not changed


async def _size(session: AsyncSession, dialect: str) -> int:
    asked = (
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        if dialect == "sqlite"
        else "SELECT pg_database_size(current_database())"
    )
    return int((await session.execute(text(asked))).scalar_one())


async def durability_off(session: AsyncSession) -> list[str]:
    """As they are for this Brain: a role or a database may have settings of its own."""
    asked = text("SELECT name FROM pg_settings WHERE name = ANY(:names) AND setting = 'off' ORDER BY name")
    return list(await session.scalars(asked, {"names": list(_DURABILITY)}))


async def _database(database: Database, size: int, writes: Histogram) -> DatabaseFact:
    path = database.writer.url.database if database.dialect == "sqlite" else None
    usage = await asyncio.to_thread(shutil.disk_usage, Path(path).parent) if path else None
    return DatabaseFact(database.dialect, size, usage.free if usage else None, percentile(buckets(writes), 0.99))


async def _store(store: ObjectStore, clock: Clock, key: str | None) -> StoreFact:
    began = clock.monotonic()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await store.ping()
        took = clock.monotonic() - began
        async with asyncio.timeout(PATIENCE_S):
            return StoreFact("", took, await _public(store, key), await store.lists_buckets())
    except HytopusError as error:
        return StoreFact(error.message)
    except TimeoutError:
        return StoreFact(f"No answer within {PATIENCE_S:.0f} seconds.")


async def _public(store: ObjectStore, key: str | None) -> bool:
    """Whether a template can be had without a signature."""
    address = (await store.presign_get(key)).partition("?")[0] if key else ""
    if not address.startswith("http"):
        return False
    try:
        async with httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
            return (await client.head(address)).is_success
    except httpx2.HTTPError:
        return False
