"""The time after a restore, in which the Brain knows less than its nodes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.commands import record
from hytopus.brain.db.engine import Database
from hytopus.brain.db.signals import signal
from hytopus.brain.nodes.commands import PLACING, shown
from hytopus.brain.nodes.events import tell
from hytopus.brain.nodes.models import Node, Restore
from hytopus.kit.clock import Clock
from hytopus.kit.ids import is_name
from hytopus.wire.messages import NodeFacts

AT_LEAST: Final = timedelta(seconds=20)
"""Nodes that joined after the backup are not known, so they cannot be waited for: they get this long to come."""
AT_MOST: Final = timedelta(minutes=5)
"""A node that has not come back by then may be gone for good; whatever it holds is sorted out when it comes."""
READMITTED: Final = "node.readmitted"
_SKEW: Final = timedelta(minutes=5)
_LOOK_SECONDS: Final = 1.0


async def is_learning(session: AsyncSession) -> bool:
    """Whether placing must wait."""
    return await session.scalar(select(Restore.id).where(Restore.learned_at.is_(None)).limit(1)) is not None


async def watch_learning(database: Database, clock: Clock) -> None:
    """Returns once the Brain knows what it can know."""
    async with database.read() as session:
        if not await is_learning(session):
            return
    while not await _look(database, clock.now()):
        await clock.sleep(_LOOK_SECONDS)


async def was_forgotten(session: AsyncSession, issued_at: datetime) -> bool:
    """Whether a certificate of that time may be one that was signed after a backup the Brain came back from."""
    found = await session.scalar(
        select(Restore.id).where(Restore.backup_at <= issued_at + _SKEW, Restore.restored_at >= issued_at - _SKEW)
    )
    return found is not None


async def readmit(session: AsyncSession, node_id: str, name: str, facts: NodeFacts, *, at: datetime) -> Node:
    """A node that joined after the backup: our CA has signed for it, and that is all there is left of it.

    So its region and tags are what it says, as when it joined: `unconfirmed` until an operator decides about them.
    """
    wanted = name if is_name(name) else f"node-{node_id}"
    taken = await session.scalar(select(Node.id).where(Node.name == wanted))
    node = Node(
        id=node_id,
        name=wanted if taken is None else f"{wanted[:57]}-{node_id[-6:]}",
        state_since=at,
        joined_at=at,
        tags=[],
        facts={},
        overrides={},
        relearn=True,
    )
    session.add(node)
    await session.flush()
    placed = f"region {shown(facts.region)}, tags {shown(facts.tags)}"
    message = f"Node {node.name} joined after the backup and was taken in again, with what it says of itself: {placed}."
    data = {"region": facts.region, "tags": list(facts.tags)}
    tell(session, node, READMITTED, message, at=at, data=data)
    return node


def unconfirmed(node: Node) -> dict[str, str]:
    """Of a node that was readmitted: the region and tags that nobody but the node itself has set."""
    return {key: shown(value) for key in PLACING if key not in node.overrides and (value := getattr(node, key))}


async def _look(database: Database, at: datetime) -> bool:
    """True when it is over."""
    async with database.write() as session:
        restores = (await session.scalars(select(Restore).where(Restore.learned_at.is_(None)).with_for_update())).all()
        missing = await session.scalar(select(func.count()).where(Node.relearn)) or 0
        for restore in restores:
            restore.began_at = restore.began_at or at
            waited = at - restore.began_at
            if waited >= AT_MOST or (waited >= AT_LEAST and not missing):
                _learned(session, restore, missing, at=at)
        return all(restore.learned_at is not None for restore in restores)


def _learned(session: AsyncSession, restore: Restore, missing: int, *, at: datetime) -> None:
    restore.learned_at = at
    rest = f"; {missing} nodes have not come back" if missing else ""
    record(
        session,
        "brain.learned",
        subject=("system", restore.backup_id),
        message=f"The Brain has learned from its nodes what happened since the backup{rest}.",
        at=at,
        data={"missing_nodes": missing},
    )
    signal(session, "placement")
