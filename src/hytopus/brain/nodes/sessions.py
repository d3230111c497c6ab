"""Which Brain holds which node's session, and what nodes that are connected elsewhere last said.

Every Brain keeps the heartbeats of its own nodes in memory. As soon as there is another Brain, each writes what its
nodes have said since the last time into their rows every few seconds, in one statement, and reads what the others
wrote: for 1,000 nodes that are 50 small updates a second, and no question that a dead Brain could leave unanswered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final, NoReturn

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer, load_only

from hytopus.brain.brains.fleet import Fleet
from hytopus.brain.db.engine import Database
from hytopus.brain.db.scope import EVERYTHING
from hytopus.brain.db.time import database_now
from hytopus.brain.nodes.models import Node, NodeSession
from hytopus.brain.nodes.presence import Elsewhere, Presence
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.wire.codec import NODE, BadMessage
from hytopus.wire.messages import Heartbeat

SHARE_S: Final = 5.0

_WITH_SESSION: Final = (
    select(Node, NodeSession.session_id)
    .outerjoin(NodeSession, NodeSession.node_id == Node.id)
    .where(Node.id.in_(bindparam("ids", expanding=True)))
    .options(defer(Node.facts, raiseload=True), defer(Node.overrides, raiseload=True))
)

log = get_logger(__name__)


async def claim(
    session: AsyncSession, node_id: str, *, brain_id: str, session_id: str, interval_s: float, now: datetime
) -> None:
    """A session begins: it is this Brain's from now on. For whoever holds the lock on the node's row."""
    row = await session.get(NodeSession, node_id, with_for_update=True)
    if row is None:
        row = NodeSession(node_id=node_id)
        session.add(row)
    row.brain_id, row.session_id, row.since = brain_id, session_id, now
    row.heard_at, row.interval_s = now, interval_s


async def is_current(session: AsyncSession, node_id: str, session_id: str) -> bool:
    """Whether this is still the node's last session. It may have found another Brain since."""
    found: str | None = await session.scalar(select(NodeSession.session_id).where(NodeSession.node_id == node_id))
    return found == session_id


async def with_session(session: AsyncSession, node_ids: Collection[str]) -> dict[str, tuple[Node, str | None]]:
    """Nodes without what they say of themselves at length, each with the id of its last session; those that exist.

    What sessions ask most.
    """
    rows = await session.execute(_WITH_SESSION, {"ids": list(node_ids)}, execution_options=EVERYTHING)
    return {node.id: (node, session_id) for node, session_id in rows}


async def holder_of(session: AsyncSession, node_id: str) -> str | None:
    """The id of the Brain its last session is or was with."""
    found: str | None = await session.scalar(select(NodeSession.brain_id).where(NodeSession.node_id == node_id))
    return found


async def forget(session: AsyncSession, node_id: str) -> None:
    """The node is no longer one."""
    await session.execute(delete(NodeSession).where(NodeSession.node_id == node_id))


async def look_elsewhere(
    session: AsyncSession, fleet: Fleet, clock: Clock, *, node_id: str | None = None, beats: bool = False
) -> dict[str, Elsewhere]:
    """Nodes whose last session is or was another Brain's; `beats`: with what they said."""
    query = select(NodeSession).where(NodeSession.brain_id != fleet.id)
    if node_id is not None:
        query = query.where(NodeSession.node_id == node_id)
    if not beats:
        query = query.options(load_only(NodeSession.brain_id, NodeSession.heard_at, NodeSession.interval_s))
    rows = list(await session.scalars(query))
    if not rows:
        return {}
    ahead = await database_now(session, clock) - clock.now()
    return {row.node_id: _elsewhere(row, fleet, ahead, beats=beats) for row in rows}


async def share_heartbeats(database: Database, presence: Presence, fleet: Fleet, clock: Clock) -> NoReturn:
    """Write down what this Brain's nodes say and read what the others' say, until cancelled."""
    while True:
        await clock.sleep(SHARE_S)
        try:
            await share(database, presence, fleet, clock)
        except (SQLAlchemyError, OSError) as error:
            log.warning("heartbeats not shared with the other Brains", cause=str(error) or type(error).__name__)


async def share(database: Database, presence: Presence, fleet: Fleet, clock: Clock) -> None:
    """One round. Without other Brains there is nothing to do."""
    if fleet.peers and (said := presence.to_share()):
        async with database.write() as session:
            ahead = await database_now(session, clock) - clock.now()
            await _write_down(session, fleet.id, said, ahead)
    async with database.read() as session:
        presence.found_elsewhere(await look_elsewhere(session, fleet, clock, beats=True))


async def _write_down(
    session: AsyncSession, brain_id: str, said: Mapping[str, tuple[datetime, Heartbeat]], ahead: timedelta
) -> None:
    statement = (
        update(NodeSession.__table__)  # type: ignore[arg-type]
        .where(NodeSession.node_id == bindparam("node"), NodeSession.brain_id == brain_id)
        .values(heard_at=bindparam("at"), heartbeat=bindparam("beat"))
    )
    rows = [
        {"node": node_id, "at": at + ahead, "beat": NODE.encode(beat)} for node_id, (at, beat) in sorted(said.items())
    ]
    await (await session.connection()).execute(statement, rows)


def _elsewhere(row: NodeSession, fleet: Fleet, ahead: timedelta, *, beats: bool) -> Elsewhere:
    peer = fleet.peer(row.brain_id)
    heard_at = row.heard_at if peer is None or peer.alive else max(row.heard_at, peer.gone_at)
    beat = _beat(row.heartbeat) if beats and row.heartbeat else None
    return Elsewhere(heard_at - ahead, heard_at, row.interval_s, peer is not None and peer.alive, beat)


def _beat(data: bytes) -> Heartbeat | None:
    try:
        message = NODE.decode(data)
    except BadMessage:
        return None
    return message if isinstance(message, Heartbeat) else None
