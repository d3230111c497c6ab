"""Taking in what nodes tell of crashes. Every message may come twice; a crash is known by its id."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.commands import record
from hytopus.brain.activity.models import Event
from hytopus.brain.crashes.limits import is_within_limits
from hytopus.brain.crashes.models import Crash
from hytopus.brain.crashes.settings import CrashSettings
from hytopus.brain.db.engine import Database
from hytopus.brain.instances.models import Instance
from hytopus.brain.nodes.models import Node
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.storage.base import ObjectStore
from hytopus.wire.messages import CrashReply, CrashReport

log = get_logger(__name__)

LIFETIME_S: Final = 900
"""Seconds a node may use the address it gets."""

_ID: Final = re.compile(r"[a-z0-9]{1,16}-\d{1,10}-\d{1,10}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MOST: Final = 2 * 2**20
"""Characters of what is written down of one crash."""
_INTEGER: Final = 2**31
"""What the column takes."""
_APART: Final = frozenset(
    {"instance_id", "instance", "generation", "attempt", "at", "kind", "exit_code", "game", "fingerprint", "cause"}
) | {"layers", "excerpt"}


async def take_in(
    database: Database,
    store: ObjectStore,
    node_id: str,
    report: CrashReport,
    *,
    clock: Clock,
    settings: CrashSettings,
) -> CrashReply | None:
    """Write it down, and say what its node is to do. None: as far as the Brain knows (yet), it was never there.

    Raises what the object store raises; the node tells it again.
    """
    if not _is_sound(report):
        log.warning("a crash report makes no sense", node=node_id, crash=report.crash_id)
        return CrashReply(report.crash_id, done=True)
    async with database.write() as session:
        crash = await session.get(Crash, report.crash_id)
        if crash is None:
            found = await _subject(session, node_id, report)
            if found is None:
                return None
            if not await is_within_limits(session, *found, settings, now=clock.now()):
                return CrashReply(report.crash_id, done=True)
            crash = _write_down(session, store.prefix, *found, report, now=clock.now())
        if crash.node_id != node_id or crash.stored_at is not None:
            return CrashReply(report.crash_id, done=True)
        key, size = crash.s3_key, crash.size
    if size > settings.max_bundle_mb * 2**20:
        return CrashReply(report.crash_id, done=True)
    if report.stored and await store.head(key) == size:
        await _mark_stored(database, report.crash_id, clock.now())
        return CrashReply(report.crash_id, done=True)
    signed = await store.presign_put(key, sha256=report.sha256, expires_s=LIFETIME_S)
    return CrashReply(report.crash_id, signed.url, dict(signed.headers))


async def _subject(session: AsyncSession, node_id: str, report: CrashReport) -> tuple[Instance, Node] | None:
    """What crashed where. A start that is still to come cannot have crashed: its report would be taken for that one."""
    instance, node = await session.get(Instance, report.instance_id), await session.get(Node, node_id)
    if instance is None or node is None or report.generation > instance.generation:
        return None
    return (instance, node) if await _was_there(session, instance, node_id) else None


def _write_down(
    session: AsyncSession, prefix: str, instance: Instance, node: Node, report: CrashReport, *, now: datetime
) -> Crash:
    facts = _plain(json.loads(report.body))
    at = _moment(report.at, now)
    crash = Crash(
        id=report.crash_id,
        at=at,
        instance_id=instance.id,
        instance_name=instance.name,
        node_id=node.id,
        node_name=node.name,
        game=instance.game,
        generation=report.generation,
        attempt=report.attempt,
        kind=_text(facts, "kind", 16),
        exit_code=code if isinstance(code := facts.get("exit_code"), int) and abs(code) < _INTEGER else None,
        fingerprint=_text(facts, "fingerprint", 16),
        cause=_text(facts, "cause", 200),
        layers=" ".join(_texts(facts, "layers"))[:1000],
        facts={key: value for key, value in facts.items() if key not in _APART},
        excerpt=_texts(facts, "excerpt"),
        size=report.size,
        sha256=report.sha256,
        s3_key=f"{prefix}crashes/{at:%Y/%m/%d}/{report.crash_id}.zip",
        stored_at=None,
    )
    session.add(crash)
    _tell(session, crash, now)
    return crash


async def _was_there(session: AsyncSession, instance: Instance, node_id: str) -> bool:
    """A node speaks for what it has or had. It may tell late, when the instance lives elsewhere."""
    if instance.node_id == node_id:
        return True
    about = (Event.subject_kind == "instance") & (Event.subject_id == instance.id)
    there = select(Event.id).where(about, Event.data["node_id"].as_string() == node_id).limit(1)
    return await session.scalar(there) is not None


async def _mark_stored(database: Database, crash_id: str, now: datetime) -> None:
    async with database.write() as session:
        crash = await session.get(Crash, crash_id, with_for_update=True)
        if crash is not None and crash.stored_at is None:
            crash.stored_at = now
            log.info("crash bundle stored", crash=crash_id, bytes=crash.size)


def _tell(session: AsyncSession, crash: Crash, now: datetime) -> None:
    record(
        session,
        "instance.crashed",
        subject=("instance", crash.instance_id),
        message=f"{crash.instance_name} crashed on {crash.node_name}: {crash.cause}",
        at=now,
        data={
            "name": crash.instance_name,
            "crash_id": crash.id,
            "kind": crash.kind,
            "exit_code": crash.exit_code,
            "fingerprint": crash.fingerprint,
            "node_id": crash.node_id,
        },
    )


def _is_sound(report: CrashReport) -> bool:
    """A node may say anything; what becomes a key in the object store must be harmless."""
    if report.crash_id != f"{report.instance_id}-{report.generation}-{report.attempt}" or len(report.body) > _MOST:
        return False
    if not _ID.fullmatch(report.crash_id) or not _SHA256.fullmatch(report.sha256) or report.size <= 0:
        return False
    try:
        return isinstance(_plain(json.loads(report.body)), dict)
    except (ValueError, RecursionError):
        return False


def _plain(value: Any) -> Any:
    """What every database takes: servers print U+0000; halves of letters and numbers that are none come from nodes that
    mean harm."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return {_plain(key): _plain(each) for key, each in value.items()} if isinstance(value, dict) else value


def _moment(text: str, now: datetime) -> datetime:
    """The node's clock, unless it is ahead of ours."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return now
    return min(at if at.tzinfo else at.replace(tzinfo=UTC), now)


def _texts(facts: Mapping[str, Any], key: str) -> list[str]:
    """The elements of a list; none where something else stands in its place."""
    found = facts.get(key)
    return [str(each) for each in found] if isinstance(found, list) else []


def _text(facts: Mapping[str, Any], key: str, length: int) -> str:
    return str(facts.get(key) or "")[:length]
